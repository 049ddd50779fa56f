package batch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
)

func TestDecideRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		standing readStanding
		answer   readAnswer
		then     readStanding
		next     step
	}{
		"a result":                 {readStanding{}, readAnswer{succeeded: true}, readStanding{}, step{do: actSettle, state: ItemConfirmed}},
		"a result after troubles":  {readStanding{3, 2}, readAnswer{succeeded: true}, readStanding{3, 2}, step{do: actSettle, state: ItemConfirmed}},
		"a revert":                 {readStanding{}, readAnswer{}, readStanding{}, step{do: actSettle, state: ItemReverted}},
		"another chain":            {readStanding{}, readAnswer{kind: chain.KindWrongChain}, readStanding{}, step{do: actHalt}},
		"bad arguments":            {readStanding{}, readAnswer{kind: chain.KindInvalid}, readStanding{}, step{do: actSettle, state: ItemRejected}},
		"not allowed":              {readStanding{}, readAnswer{kind: chain.KindDenied}, readStanding{}, step{do: actSettle, state: ItemRejected}},
		"a block that has passed":  {readStanding{}, readAnswer{kind: chain.KindUnsupported}, readStanding{}, step{do: actSettle, state: ItemRejected}},
		"a block that is to come":  {readStanding{}, readAnswer{kind: chain.KindNotFound}, readStanding{misses: 1}, step{do: actRead, pause: pauseLeast}},
		"no node":                  {readStanding{misses: 1}, readAnswer{kind: chain.KindUnavailable}, readStanding{misses: 2}, step{do: actRead, pause: 2 * pauseLeast}},
		"no node for long":         {readStanding{misses: 1000}, readAnswer{kind: chain.KindUnavailable}, readStanding{misses: 1001}, step{do: actRead, pause: pauseMost}},
		"too much to do":           {readStanding{}, readAnswer{kind: chain.KindOverloaded}, readStanding{misses: 1}, step{do: actRead, pause: pauseLeast}},
		"a node that fails":        {readStanding{}, readAnswer{kind: chain.KindNode}, readStanding{1, 1}, step{do: actRead, pause: pauseLeast}},
		"a node that always fails": {readStanding{4, 4}, readAnswer{kind: chain.KindNode}, readStanding{4, 5}, step{do: actSettle, state: ItemRejected}},
		"never in time":            {readStanding{9, 4}, readAnswer{kind: chain.KindTimeout}, readStanding{9, 5}, step{do: actSettle, state: ItemRejected}},
		"nonsense":                 {readStanding{9, 4}, readAnswer{kind: chain.KindProtocol}, readStanding{9, 5}, step{do: actSettle, state: ItemRejected}},
	} {
		then, next := decideRead(test.standing, test.answer)
		require.Equal(t, test.then, then, name)
		require.Equal(t, test.next, next, name)
	}
}

// Whatever the answers are, a read ends with the first one that tells something,
// and never gives up because nobody could be asked.
func TestReadsEndByAnswersOnly(t *testing.T) {
	t.Parallel()
	kinds := []chain.Kind{"", chain.KindInvalid, chain.KindUnsupported, chain.KindNotFound, chain.KindDenied, chain.KindOverloaded,
		chain.KindUnavailable, chain.KindTimeout, chain.KindCanceled, chain.KindWrongChain, chain.KindProtocol, chain.KindNode}
	rapid.Check(t, func(t *rapid.T) {
		s, blamed := readStanding{}, 0
		for range 100 {
			a := readAnswer{kind: rapid.SampledFrom(kinds).Draw(t, "kind"), succeeded: rapid.Bool().Draw(t, "succeeded")}
			var next step
			s, next = decideRead(s, a)
			switch a.kind {
			case chain.KindTimeout, chain.KindProtocol, chain.KindNode:
				blamed++
			}
			goesOn := a.kind == chain.KindNotFound || a.kind == chain.KindOverloaded || a.kind == chain.KindUnavailable || a.kind == chain.KindCanceled ||
				blamed < mostBlamed && (a.kind == chain.KindTimeout || a.kind == chain.KindProtocol || a.kind == chain.KindNode)
			if goesOn {
				require.Equal(t, actRead, next.do)
				require.Positive(t, next.pause)
				require.LessOrEqual(t, next.pause, pauseMost)
				continue
			}
			require.Contains(t, []action{actSettle, actHalt}, next.do)
			require.Equal(t, a.kind == chain.KindWrongChain, next.do == actHalt)
			require.Equal(t, a.kind == "" && a.succeeded, next.state == ItemConfirmed)
			require.Equal(t, a.kind == "" && !a.succeeded, next.state == ItemReverted)
			return
		}
	})
}
