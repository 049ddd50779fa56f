package system

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// oracle packs values for the parameter list of a signature with another codec.
// Parts of a tuple are fields Name0, Name1… of a struct.
func oracle(t testing.TB, signature string, values ...any) []byte {
	t.Helper()
	var inputs abi.Arguments
	if !strings.HasSuffix(signature, "()") {
		parsed, err := abi.ParseSelector(signature)
		require.NoError(t, err)
		text, err := json.Marshal(parsed.Inputs)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &inputs))
	}
	packed, err := inputs.Pack(values...)
	require.NoError(t, err, signature)
	return packed
}

func addressOf(n int64) common.Address { return common.BigToAddress(big.NewInt(n)) }

// fakeNode is a caller and a transactor with canned answers, which keeps what it
// was given.
type fakeNode struct {
	asked    []chain.CallMsg
	sent     []chain.Intent
	children map[string]common.Address // by the selectors of _committee() and _proposalMgr()
	result   chain.CallResult
	receipt  chain.Receipt
	err      error
}

func (f *fakeNode) Call(_ context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	if child, ok := f.children[string(msg.Input)]; ok {
		return chain.CallResult{Output: common.LeftPadBytes(child[:], 32)}, nil
	}
	f.asked = append(f.asked, msg)
	return f.result, f.err
}

func (f *fakeNode) Transact(_ context.Context, intent chain.Intent) (chain.Receipt, error) {
	f.sent = append(f.sent, intent)
	return f.receipt, f.err
}

var (
	childCommittee = common.HexToAddress("0xc0c0000000000000000000000000000000000001")
	childProposals = common.HexToAddress("0xc0c0000000000000000000000000000000000002")
)

// newFake is a node of a chain with a committee.
func newFake(s suite.Suite) (*fakeNode, *Contracts) {
	members, proposals := s.Selector("_committee()"), s.Selector("_proposalMgr()")
	f := &fakeNode{children: map[string]common.Address{string(members[:]): childCommittee, string(proposals[:]): childProposals}}
	return f, New(f, s)
}

// op is a call of a typed method, a read or a write.
type op func(context.Context, Transactor) (any, error)

// act makes a write an op.
func act[T any](w Write[T], err error) op {
	return func(ctx context.Context, t Transactor) (any, error) {
		if err != nil {
			return nil, err
		}
		v, _, err := Do(ctx, t, w)
		return v, err
	}
}

// ask makes a read an op.
func ask[T any](f func(context.Context) (T, error)) op {
	return func(ctx context.Context, _ Transactor) (any, error) { return f(ctx) }
}

func TestEveryFunctionAgainstAnotherCodec(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, tt := range everyFunction {
		key := tt.at.Hex() + tt.signature
		require.False(t, seen[key], "%s is there twice", tt.signature)
		seen[key] = true
	}
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		for _, tt := range everyFunction {
			t.Run(s.String()+" "+tt.signature, func(t *testing.T) {
				t.Parallel()
				f, c := newFake(s)
				output := oracle(t, "f("+tt.returns+")", tt.out...)
				f.result = chain.CallResult{Output: output}
				f.receipt = chain.Receipt{Output: output, Succeeded: true}
				got, err := tt.op(c)(t.Context(), f)
				require.NoError(t, err)
				require.Equal(t, tt.want, got)

				selector := s.Selector(tt.signature)
				want := hex.EncodeToString(append(selector[:], oracle(t, tt.signature, tt.args...)...))
				if tt.read {
					require.Len(t, f.asked, 1)
					require.Equal(t, tt.at, f.asked[0].To)
					require.Equal(t, want, hex.EncodeToString(f.asked[0].Input))
					require.Empty(t, f.sent)
					return
				}
				require.Len(t, f.sent, 1)
				require.Equal(t, &tt.at, f.sent[0].To)
				require.Equal(t, want, hex.EncodeToString(f.sent[0].Input))
				require.Empty(t, f.asked)
				require.Nil(t, f.sent[0].Value)
				require.Empty(t, f.sent[0].ABI)
			})
		}
	}
}

// TestEveryFunctionFails holds that no function takes a failure for success.
func TestEveryFunctionFails(t *testing.T) {
	t.Parallel()
	reason := append([]byte{0x08, 0xc3, 0x79, 0xa0}, oracle(t, "f(string)", "no")...)
	minus := bytes.Repeat([]byte{0xff}, 32) // -1
	for _, tt := range everyFunction {
		t.Run(tt.signature, func(t *testing.T) {
			t.Parallel()
			sent := chain.SentYes
			if tt.read {
				sent = chain.SentNo
			}
			do := func(status int, output []byte) *chain.Error {
				f, c := newFake(suite.Standard)
				f.result = chain.CallResult{Status: status, StatusName: "RevertInstruction", Output: output}
				f.receipt = chain.Receipt{Status: status, StatusName: "RevertInstruction", Output: output}
				_, err := tt.op(c)(t.Context(), f)
				e, ok := errors.AsType[*chain.Error](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, sent, e.Sent)
				return e
			}
			e := do(16, reason)
			require.Equal(t, chain.KindInvalid, e.Kind)
			status, ok := errors.AsType[*StatusError](error(e))
			require.True(t, ok)
			require.Equal(t, "no", status.Reason)
			require.Equal(t, tt.signature[:strings.IndexByte(tt.signature, '(')], status.Function)
			require.ErrorContains(t, e, status.Contract+"."+status.Function+": ")
			require.ErrorContains(t, e, `RevertInstruction: "no"`)

			if tt.returns == "" {
				return
			}
			require.Equal(t, chain.KindProtocol, do(0, nil).Kind)
			require.Equal(t, chain.KindProtocol, do(0, []byte{1}).Kind)
			if tt.returns == "int256" {
				e = do(0, minus)
				code, ok := errors.AsType[*CodeError](error(e))
				require.True(t, ok)
				require.Equal(t, CodeError{Code: -1, Contract: status.Contract, Function: status.Function}, *code)
				require.Equal(t, chain.KindProtocol, do(0, append([]byte{0x80}, make([]byte, 31)...)).Kind, "no int64")
			}
		})
	}
}
