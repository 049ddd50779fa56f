package reconcile_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

// All share one world, which they only read: it is the same job each time.
func TestReconcile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("an honest chain agrees", w.honest)
	t.Run("what was changed in the store is found", w.tampered)
	t.Run("a node that lies is found", w.lying)
	t.Run("all nodes but one block", w.notInBlock)
	t.Run("an event that is missing is found", w.events)
	t.Run("too few nodes", w.tooFew)
	t.Run("an interrupt", w.interrupted)
	t.Run("a transaction around the store is listed", w.around) // last: it adds blocks
}

func (w *world) honest(t *testing.T) {
	store := w.store(t)
	var told []reconcile.Result
	r := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: w.targets[0].Guard}})
	res, err := r.Run(t.Context(), w.job.ID, reconcile.Options{Event: saved}, func(now reconcile.Result) { told = append(told, now) })
	require.NoError(t, err)
	require.Equal(t, reconcile.Agrees, res.State, "%+v", res.Listed)
	require.Zero(t, res.Mismatches)
	require.Empty(t, res.Listed)
	require.Equal(t, 2, res.Nodes)
	require.EqualValues(t, jobRows, res.Checked)
	require.EqualValues(t, jobRows, res.Transactions, "the blocks of the job have nothing else")
	require.Equal(t, res.ToBlock-res.FromBlock+1, res.Scanned)
	require.False(t, res.Truncated())
	require.NotEmpty(t, told)
	require.False(t, res.Finished.Before(res.Started))

	deploy, err := r.Run(t.Context(), w.deploy.ID, reconcile.Options{}, nil)
	require.NoError(t, err)
	require.Equal(t, reconcile.Agrees, deploy.State, "%+v", deploy.Listed)
	require.EqualValues(t, 1, deploy.Checked)

	part, err := w.run(t, store, w.targets[0].Guard, reconcile.Options{From: 1, To: 1 << 40, MaxBlocks: 1})
	require.NoError(t, err)
	require.True(t, part.Truncated())
	require.EqualValues(t, 1, part.Scanned)
	require.Less(t, part.ToBlock, uint64(1<<40), "it ends at the head")
}

func (w *world) tampered(t *testing.T) {
	row := func(set string, n int64) string { return "UPDATE outcomes SET " + set + " WHERE " + w.item(t, n) }
	for name, c := range map[string]struct {
		statements []string
		kinds      map[reconcile.Kind]int64
		stored     string
	}{
		"block":     {[]string{row("block = block + 1", 7)}, map[reconcile.Kind]int64{reconcile.WrongBlock: 1}, ""},
		"status":    {[]string{row("status = 16", 7)}, map[reconcile.Kind]int64{reconcile.WrongStatus: 1}, "confirmed, status 16"},
		"state":     {[]string{row("state = 'reverted'", 7)}, map[reconcile.Kind]int64{reconcile.WrongStatus: 1}, "reverted, status 0"},
		"gas":       {[]string{row("gas_used = 1", 7)}, map[reconcile.Kind]int64{reconcile.WrongGasUsed: 1}, "1"},
		"output":    {[]string{row("output = x'beef'", 7)}, map[reconcile.Kind]int64{reconcile.WrongOutput: 1}, "0xbeef"},
		"contract":  {[]string{row("contract = x'0000000000000000000000000000000000000007'", 7)}, map[reconcile.Kind]int64{reconcile.WrongContract: 1}, common.BytesToAddress([]byte{7}).Hex()},
		"recipient": {[]string{fmt.Sprintf("UPDATE items SET recipient = x'0000000000000000000000000000000000000007' WHERE %s", replaced(w.item(t, 7)))}, map[reconcile.Kind]int64{reconcile.WrongRecipient: 1, reconcile.MissingEvent: 1}, common.BytesToAddress([]byte{7}).Hex()},
		"hash": {[]string{"UPDATE attempts SET hash = x'1111111111111111111111111111111111111111111111111111111111111111' WHERE " + w.item(t, 7)},
			map[reconcile.Kind]int64{reconcile.MissingReceipt: 1, reconcile.UnknownTransaction: 1}, ""},
		"attempt": {[]string{"DELETE FROM attempts WHERE " + w.item(t, 7)},
			map[reconcile.Kind]int64{reconcile.MissingReceipt: 1, reconcile.UnknownTransaction: 1}, ""},
		"rejected": {[]string{row("state = 'rejected', landed = NULL, block = NULL, status = NULL", 7)}, map[reconcile.Kind]int64{reconcile.UnexpectedReceipt: 1}, "rejected"},
		"canceled": {[]string{row("state = 'canceled', landed = NULL, block = NULL, status = NULL", 7)}, map[reconcile.Kind]int64{reconcile.UnexpectedReceipt: 1}, "canceled"},
		"outcome":  {[]string{"DELETE FROM outcomes WHERE " + w.item(t, 7)}, map[reconcile.Kind]int64{reconcile.UnexpectedReceipt: 1}, "submitted"},
		"row": {[]string{"DELETE FROM outcomes WHERE " + w.item(t, 7), "DELETE FROM attempts WHERE " + w.item(t, 7), "DELETE FROM items WHERE " + replaced(w.item(t, 7))},
			map[reconcile.Kind]int64{reconcile.MissingRow: 1, reconcile.UnknownTransaction: 1}, ""},
		"two": {[]string{row("gas_used = 1", 7), row("gas_used = 2, output = x'beef'", 299)}, map[reconcile.Kind]int64{reconcile.WrongGasUsed: 2, reconcile.WrongOutput: 1}, "1"},
		"account": {[]string{fmt.Sprintf("UPDATE jobs SET signer = x'0000000000000000000000000000000000000007' WHERE id = '%s'", w.job.ID)},
			map[reconcile.Kind]int64{reconcile.WrongSender: jobRows}, common.BytesToAddress([]byte{7}).Hex()},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := w.run(t, w.store(t, c.statements...), w.targets[0].Guard, reconcile.Options{Event: saved})
			require.NoError(t, err)
			require.Equal(t, reconcile.Differs, res.State)
			require.Equal(t, c.kinds, res.Kinds, "%+v", res.Listed)
			first := res.Listed[0]
			if name != "row" && name != "attempt" { // where no node had to be asked
				require.Len(t, first.Nodes, 2)
			}
			if c.stored != "" {
				require.Equal(t, c.stored, first.Stored)
			}
			if first.Row == 7 {
				require.Equal(t, "r7", first.ID)
				require.Equal(t, w.job.ID+"/7", first.Trace)
			}
		})
	}
}

// replaced turns the condition of an outcome into that of an item.
func replaced(condition string) string { return "id" + condition[len("item"):] }

func (w *world) lying(t *testing.T) {
	store := w.store(t)
	items, err := store.Items(t.Context(), w.job.ID, batch.ItemFilter{After: 6, Limit: 1})
	require.NoError(t, err)
	tx, block := *items[0].TxHash, items[0].Block
	bad := w.net.Nodes[1]
	for name, c := range map[string]struct {
		receipt func(r *chain.Testimony[chain.Receipt])
		block   func(b *chain.Testimony[chain.Block])
		kinds   map[reconcile.Kind]int64
		field   string
	}{
		"no receipt": {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Found = false }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1}, field: "receipt"},
		"block":      {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Answer.BlockNumber += 1 << 40 }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1}, field: "block"},
		"status": {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Answer.Status, r.Answer.Succeeded = 16, false }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1},
			field: "status"},
		"output": {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Answer.Output = []byte{1} }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1}, field: "output"},
		"sender": {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Answer.From[0]++ }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1}, field: "from"},
		"logs": {receipt: func(r *chain.Testimony[chain.Receipt]) { r.Answer.Logs = nil }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 2},
			field: "logs"}, // and the event
		"a block without it": {block: func(b *chain.Testimony[chain.Block]) { b.Answer.TxHashes = without(b.Answer.TxHashes, tx) },
			kinds: map[reconcile.Kind]int64{reconcile.NotInBlock: 1, reconcile.NodesDisagree: 1}},
		"a block of its own": {block: func(b *chain.Testimony[chain.Block]) { b.Answer.Hash[0]++ }, kinds: map[reconcile.Kind]int64{reconcile.NodesDisagree: 1}, field: "block"},
		"no block": {block: func(b *chain.Testimony[chain.Block]) {
			b.Found, b.Answer = false, chain.Block{}
		}, kinds: nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := &liar{Chain: w.targets[0].Guard}
			if c.receipt != nil {
				l.receipt = func(node string, r *chain.Testimony[chain.Receipt]) {
					if node == bad && r.Answer.TxHash == tx {
						c.receipt(r)
					}
				}
			}
			if c.block != nil {
				l.block = func(node string, b *chain.Testimony[chain.Block]) {
					if node == bad && b.Answer.Number == block {
						c.block(b)
					}
				}
			}
			res, err := w.run(t, store, l, reconcile.Options{Event: saved})
			require.NoError(t, err)
			require.Equal(t, reconcile.Differs, res.State)
			if c.kinds == nil { // every row of the block
				require.EqualValues(t, 1, res.Kinds[reconcile.NodesDisagree])
				require.Positive(t, res.Kinds[reconcile.NotInBlock])
				return
			}
			require.Equal(t, c.kinds, res.Kinds, "%+v", res.Listed)
			m := res.Listed[0]
			require.Equal(t, c.field, m.Field)
			require.Len(t, m.Nodes, 2)
			require.NotEqual(t, m.Nodes[0].Says, m.Nodes[1].Says)
		})
	}
}

// All nodes tell the same, but the block does not have what the receipt says.
func (w *world) notInBlock(t *testing.T) {
	store := w.store(t)
	items, err := store.Items(t.Context(), w.job.ID, batch.ItemFilter{After: 6, Limit: 1})
	require.NoError(t, err)
	l := &liar{Chain: w.targets[0].Guard, block: func(_ string, b *chain.Testimony[chain.Block]) {
		b.Answer.TxHashes = without(b.Answer.TxHashes, *items[0].TxHash)
	}}
	res, err := w.run(t, store, l, reconcile.Options{})
	require.NoError(t, err)
	require.Equal(t, map[reconcile.Kind]int64{reconcile.NotInBlock: 1}, res.Kinds)
	require.EqualValues(t, 7, res.Listed[0].Row)
}

func without(hashes []common.Hash, tx common.Hash) []common.Hash {
	var left []common.Hash
	for _, h := range hashes {
		if h != tx {
			left = append(left, h)
		}
	}
	return left
}

func (w *world) events(t *testing.T) {
	store := w.store(t)
	res, err := w.run(t, store, w.targets[0].Guard, reconcile.Options{Event: "Never(uint256)", Listed: 3})
	require.NoError(t, err)
	require.Equal(t, map[reconcile.Kind]int64{reconcile.MissingEvent: jobRows - reverted}, res.Kinds, "reverted rows emit nothing")
	require.Len(t, res.Listed, 3)

	other := &liar{Chain: w.targets[0].Guard, receipt: func(_ string, r *chain.Testimony[chain.Receipt]) {
		logs := append([]chain.Log(nil), r.Answer.Logs...)
		for i := range logs {
			logs[i].Address = common.Address{1}
		}
		r.Answer.Logs = logs
	}}
	res, err = w.run(t, store, other, reconcile.Options{Event: saved})
	require.NoError(t, err)
	require.EqualValues(t, jobRows-reverted, res.Kinds[reconcile.MissingEvent], "the event of another contract is none")

	_, err = w.run(t, store, other, reconcile.Options{Event: "Never("})
	require.ErrorAs(t, err, new(*reconcile.OptionError))
}

func (w *world) tooFew(t *testing.T) {
	store := w.store(t)
	res, err := w.run(t, store, w.targets[0].Guard, reconcile.Options{Nodes: 3})
	require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	require.Equal(t, reconcile.Incomplete, res.State)
	require.True(t, res.Started.IsZero())

	one, err := w.run(t, store, w.targets[0].Guard, reconcile.Options{Nodes: 1})
	require.NoError(t, err)
	require.Equal(t, 1, one.Nodes)

	_, err = reconcile.New(store, nil).Run(t.Context(), w.job.ID, reconcile.Options{}, nil)
	require.ErrorAs(t, err, new(*reconcile.OptionError))
	_, err = reconcile.New(store, nil).Run(t.Context(), "none", reconcile.Options{}, nil)
	require.ErrorIs(t, err, batch.ErrNotFound)
	for _, opt := range []reconcile.Options{{Nodes: -1}, {From: 5, To: 4}, {Rate: -1}, {Listed: -1}} {
		_, err = w.run(t, store, w.targets[0].Guard, opt)
		require.ErrorAs(t, err, new(*reconcile.OptionError), "%+v", opt)
	}
}

// An interrupt gives what was found until then.
func (w *world) interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store := w.store(t, "UPDATE outcomes SET gas_used = 1 WHERE "+w.item(t, 7))
	r := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: w.targets[0].Guard}})
	res, err := r.Run(ctx, w.job.ID, reconcile.Options{}, func(reconcile.Result) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, reconcile.Differs, res.State)
	require.NotEmpty(t, res.Error)
	require.EqualValues(t, 256, res.Checked, "the first page")
	require.EqualValues(t, 1, res.Mismatches)
}

func (w *world) around(t *testing.T) {
	store := w.store(t)
	first := w.send(t, "around")
	head, err := w.targets[0].Guard.Head(t.Context())
	require.NoError(t, err)
	res, err := w.run(t, store, w.targets[0].Guard, reconcile.Options{To: head.Number})
	require.NoError(t, err)
	require.Equal(t, map[reconcile.Kind]int64{reconcile.UnknownTransaction: 1}, res.Kinds)
	require.Equal(t, first, *res.Listed[0].TxHash)
	require.Contains(t, res.Listed[0].Nodes[0].Says, "from "+w.job.Signer.Hex())
	require.EqualValues(t, jobRows+1, res.Transactions)

	// What others send is not ours to know.
	others := &liar{Chain: w.targets[0].Guard, receipt: func(_ string, r *chain.Testimony[chain.Receipt]) {
		if r.Answer.TxHash == first {
			r.Answer.From = common.Address{9}
		}
	}}
	res, err = w.run(t, store, others, reconcile.Options{To: head.Number})
	require.NoError(t, err)
	require.Equal(t, reconcile.Agrees, res.State, "%+v", res.Listed)

	// Unless the configuration says that the account is ours.
	r := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: others, Accounts: []common.Address{{9}}}})
	res, err = r.Run(t.Context(), w.job.ID, reconcile.Options{To: head.Number}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Kinds[reconcile.UnknownTransaction])

	// A node that does not tell senders is no proof.
	nameless := &liar{Chain: w.targets[0].Guard, receipt: func(_ string, r *chain.Testimony[chain.Receipt]) { r.Answer.From = common.Address{} }}
	res, err = w.run(t, store, nameless, reconcile.Options{To: head.Number})
	require.NoError(t, err)
	require.EqualValues(t, 1, res.Nameless)
	require.Equal(t, reconcile.Agrees, res.State, "%+v", res.Listed)
}

// What reverted before a row was retried is on the chain as the store has it.
func TestReconcileARetriedJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store, err := batch.OpenStore(t.Context(), w.path)
	require.NoError(t, err)
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: assemble.EngineTargets(w.targets)})
	require.NoError(t, err)
	require.NoError(t, engine.Start(t.Context()))
	res, err := engine.Retry(t.Context(), w.job.ID, nil)
	require.NoError(t, err)
	require.EqualValues(t, reverted, res.Rows)
	_, err = engine.Wait(t.Context(), w.job.ID)
	require.NoError(t, err)
	require.NoError(t, engine.Stop(context.Background()))
	require.NoError(t, store.Close())

	found, err := w.run(t, w.store(t), w.targets[0].Guard, reconcile.Options{Event: saved})
	require.NoError(t, err)
	require.Equal(t, reconcile.Agrees, found.State, "%+v", found.Listed)
	require.EqualValues(t, jobRows+reverted, found.Transactions, "those that reverted before are known")

	past := func(set string) string {
		return "UPDATE past_outcomes SET " + set + " WHERE item = (SELECT max(item) FROM past_outcomes)"
	}
	for name, c := range map[string]struct {
		statement string
		kinds     map[reconcile.Kind]int64
	}{
		"block":    {past("block = block + 1"), map[reconcile.Kind]int64{reconcile.WrongBlock: 1}},
		"output":   {past("output = x'beef'"), map[reconcile.Kind]int64{reconcile.WrongOutput: 1}},
		"rejected": {past("state = 'rejected', landed = NULL, block = NULL, status = NULL"), map[reconcile.Kind]int64{reconcile.UnexpectedReceipt: 1}},
	} {
		found, err := w.run(t, w.store(t, c.statement), w.targets[0].Guard, reconcile.Options{Event: saved})
		require.NoError(t, err)
		require.Equal(t, c.kinds, found.Kinds, "%s: %+v", name, found.Listed)
	}
}
