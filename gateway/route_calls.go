package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/internal/exactjson"
)

// NewCall is one read of a contract.
type NewCall struct {
	Target   string          `json:"target,omitempty" maxLength:"100" doc:"Name of a configured target; may be left out when there is only one"`
	Contract string          `json:"contract,omitempty" maxLength:"100" doc:"Name of a built-in or deployed contract" example:"Evidence"`
	To       string          `json:"to,omitempty" doc:"Address of the contract; left out: the newest deployment of contract"`
	Function string          `json:"function" minLength:"1" maxLength:"1000" doc:"Name or signature of the function" example:"get(bytes32)"`
	Args     json.RawMessage `json:"args,omitempty" doc:"The arguments: an array in their order, or an object by their names; left out: none"`
	ABI      json.RawMessage `json:"abi,omitempty" doc:"ABI of the contract when its name is not known: a JSON array, or a string that holds one"`
	From     string          `json:"from,omitempty" doc:"Address that the contract sees as the caller; left out: the zero address"`
	MaxStale int64           `json:"maxStaleMs,omitempty" minimum:"1" maximum:"604800000" doc:"Take an answer that is up to so many milliseconds old when no node can be asked, within calls.cache.stale_for; it is marked as stale"`
	Attempts bool            `json:"attempts,omitempty" doc:"Tell what was tried, node by node"`
}

// CallAnswer is the answer to a read. A revert is an answer, too: its status is not 0.
type CallAnswer struct {
	BlockNumber  uint64            `json:"blockNumber" doc:"The block after which the node answered"`
	Status       int               `json:"status" doc:"0 is success, else the chain's own number"`
	StatusName   string            `json:"statusName,omitempty" doc:"The chain's own name of the status"`
	Output       string            `json:"output" doc:"The returned bytes, or the revert data"`
	Outputs      []contracts.Value `json:"outputs" nullable:"false" doc:"The returned values, where the ABI is known; integers are decimal strings"`
	DecodeError  string            `json:"decodeError,omitempty" doc:"Why output does not fit the ABI: is it another contract?"`
	RevertReason string            `json:"revertReason,omitempty" doc:"What the contract said when it reverted"`
	Source       string            `json:"source,omitempty" enum:"node,merged,cache,stale" doc:"node: it was asked for this call; merged: it was asked the same at the same time; cache: the answer was kept and holds; stale: it was kept and may be outdated"`
	AgeMS        *int64            `json:"ageMs,omitempty" doc:"Age of an answer that was kept (cache, stale), in milliseconds"`
	Attempts     []CallAttempt     `json:"attempts,omitempty" doc:"What was tried, where that was asked for"`
}

type callInput struct{ Body NewCall }
type callOutput struct{ Body CallAnswer }

func callRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "call", Method: http.MethodPost, Path: "/v1/calls", Tags: []string{"calls"},
			Summary: "Call a function that reads", Description: "Nothing is signed and nothing is written. The answer says whether a node was asked for it or whether it was kept.",
		},
		curl: `curl -X POST http://127.0.0.1:8080/v1/calls -H 'Content-Type: application/json' \
  -d '{"contract":"Evidence","function":"count"}'`,
		problems: problemsOfBody(problemsOfChain()...),
		timeout:  requestTimeout,
		register: handle((*Gateway).call),
	}
}

func (g *Gateway) call(ctx context.Context, in *callInput) (*callOutput, error) {
	b := in.Body
	target, err := g.target(b.Target, "body.target")
	if err != nil {
		return nil, err
	}
	from, err := address("from", b.From)
	if err != nil {
		return nil, err
	}
	to, abi, err := g.callee(ctx, target.Info.Name, b)
	if err != nil {
		return nil, err
	}
	method, err := methodOf(abi, b.Function)
	if err != nil {
		return nil, err
	}
	input, err := encodeArgs(method, b.Args)
	if err != nil {
		return nil, err
	}
	ctx, log := chain.WithCallLog(ctx)
	if b.MaxStale > 0 {
		ctx = chain.AllowStale(ctx, time.Duration(b.MaxStale)*time.Millisecond)
	}
	result, err := target.Chain.Call(ctx, chain.CallMsg{From: from, To: to, Input: input})
	if err != nil {
		p := g.problemOf(err)
		p.Attempts = attemptsOf(log)
		return nil, p
	}
	answer := answerOf(result, method, abi)
	answer.source(log)
	if b.Attempts {
		answer.Attempts = attemptsOf(log)
	}
	return &callOutput{Body: answer}, nil
}

// answerOf decodes what the contract gave. abi is nil when only a signature is known.
func answerOf(result chain.CallResult, method *contracts.Method, abi *contracts.ABI) CallAnswer {
	answer := CallAnswer{
		BlockNumber: result.BlockNumber, Status: result.Status, StatusName: result.StatusName,
		Output: hexutil.Encode(result.Output), Outputs: []contracts.Value{},
	}
	if result.Status != 0 {
		answer.RevertReason = abi.RevertReason(result.Output)
		return answer
	}
	values, err := method.DecodeOutput(result.Output)
	if err != nil {
		answer.DecodeError = err.Error()
	} else if values != nil {
		answer.Outputs = values
	}
	return answer
}

// source notes where the answer came from, and how old one is that was kept.
func (a *CallAnswer) source(log *chain.CallLog) {
	source, age := log.Source()
	a.Source = string(source)
	if source == chain.SourceCache || source == chain.SourceStale {
		ms := age.Milliseconds()
		a.AgeMS = &ms
	}
}

// callee finds address and ABI. The ABI is nil when only a signature is known.
func (g *Gateway) callee(ctx context.Context, target string, b NewCall) (common.Address, *contracts.ABI, error) {
	to, err := address("to", b.To)
	if err != nil {
		return common.Address{}, nil, err
	}
	text, err := abiText(b.ABI)
	if err != nil {
		return common.Address{}, nil, err
	}
	var abi *contracts.ABI
	if text != nil {
		if abi, err = contracts.ParseABI(text); err != nil {
			return common.Address{}, nil, badMember("abi", err.Error())
		}
	}
	switch {
	case b.Contract == "" && to == nil:
		return common.Address{}, nil, badMember("contract", "is missing: name a contract, or give its address as to")
	case b.Contract == "":
		return *to, abi, nil
	}
	if to != nil {
		if artifact, ok := contracts.Builtin(b.Contract); ok && abi == nil {
			return *to, artifact.ABI, nil
		}
	}
	deployed, err := g.cfg.Engine.Contract(ctx, target, b.Contract)
	if err != nil {
		return common.Address{}, nil, err
	}
	if abi == nil {
		abi = deployed.ABI
	}
	if to == nil {
		to = &deployed.Address
	}
	return *to, abi, nil
}

func methodOf(abi *contracts.ABI, function string) (*contracts.Method, error) {
	var method *contracts.Method
	var err error
	if abi != nil {
		method, err = abi.Method(function)
	} else {
		method, err = contracts.MethodFromSignature(function)
	}
	if err != nil {
		return nil, badMember("function", err.Error())
	}
	return method, nil
}

// encodeArgs takes the arguments by order or by name. Numbers stay as they are
// written, so that none is rounded.
func encodeArgs(method *contracts.Method, raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		raw = json.RawMessage("[]")
	}
	args, err := exactjson.Decode(raw)
	if err != nil {
		return nil, badMember("args", err.Error())
	}
	switch args := args.(type) {
	case nil:
		return method.Encode(nil)
	case []any:
		return method.Encode(args)
	case map[string]any:
		return method.EncodeNamed(args)
	}
	return nil, badMember("args", fmt.Sprintf("must be an array in the order of the arguments, or an object by their names: %s", method.Signature()))
}
