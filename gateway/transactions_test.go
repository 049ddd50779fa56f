package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
)

func TestTransactionWaitsForItsReceipt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("POST", "/v1/transactions", `{"contract":"Evidence","function":"save","args":{"digest":"0x01","text":"a"}}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, "/v1/jobs/job1", a.header.Get("Location"))
	got := a.json(t)
	require.Equal(t, "job1", got["jobId"])
	require.Equal(t, "confirmed", got["state"])
	require.EqualValues(t, 7, got["block"])
	require.EqualValues(t, 0, got["status"])
	require.NotEmpty(t, got["txHash"])
	require.Equal(t, batch.KindTransaction, r.engine.specs[0].Kind)
}

func TestDeploymentTellsTheContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, "0x31ed5233b81c79d5adddeef991f531a9bbc2ad01", a.json(t)["contract"])
	require.True(t, r.engine.specs[0].Deploy)
}

func TestTransactionThatIsNotFinalInTime(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"none":    `{"contract":"Evidence","function":"save","wait":"none"}`,
		"sent":    `{"contract":"Evidence","function":"save","wait":"sent"}`,
		"timeout": `{"contract":"Evidence","function":"save","timeoutMs":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.engine.hold = make(chan struct{})
			a := r.do("POST", "/v1/transactions", body)
			require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
			require.Equal(t, "job1", a.json(t)["jobId"])
			require.Equal(t, "submitted", a.json(t)["state"])
			require.NotEmpty(t, a.json(t)["txHash"], "the hash is never hidden")
		})
	}
}

func TestStopEndsTheWaitAndNotTheTransaction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.hold = make(chan struct{})
	done := make(chan answer, 1)
	go func() {
		done <- r.do("POST", "/v1/transactions", `{"contract":"Evidence","function":"save","timeoutMs":300000}`)
	}()
	require.Eventually(t, func() bool {
		list, err := r.engine.Jobs(t.Context(), batch.JobFilter{State: batch.JobRunning, Limit: 1})
		return err == nil && len(list) == 1
	}, 10*time.Second, time.Millisecond)
	r.gw.Drain()
	a := <-done
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.NotEmpty(t, a.json(t)["txHash"])
}

func TestTransactionWhoseJobStandsStill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.fail["Wait"] = fmt.Errorf("wait: %w", batch.ErrHalted)
	require.Equal(t, http.StatusAccepted, r.do("POST", "/v1/transactions", `{"contract":"Evidence","function":"save"}`).status)
	r.engine.setFail("Wait", errors.New("the store is gone"))
	p := r.problem(r.do("POST", "/v1/transactions", `{"contract":"Evidence","function":"save"}`), http.StatusInternalServerError, "internal")
	require.Equal(t, "job2", p.JobID)
	require.NotEmpty(t, p.TxHash, "the hash is never hidden")
}

func TestBadTransactions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, tc := range map[string]struct{ body, location string }{
		"nothing to do":        {`{}`, "body.function"},
		"deploy and function":  {`{"deploy":true,"function":"save"}`, "body.function"},
		"args are a word":      {`{"function":"save","args":"x"}`, "body.args"},
		"unknown wait":         {`{"function":"save","wait":"forever"}`, "body.wait"},
		"timeout zero":         {`{"function":"save","timeoutMs":0}`, "body.timeoutMs"},
		"timeout of a day":     {`{"function":"save","timeoutMs":86400000}`, "body.timeoutMs"},
		"timeout with a point": {`{"function":"save","timeoutMs":1.5}`, "body.timeoutMs"},
		"wrong checksum":       {`{"function":"save","to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaee"}`, "body.to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *r
			r.t = t
			p := r.problem(r.do("POST", "/v1/transactions", tc.body), http.StatusUnprocessableEntity, "invalid_request")
			require.Equal(t, tc.location, p.Errors[0].Location)
		})
	}
}

func TestWrongArgumentsOfATransactionAreNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.fail["Load"] = &batch.InvalidRowsError{JobID: "job1", Count: 1, Faults: []batch.RowFault{{Row: 1, Column: "digest", Reason: "has an odd number of hex digits"}}}
	p := r.problem(r.do("POST", "/v1/transactions", `{"function":"save","args":["0x1"]}`), http.StatusUnprocessableEntity, "invalid_arguments")
	require.Equal(t, []ProblemError{{Location: "body.args.digest", Message: "has an odd number of hex digits"}}, p.Errors)
	require.Empty(t, p.Faults)
}

const anyContract = `"to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"`

func TestCallsEncodeAndDecode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	word := func(last string) []byte { return common.LeftPadBytes(common.FromHex(last), 32) }
	r.chain.result = chain.CallResult{BlockNumber: 9, Output: word("0x07")}
	a := r.do("POST", "/v1/calls", `{"contract":"Evidence",`+anyContract+`,"function":"count"}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.JSONEq(t, `{"blockNumber":9,"status":0,"output":"0x`+strings.Repeat("0", 63)+`7","outputs":[{"name":"","type":"uint256","value":"7"}]}`, string(a.body))
	require.Equal(t, common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"), r.chain.last.To)
	require.Len(t, r.chain.last.Input, 4)

	a = r.do("POST", "/v1/calls", `{`+anyContract+`,"function":"f(uint256)","args":[115792089237316195423570985008687907853269984665640564039457584007913129639935],"from":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Equal(t, strings.Repeat("ff", 32), common.Bytes2Hex(r.chain.last.Input[4:]), "large numbers are not rounded")
	require.NotNil(t, r.chain.last.From)

	abi := `[{"type":"function","name":"g","stateMutability":"view","inputs":[{"name":"who","type":"address"}],"outputs":[{"name":"ok","type":"bool"}]}]`
	for _, form := range []string{abi, fmt.Sprintf("%q", abi)} {
		r.chain.result.Output = word("0x01")
		a = r.do("POST", "/v1/calls", `{`+anyContract+`,"abi":`+form+`,"function":"g","args":{"who":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"}}`)
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.Equal(t, []any{map[string]any{"name": "ok", "type": "bool", "value": true}}, a.json(t)["outputs"])
	}

	r.chain.result.Output = []byte{1, 2, 3}
	a = r.do("POST", "/v1/calls", `{"contract":"Evidence",`+anyContract+`,"function":"count"}`)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "0x010203", a.json(t)["output"])
	require.NotEmpty(t, a.json(t)["decodeError"], "an answer that does not fit is shown, and said to be odd")
}

func TestRevertOfACallIsAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reason := "08c379a0" + fmt.Sprintf("%064x", 32) + fmt.Sprintf("%064x", 5) + common.Bytes2Hex([]byte("nope!")) + strings.Repeat("0", 54)
	r.chain.result = chain.CallResult{Status: 16, StatusName: "RevertInstruction", Output: common.FromHex(reason)}
	a := r.do("POST", "/v1/calls", `{`+anyContract+`,"function":"count()"}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.EqualValues(t, 16, a.json(t)["status"])
	require.Equal(t, "RevertInstruction", a.json(t)["statusName"])
	require.Contains(t, a.json(t)["revertReason"], "nope!")
	require.Equal(t, []any{}, a.json(t)["outputs"])
}

func TestBadCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, tc := range map[string]struct{ body, code, location string }{
		"no contract":         {`{"function":"count()"}`, "invalid_request", "body.contract"},
		"contract not there":  {`{"contract":"Evidence","function":"count"}`, "invalid_request", "body.contract"},
		"unknown target":      {`{"target":"x",` + anyContract + `,"function":"count()"}`, "unknown_target", "body.target"},
		"name without an ABI": {`{` + anyContract + `,"function":"count"}`, "invalid_request", "body.function"},
		"unknown function":    {`{"contract":"Evidence",` + anyContract + `,"function":"nope"}`, "invalid_request", "body.function"},
		"broken ABI":          {`{` + anyContract + `,"abi":[{"type":7}],"function":"f"}`, "invalid_request", "body.abi"},
		"too few arguments":   {`{"contract":"Evidence",` + anyContract + `,"function":"get"}`, "invalid_arguments", "body.args"},
		"odd hex":             {`{"contract":"Evidence",` + anyContract + `,"function":"get","args":["0x123"]}`, "invalid_arguments", "body.args"},
		"unknown name":        {`{"contract":"Evidence",` + anyContract + `,"function":"get","args":{"x":"0x12"}}`, "invalid_arguments", "body.args"},
		"exponent":            {`{` + anyContract + `,"function":"f(uint256)","args":[1.5e3]}`, "invalid_arguments", "body.args"},
		"argument twice":      {`{"contract":"Evidence",` + anyContract + `,"function":"get","args":{"digest":"0x` + strings.Repeat("ab", 32) + `","digest":"0x` + strings.Repeat("cd", 32) + `"}}`, "invalid_request", "body.args"},
		"args are a number":   {`{` + anyContract + `,"function":"f()","args":3}`, "invalid_request", "body.args"},
		"bad caller":          {`{` + anyContract + `,"function":"f()","from":"me"}`, "invalid_request", "body.from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *r
			r.t = t
			p := r.problem(r.do("POST", "/v1/calls", tc.body), http.StatusUnprocessableEntity, tc.code)
			require.Equal(t, tc.location, p.Errors[0].Location)
		})
	}
}
