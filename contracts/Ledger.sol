// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Ledger
/// @notice A fixed supply of units and the balances of the accounts that hold them. It shows every
///         way in which a call can end: success, a custom error, a text and a panic.
contract Ledger {
    /// @notice What the ledger is called.
    string public name;

    /// @notice The sum of all balances; it never changes.
    uint256 public immutable totalSupply;

    /// @notice The units that an account holds.
    mapping(address account => uint256 units) public balanceOf;

    /// @notice Units moved. The creation of the ledger is a transfer from the zero address.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice All transfers of one batch were made.
    event BatchTransfer(address indexed from, uint256 transfers, uint256 total);

    /// @notice The account holds less than it would have to give.
    error InsufficientBalance(address account, uint256 balance, uint256 needed);

    /// @notice A batch needs as many values as receivers.
    error LengthMismatch(uint256 receivers, uint256 values);

    /// @param name_ what the ledger is called
    /// @param supply all units; the account that deploys holds them at first
    constructor(string memory name_, uint256 supply) {
        require(bytes(name_).length != 0, "Ledger: the name is empty");
        name = name_;
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    /// @notice Gives value units of the caller to another account.
    function transfer(address to, uint256 value) external returns (bool) {
        _move(to, value);
        return true;
    }

    /// @notice Makes many transfers, or none of them when one is refused.
    /// @param to the receivers
    /// @param values the units for each, in the same order
    /// @return total the sum of values; a sum beyond 256 bits panics
    function batchTransfer(address[] calldata to, uint256[] calldata values) external returns (uint256 total) {
        if (to.length != values.length) revert LengthMismatch(to.length, values.length);
        for (uint256 i = 0; i < to.length; ++i) {
            total += values[i];
            _move(to[i], values[i]);
        }
        emit BatchTransfer(msg.sender, to.length, total);
    }

    function _move(address to, uint256 value) private {
        require(to != address(0), "Ledger: transfer to the zero address");
        uint256 balance = balanceOf[msg.sender];
        if (balance < value) revert InsufficientBalance(msg.sender, balance, value);
        unchecked {
            // The balance covers value, and no balance exceeds totalSupply.
            balanceOf[msg.sender] = balance - value;
            balanceOf[to] += value;
        }
        emit Transfer(msg.sender, to, value);
    }
}
