package system

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// execution is a recorded read or transaction, whatever its contract.
type execution struct {
	where  string
	suite  suite.Suite
	to     common.Address
	input  []byte
	status int
	output []byte
}

func suiteOf(name string) suite.Suite {
	if golden.GM(name) {
		return suite.GM
	}
	return suite.Standard
}

type answer struct {
	Result *struct {
		Status int
		Output hexutil.Bytes
	}
}

// readExecution takes a recorded call apart, if it is one that was answered.
func readExecution(request, response []byte) (execution, bool) {
	var asked struct {
		Method string
		Params []any
	}
	var got answer
	if json.Unmarshal(request, &asked) != nil || json.Unmarshal(response, &got) != nil || asked.Method != "call" || got.Result == nil || len(asked.Params) < 4 {
		return execution{}, false
	}
	to, _ := asked.Params[2].(string)
	data, _ := asked.Params[3].(string)
	input, err := hex.DecodeString(strings.TrimPrefix(data, "0x"))
	return execution{to: common.HexToAddress(to), input: input, status: got.Result.Status, output: got.Result.Output}, err == nil
}

// executions are all that the recordings have.
func executions(t *testing.T) (out []execution) {
	t.Helper()
	add := func(where, file string, e execution, ok bool) {
		if ok {
			e.where, e.suite = where, suiteOf(file)
			out = append(out, e)
		}
	}
	for _, file := range golden.Files(t, "tx/*.jsonl") {
		if strings.Contains(file, ".diff.") {
			continue
		}
		for _, entry := range golden.Ledger(t, file) {
			if entry.Raw == "" {
				e, ok := readExecution(entry.Request, entry.Response)
				add(file+": "+entry.Note, file, e, ok)
				continue
			}
			var got answer
			if json.Unmarshal(entry.Receipt, &got) != nil || got.Result == nil {
				continue
			}
			raw, err := hex.DecodeString(entry.Raw)
			require.NoError(t, err)
			sent, err := tars.DecodeTransaction(raw)
			require.NoError(t, err, "%s: %s", file, entry.Note)
			add(file+": "+entry.Note, file, execution{to: common.HexToAddress(sent.Data.To), input: sent.Data.Input, status: got.Result.Status, output: got.Result.Output}, true)
		}
	}
	for _, file := range golden.Files(t, "rpc/*.txt") {
		for _, x := range golden.Exchanges(t, file) {
			e, ok := readExecution([]byte(x.Request), []byte(x.Response))
			add(file+": "+x.Case, file, e, ok)
		}
	}
	return out
}

// TestGoldenExecutions holds that whatever a real node answered to a call of a
// system contract is a result, or an error that says why there is none.
func TestGoldenExecutions(t *testing.T) {
	t.Parallel()
	all := executions(t)
	tables := map[common.Address]bool{}
	for _, e := range all {
		if e.to == addressOf(0x1002) && len(e.output) == 32 {
			tables[common.BytesToAddress(e.output)] = true
		}
	}
	delete(tables, common.Address{})
	found, refused, failed := map[string]bool{}, 0, 0
	for _, e := range all {
		f, ok := functionAt(e, tables)
		if !ok {
			continue
		}
		found[f.signature] = true
		node, c := newFake(e.suite)
		node.result = chain.CallResult{Status: e.status, Output: e.output}
		node.receipt = chain.Receipt{Status: e.status, Output: e.output, Succeeded: e.status == 0}
		_, err := f.op(c)(context.Background(), node)
		if err == nil {
			require.Zero(t, e.status, e.where)
			continue
		}
		border, ok := errors.AsType[*chain.Error](err)
		require.True(t, ok, "%s: %v", e.where, err)
		code, isCode := errors.AsType[*CodeError](err)
		status, isStatus := errors.AsType[*StatusError](err)
		switch {
		case isCode:
			refused++
			require.NotEmpty(t, code.Code.Meaning(), "%s: %v is not in the table", e.where, code.Code)
			require.Equal(t, code.Code.Kind(), border.Kind)
		case isStatus:
			failed++
			require.Equal(t, e.status, status.Status, e.where)
			require.NotEmpty(t, status.Reason, e.where)
		default:
			require.Equal(t, chain.KindNotFound, border.Kind, "%s: %v", e.where, err)
		}
	}
	t.Logf("%d functions, %d refusals, %d failures", len(found), refused, failed)
	if len(found) == 0 {
		t.Skip("these recordings have no system contracts; TestRecordedConversations has a chosen part of others")
	}
}

// functionAt finds the function that an execution called.
func functionAt(e execution, tables map[common.Address]bool) (functionCase, bool) {
	for _, f := range everyFunction {
		selector := e.suite.Selector(f.signature)
		if strings.HasPrefix(string(e.input), string(selector[:])) && (f.at == e.to || f.at == tableAt && tables[e.to]) {
			return f, true
		}
	}
	return functionCase{}, false
}
