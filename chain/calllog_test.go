package chain

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCallLogIsFoundInItsContextOnly(t *testing.T) {
	t.Parallel()
	ctx, log := WithCallLog(context.Background())
	CallLogOf(ctx).Attempted(Attempt{Node: "a:1", Kind: KindTimeout})
	CallLogOf(ctx).Attempted(Attempt{Node: "b:1"})
	CallLogOf(ctx).Answered(SourceNode, 0)
	require.Equal(t, []Attempt{{Node: "a:1", Kind: KindTimeout}, {Node: "b:1"}}, log.Attempts())
	source, _ := log.Source()
	require.Equal(t, SourceNode, source)

	none := CallLogOf(context.Background())
	require.Nil(t, none)
	none.Attempted(Attempt{}) // records nothing
	none.Answered(SourceCache, time.Second)
	require.Nil(t, none.Attempts())
	source, age := none.Source()
	require.Empty(t, source)
	require.Zero(t, age)
}

func TestStaleIsNotAllowedUnlessSaid(t *testing.T) {
	t.Parallel()
	require.Zero(t, StaleAllowed(context.Background()))
	require.Equal(t, time.Minute, StaleAllowed(AllowStale(context.Background(), time.Minute)))
}
