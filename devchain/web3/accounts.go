package web3

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// account reads the first parameter; the block that parameter at names must be
// readable, but the newest one is meant whatever it says.
func (s *Server) account(c call, at int) (address common.Address, ok bool, err error) {
	address, ok = decodeAddress(c.params.Text(0))
	_, err = s.blockTag(c.params.Text(at))
	return address, ok, err
}

func (s *Server) getBalance(_ context.Context, c call) (any, error) {
	address, ok, err := s.account(c, 1)
	if err != nil || !ok {
		return "0x0", err
	}
	account, err := s.ledger.Account(address)
	if err != nil {
		return nil, err
	}
	return hexutil.EncodeBig(account.Balance), nil
}

func (s *Server) getTransactionCount(_ context.Context, c call) (any, error) {
	address, ok, err := s.account(c, 1)
	if err != nil || !ok {
		return "0x0", err
	}
	if c.params.Text(1) == "pending" {
		nonce, err := s.ledger.PendingNonce(address)
		return hexutil.EncodeUint64(nonce), err
	}
	account, err := s.ledger.Account(address)
	return hexutil.EncodeUint64(account.Nonce), err
}

func (s *Server) getCode(_ context.Context, c call) (any, error) {
	address, ok, err := s.account(c, 1)
	if err != nil || !ok {
		return "0x", err
	}
	code, err := s.ledger.Code(address)
	return hex0x(code), err
}

func (s *Server) getStorageAt(_ context.Context, c call) (any, error) {
	digits := strings.TrimPrefix(c.params.Text(1), "0x")
	if len(digits)%2 != 0 {
		digits = "0" + digits
	}
	slot, err := hex.DecodeString(digits)
	if err != nil {
		return nil, dumped("boost::wrapexcept<bcos::BadHexCharacter>", "std::exception")
	}
	address, ok, err := s.account(c, 2)
	if err != nil || !ok {
		return common.Hash{}.Hex(), err
	}
	value, err := s.ledger.Storage(address, common.BytesToHash(slot))
	return value.Hex(), err
}
