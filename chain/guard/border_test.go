package guard

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// Whatever a connection says, what leaves the guard is a *chain.Error that names
// kind, op and node.
func TestErrorsAtTheBorder(t *testing.T) {
	t.Parallel()
	other := errors.New("what is this?")
	for _, c := range []struct {
		says error
		kind chain.Kind
	}{
		{context.DeadlineExceeded, chain.KindTimeout},
		{context.Canceled, chain.KindCanceled},
		{fmt.Errorf("somewhere: %w", context.DeadlineExceeded), chain.KindTimeout},
		{other, chain.KindUnavailable},
		{&chain.Error{Kind: chain.KindDenied}, chain.KindDenied},
		{fmt.Errorf("somewhere: %w", &chain.Error{Kind: chain.KindInvalid}), chain.KindInvalid},
		{&chain.Error{Kind: chain.KindNode, Op: "getCode", Node: "elsewhere:1"}, chain.KindNode},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := chaintest.New("a:1")
			g, _ := start(t, fake, []string{"a:1"}, alone)
			synctest.Wait()
			ask(fake, func(context.Context, string) error { return c.says })
			said, _ := errors.AsType[*chain.Error](c.says)
			named := said != nil && said.Op != ""
			for op, call := range map[string]func() error{
				"call":    func() error { _, err := g.Call(t.Context(), chain.CallMsg{}); return err },
				"send":    func() error { _, err := g.Send(t.Context(), chain.SignedTx{}); return err },
				"receipt": func() error { _, err := g.Receipt(t.Context(), common.Hash{}); return err },
				"block":   func() error { _, err := g.Block(t.Context(), 1); return err },
				"code":    func() error { return read1(t.Context(), g) },
			} {
				err := call()
				e, ok := errors.AsType[*chain.Error](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, c.kind, e.Kind)
				want := [2]string{op, "a:1"}
				if named {
					want = [2]string{said.Op, said.Node}
					require.Same(t, said, e)
				} else if said != nil {
					require.Empty(t, said.Op, "another's error is not written to")
				}
				require.Equal(t, want, [2]string{e.Op, e.Node})
				require.False(t, op == "send" && chain.Unsent(err), "not proven")
				if errors.Is(c.says, other) {
					require.ErrorIs(t, err, other)
				}
			}
		})
	}
}
