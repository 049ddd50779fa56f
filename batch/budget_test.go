package batch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlockBudget(t *testing.T) {
	t.Parallel()
	var p blockPace
	require.Nil(t, p.budget(1000, Counts{Queued: 10}), "without a head nothing is known")
	p.note(100, 50)
	require.Equal(t, &BlockBudget{Head: 100, BlockLimit: 1000, Left: 900}, p.budget(1000, Counts{Queued: 950, Confirmed: 50}))
	p.note(104, 450)
	require.Zero(t, p.budget(1000, Counts{Queued: 550, Confirmed: 450}).Needed, "too few blocks to tell a pace")
	p.note(110, 1050)
	p.note(109, 1050) // a node that is behind
	require.Equal(t, &BlockBudget{Head: 110, BlockLimit: 1000, Left: 890, Needed: 100}, p.budget(1000, Counts{Queued: 9000, Unknown: 1000, Confirmed: 1000, Reverted: 50}))
	require.EqualValues(t, 100, p.budget(1000, Counts{Queued: 10000, Confirmed: 500, Expired: 550}).Needed, "what expired is settled, too")
	require.EqualValues(t, 1, p.budget(1000, Counts{Submitted: 1, Confirmed: 1050}).Needed)
	require.Zero(t, p.budget(1000, Counts{Queued: 10, Confirmed: 50}).Needed, "nothing is settled")
	p.note(1000, 2000)
	require.Zero(t, p.budget(1000, Counts{Queued: 1}).Left)
	p.note(1001, 2000)
	require.Zero(t, p.budget(1000, Counts{Queued: 1}).Left)
}
