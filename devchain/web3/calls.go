package web3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

func (s *Server) call(ctx context.Context, c call) (any, error) {
	args, err := parseCall(c.params.At(0))
	if err != nil {
		return nil, err
	}
	result, err := s.execute(ctx, c, args)
	return hex0x(result.Output), err
}

func (s *Server) estimateGas(ctx context.Context, c call) (any, error) {
	if _, err := s.blockTag(c.params.Text(1)); err != nil { // before the call is looked at
		return nil, err
	}
	args, err := parseCall(c.params.At(0))
	if err != nil {
		return nil, err
	}
	result, err := s.execute(ctx, c, args)
	return hexutil.EncodeUint64(result.GasUsed), err
}

// execute runs a call on the newest block. What fails there is answered with its
// status as code and its output as data.
func (s *Server) execute(ctx context.Context, c call, args devchain.CallArgs) (devchain.CallResult, error) {
	if _, err := s.blockTag(c.params.Text(1)); err != nil {
		return devchain.CallResult{}, err
	}
	result, err := s.ledger.Call(ctx, args)
	if refused, ok := errors.AsType[*devchain.Error](err); ok {
		return result, &fault{Code: codeInternal, Message: refused.Message}
	}
	if err == nil && result.Status != devchain.StatusNone {
		return result, &fault{Code: int(result.Status), Data: hex0x(result.Output)}
	}
	return result, err
}

// parseCall reads the call object. Its prices and its gas are without effect, but
// gas must be a number.
func parseCall(v json.RawMessage) (devchain.CallArgs, error) {
	var args devchain.CallArgs
	if nodejson.IsNull(v) || v[0] != '{' {
		return args, &fault{Code: codeInvalidParams, Message: "Invalid call request!"}
	}
	members, err := nodejson.Members(v)
	if err != nil {
		return args, err
	}
	texts := map[string]string{}
	for _, name := range callMembers {
		if texts[name], err = nodejson.Text(members[name]); err != nil {
			return args, err
		}
	}
	data := texts["data"]
	if _, ok := members["data"]; !ok {
		data = texts["input"]
	}
	args.Input, _ = decodeData(data) // what cannot be read is no input
	args.To = texts["to"]
	if from, err := decodeData(texts["from"]); err == nil && len(from) == common.AddressLength {
		args.From = common.Address(from)
	}
	if _, ok := members["gas"]; ok {
		if _, err := stoull(texts["gas"]); err != nil {
			return args, err
		}
	}
	args.Value, err = parseValue(texts["value"])
	return args, err
}

// callMembers are the members that a node looks at: each must be text or null.
var callMembers = []string{"data", "input", "to", "from", "gas", "gasPrice", "value", "maxPriorityFeePerGas", "maxFeePerGas"}

// parseValue reads hex with 0x, octal with 0, or decimal.
func parseValue(text string) (*big.Int, error) {
	if text == "" || text == "0x" {
		return nil, nil
	}
	value, ok := new(big.Int).SetString(text, 0)
	if !ok || value.Sign() < 0 {
		return nil, &fault{Code: codeInternal, Message: "Unexpected content found while parsing character string."}
	}
	return value, nil
}

// sendRawTransaction answers with the hash at once, or, with SyncTransaction, when
// the transaction is in a block.
func (s *Server) sendRawTransaction(ctx context.Context, c call) (any, error) {
	raw, err := decodeData(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	sent, err := s.ledger.SubmitEthereum(raw)
	if err != nil {
		return nil, err
	}
	if s.cfg.SyncTransaction {
		result, err := sent.Wait(ctx)
		if err != nil {
			return nil, err
		}
		if wrong := failed(result); wrong != nil {
			return nil, wrong
		}
	}
	return sent.Hash.Hex(), nil
}

// failed is what the sender hears of a transaction that did not succeed; nil when
// it did.
func failed(result devchain.Result) *fault {
	status, output := devchain.StatusPoolTimeout, []byte(nil)
	if !result.Dropped {
		status, output = result.Receipt.Status, result.Receipt.Output
	}
	if status == devchain.StatusNone {
		return nil
	}
	text := fmt.Sprintf("VM Exception while processing transaction, reason: %s, msg: %s", status, hex0x(output))
	return &fault{Code: codeInternal, Message: text, Data: struct {
		Data    string `json:"data"`
		Message string `json:"message"`
		TxHash  string `json:"txHash"`
	}{hex0x(output), text, result.Transaction.Hash.Hex()}}
}
