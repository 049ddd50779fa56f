package system

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

func executed(s suite.Suite, data []byte) chain.Log {
	return chain.Log{Address: addressOf(0x10001), Topics: []common.Hash{s.Hash([]byte("execResult(int256)"))}, Data: data}
}

// TestDecisions holds that a proposal that passed is told from one that waits, and
// from one that passed in vain.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		foreign := executed(s, signed(0))
		foreign.Address = other
		otherTopic := executed(s, signed(0))
		otherTopic.Topics = []common.Hash{s.Hash([]byte("other(int256)"))}
		otherSuite := executed(1-s, signed(0))
		quiet := executed(s, signed(0))
		quiet.Topics = nil
		for name, tt := range map[string]struct {
			logs []chain.Log
			want Decision
			kind chain.Kind
			code Code
		}{
			"no log":               {nil, Decision{ID: 9}, "", 0},
			"logs of others":       {[]chain.Log{foreign, otherTopic, otherSuite, quiet}, Decision{ID: 9}, "", 0},
			"executed":             {[]chain.Log{foreign, executed(s, signed(0))}, Decision{ID: 9, Executed: true}, "", 0},
			"in vain":              {[]chain.Log{executed(s, signed(-51104))}, Decision{ID: 9}, chain.KindInvalid, CodeNotObserver},
			"in vain, unknown":     {[]chain.Log{executed(s, signed(-7))}, Decision{ID: 9}, chain.KindInvalid, -7},
			"a broken event":       {[]chain.Log{executed(s, []byte{1})}, Decision{ID: 9}, chain.KindProtocol, 0},
			"a code of 256 bits":   {[]chain.Log{executed(s, append([]byte{0x80}, make([]byte, 31)...))}, Decision{ID: 9}, chain.KindProtocol, 0},
			"a positive code":      {[]chain.Log{executed(s, signed(3))}, Decision{ID: 9, Executed: true}, "", 0},
			"a positive code, big": {[]chain.Log{executed(s, append([]byte{0x40}, make([]byte, 31)...))}, Decision{ID: 9}, chain.KindProtocol, 0},
		} {
			c := New(nil, s)
			for _, build := range []func() (Write[Decision], error){
				func() (Write[Decision], error) { return c.Committee().ProposeObserver(nodeID, 10) },
				func() (Write[Decision], error) { return c.Committee().Vote(9, false) },
			} {
				w, err := build()
				require.NoError(t, err)
				got, err := w.Result(chain.Receipt{Output: signed(9), Logs: tt.logs, Succeeded: true})
				require.Equal(t, tt.kind, chain.KindOf(err), "%s: %v", name, err)
				require.Equal(t, tt.want, got, name)
				if tt.code != 0 {
					require.ErrorIs(t, err, tt.code, name)
				}
			}
		}
	}
}

func TestProposalWithoutAnID(t *testing.T) {
	t.Parallel()
	w, err := New(nil, suite.Standard).Committee().ProposeGovernor(account, 1, 10)
	require.NoError(t, err)
	for _, output := range [][]byte{signed(0), signed(-1), nil} {
		_, err = w.Result(chain.Receipt{Output: output, Succeeded: true})
		require.Equal(t, chain.KindProtocol, chain.KindOf(err), "%x: %v", output, err)
	}
}

func TestWeightProposals(t *testing.T) {
	t.Parallel()
	c := New(nil, suite.Standard).Committee()
	const signature = "createSetConsensusWeightProposal(string,uint32,bool,uint256)"
	selector := suite.Standard.Selector(signature)
	for name, tt := range map[string]struct {
		build  func() (Write[Decision], error)
		weight uint32
		add    bool
	}{
		"sealer":   {func() (Write[Decision], error) { return c.ProposeSealer(nodeID, 4, 10) }, 4, true},
		"observer": {func() (Write[Decision], error) { return c.ProposeObserver(nodeID, 10) }, 0, true},
		"weight":   {func() (Write[Decision], error) { return c.ProposeWeight(nodeID, 4, 10) }, 4, false},
	} {
		w, err := tt.build()
		require.NoError(t, err, name)
		require.Equal(t, append(selector[:], oracle(t, signature, nodeID, tt.weight, tt.add, n(10))...), w.Intent.Input, name)
	}
}

func TestCommitteeWithUnequalLists(t *testing.T) {
	t.Parallel()
	f, c := newFake(suite.Standard)
	f.result.Output = oracle(t, "f(uint8,uint8,address[],uint32[])", uint8(1), uint8(1), []common.Address{account}, []uint32{})
	_, err := c.Committee().Info(t.Context())
	require.Equal(t, chain.KindProtocol, chain.KindOf(err), "%v", err)
}
