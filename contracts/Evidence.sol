// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Evidence
/// @notice Keeps digests of documents. A digest can be saved once, by anybody, and can never be
///         changed or removed: who saved it, in which block and with which text stays readable.
contract Evidence {
    /// @dev owner and blockNumber share one storage slot. owner is zero only where nothing is saved.
    struct Record {
        address owner;
        uint96 blockNumber;
        string text;
    }

    mapping(bytes32 digest => Record) private records;
    uint256 private saved;

    /// @notice A digest was saved.
    /// @param digest the digest, for example the SHA-256 of a file
    /// @param owner the account that saved it
    /// @param blockNumber the block that holds it
    /// @param text what the owner says about it, for example the name of the file
    event Saved(bytes32 indexed digest, address indexed owner, uint256 blockNumber, string text);

    /// @notice The digest is there already; nothing was changed.
    error AlreadySaved(bytes32 digest, address owner, uint256 blockNumber);

    /// @notice Nobody has saved this digest.
    error NotSaved(bytes32 digest);

    /// @notice Saves a digest with a text. Reverts with AlreadySaved when the digest is known.
    function save(bytes32 digest, string calldata text) external {
        Record storage record = records[digest];
        address owner = record.owner;
        if (owner != address(0)) revert AlreadySaved(digest, owner, record.blockNumber);

        record.owner = msg.sender;
        record.blockNumber = uint96(block.number);
        record.text = text;
        unchecked {
            ++saved;
        }
        emit Saved(digest, msg.sender, block.number, text);
    }

    /// @notice Reads a record back. Reverts with NotSaved when the digest is unknown.
    function get(bytes32 digest) external view returns (address owner, uint256 blockNumber, string memory text) {
        Record storage record = records[digest];
        owner = record.owner;
        if (owner == address(0)) revert NotSaved(digest);
        return (owner, record.blockNumber, record.text);
    }

    /// @notice How many digests are saved.
    function count() external view returns (uint256) {
        return saved;
    }
}
