package system

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// FuzzDecodeOutcome holds that no status, output and log make a function panic,
// that every error is a *chain.Error that tells whether something was sent, and
// that neither a status nor a negative code passes for success.
func FuzzDecodeOutcome(f *testing.F) {
	for i, tt := range everyFunction {
		f.Add(uint8(i), int32(0), oracle(f, "f("+tt.returns+")", tt.out...), signed(0))
	}
	f.Add(uint8(0), int32(0), signed(-50000), []byte(nil))
	f.Add(uint8(0), int32(15), append([]byte{0x08, 0xc3, 0x79, 0xa0}, oracle(f, "f(string)", "errorCode: -50002")...), []byte(nil))
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		for i, r := range recordings(f, s) {
			if len(r.Output) < 1024 {
				f.Add(uint8(i), int32(r.Status), []byte(r.Output), signed(-51104))
			}
		}
	}
	f.Fuzz(func(t *testing.T, index uint8, status int32, output, data []byte) {
		tt := everyFunction[int(index)%len(everyFunction)]
		node, c := newFake(suite.Standard)
		node.result = chain.CallResult{Status: int(status), Output: output}
		node.receipt = chain.Receipt{Status: int(status), Output: output, Logs: []chain.Log{{
			Address: addressOf(0x10001), Topics: []common.Hash{suite.Standard.Hash([]byte("execResult(int256)"))}, Data: data}}}
		_, err := tt.op(c)(context.Background(), node)
		if err != nil {
			e, ok := errors.AsType[*chain.Error](err)
			require.True(t, ok)
			require.NotEmpty(t, e.Kind)
			require.NotEmpty(t, e.Error())
			require.Equal(t, tt.read, e.Sent == chain.SentNo)
		}
		_, failed := errors.AsType[*StatusError](err)
		require.Equal(t, status != 0, failed)
		if tt.returns == "int256" && status == 0 {
			fits := len(output) >= 32 && (bytes.Equal(output[:24], make([]byte, 24)) && output[24] < 0x80)
			require.Equal(t, fits, err == nil)
		}
	})
}
