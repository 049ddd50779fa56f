package fisco

import (
	"context"
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// CallContract reads on the node's newest state, without a sender: msg.sender
// and tx.origin are zero. A revert is a result with another status than 0.
func (m *Methods) CallContract(ctx context.Context, to common.Address, input []byte) (result.Call, error) {
	return read[result.Call](ctx, m, opCall, m.group, "", hex.EncodeToString(to[:]), jsonrpc.Hex(input))
}

// CallContractAs reads as the account of key. The node wants a signature over the
// text of the address and the input, and takes msg.sender from it (protocol
// §3.5.1). From node 3.4 on.
func (m *Methods) CallContractAs(ctx context.Context, key *suite.Key, to common.Address, input []byte) (result.Call, error) {
	if key.Suite() != m.suite {
		return result.Call{}, m.at(&chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opCall,
			Msg: "the key is for a " + key.Suite().String() + " ledger, the group has a " + m.suite.String() + " one"})
	}
	signature, err := key.Sign(tx.CallDigest(m.suite, to, input))
	if err != nil {
		return result.Call{}, m.at(&chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opCall, Msg: "the key cannot sign", Err: err})
	}
	return m.callSigned(ctx, to, input, signature)
}

// callSigned reads as the account that signed the call.
func (m *Methods) callSigned(ctx context.Context, to common.Address, input, signature []byte) (result.Call, error) {
	return read[result.Call](ctx, m, opCall, m.group, "", hex.EncodeToString(to[:]), jsonrpc.Hex(input), jsonrpc.Hex(signature))
}

// GetCode is the code of an account, empty when it has none.
func (m *Methods) GetCode(ctx context.Context, address common.Address) ([]byte, error) {
	code, err := read[jsonrpc.Hex](ctx, m, "getCode", m.group, "", hex.EncodeToString(address[:]))
	return code, err
}

// GetABI is the JSON ABI that was given when the contract was deployed, "" when
// none was. The chain keeps it with the code: a copy of the same code has the ABI
// of the first one (protocol §3.4).
func (m *Methods) GetABI(ctx context.Context, address common.Address) (string, error) {
	return read[string](ctx, m, "getABI", m.group, "", hex.EncodeToString(address[:]))
}
