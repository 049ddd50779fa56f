package pool

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// The text of an error of the network has the port of our side, which is another
// one each time: that is no new reason.
func TestReasonIsTheSameWhenOnlyItsPortChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dials := 0
		p, err := New(Config{Target: chain.Target{Name: "main"}, Nodes: []string{"a:1"}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Dial: func(context.Context, string) (Conn, error) {
				dials++
				return nil, &chain.Error{Kind: chain.KindProtocol, Op: "dial", Node: "a:1", Msg: "the node closed the connection",
					Err: fmt.Errorf("read tcp c:%d->a:1: connection reset by peer", 40000+dials)}
			}})
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, p.Stop(t.Context()))
		require.Greater(t, dials, 10)
		require.Equal(t, 1, strings.Count(log.String(), "node cannot be reached"), "%s", log.String())
	})
}
