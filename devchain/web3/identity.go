package web3

import (
	"context"
	"encoding/hex"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/devchain"
)

// clientVersion names the node that this port was modelled on: clients compare it.
const clientVersion = "FISCO-BCOS-Web3RPC/3.16.4-Release/Linux/g++/fb904507481607d24ca07a2743444ddf77500798"

// coinbase is the address of the node's key, which blocks name as their miner.
func (s *Server) coinbase() string { return lower0x(nodeAddress(s.nodeKey)) }

func nodeAddress(key [64]byte) common.Address { return common.Address(crypto.Keccak256(key[:])[12:]) }

func sha3(_ context.Context, c call) (any, error) {
	data, err := decodeData(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	return crypto.Keccak256Hash(data).Hex(), nil
}

func (s *Server) chainID(context.Context, call) (any, error) { return s.web3ChainID("0x0") }

func (s *Server) netVersion(context.Context, call) (any, error) { return s.web3ChainID("0x4ee8") }

// web3ChainID is the setting as a quantity, or missing where there is none.
func (s *Server) web3ChainID(missing string) (any, error) {
	text, err := s.setting("web3_chain_id")
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return missing, nil //nolint:nilerr // a node has a default for what is no number
	}
	return hexutil.EncodeUint64(id), nil
}

func (s *Server) gasPrice(context.Context, call) (any, error) {
	text, err := s.setting("tx_gas_price")
	if err != nil || text == "" {
		return "0x0", err
	}
	price, err := stoull(text)
	return hexutil.EncodeUint64(price), err
}

// setting is a value of the system configuration, empty when it is not set.
func (s *Server) setting(key string) (string, error) {
	setting, err := s.ledger.SystemConfig(key)
	if err != nil {
		return "", ignoreMissing(err)
	}
	return setting.Value, nil
}

func lower0x(a common.Address) string { return "0x" + hex.EncodeToString(a[:]) }

var _ Ledger = (*devchain.Chain)(nil)
