package flatstate

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"
)

// entries is a store in memory.
type entries map[string][]byte

func (e entries) Get(key []byte) ([]byte, error) { return slices.Clone(e[string(key)]), nil }

func (e entries) apply(changes []Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(e, string(c.Key))
		} else {
			e[string(c.Key)] = c.Value
		}
	}
}

func cancun() params.Rules {
	return params.Rules{IsEIP150: true, IsEIP155: true, IsEIP158: true, IsBerlin: true, IsEIP2929: true, IsLondon: true, IsMerge: true, IsShanghai: true, IsCancun: true}
}

var (
	a = common.HexToAddress("a1")
	b = common.HexToAddress("b2")
)

// block changes the state in e by f and gives its root.
func block(t *testing.T, e entries, f func(st stateDB)) common.Hash {
	t.Helper()
	db := New(e, NewCodeCache(1<<20))
	st, err := NewStateDB(db)
	require.NoError(t, err)
	f(st)
	root, err := st.Commit(cancun(), 1)
	require.NoError(t, err)
	require.Equal(t, root, db.Root())
	e.apply(db.Changes())
	return root
}

type stateDB interface {
	CreateAccount(common.Address)
	SetNonce(common.Address, uint64, tracing.NonceChangeReason)
	SetCode(common.Address, []byte, tracing.CodeChangeReason) []byte
	SetState(common.Address, common.Hash, common.Hash) common.Hash
	Snapshot() int
	RevertToSnapshot(int)
}

func slot(n byte) common.Hash { return common.BytesToHash([]byte{n}) }

func TestStateComesBack(t *testing.T) {
	t.Parallel()
	e := entries{}
	block(t, e, func(st stateDB) {
		st.CreateAccount(a)
		st.SetNonce(a, 1, tracing.NonceChangeNewContract)
		st.SetCode(a, []byte{1, 2, 3}, tracing.CodeChangeContractCreation)
		for n := range byte(10) {
			st.SetState(a, slot(n), slot(n+1))
		}
		snapshot := st.Snapshot()
		st.SetState(a, slot(1), slot(99))
		st.CreateAccount(b)
		st.SetNonce(b, 1, tracing.NonceChangeNewContract)
		st.RevertToSnapshot(snapshot)
	})
	require.Len(t, e, 12, "an account, its code and ten slots")
	block(t, e, func(st stateDB) {
		st.SetState(a, slot(3), common.Hash{})
		st.SetState(a, slot(4), slot(44))
		st.SetState(a, slot(5), slot(6)) // as it was
	})
	require.Len(t, e, 11)

	db := New(e, nil)
	st, err := NewStateDB(db)
	require.NoError(t, err)
	require.EqualValues(t, 1, st.GetNonce(a))
	require.Equal(t, []byte{1, 2, 3}, st.GetCode(a))
	require.Equal(t, 3, st.GetCodeSize(a))
	require.False(t, st.Exist(b))
	for n, want := range map[byte]common.Hash{0: slot(1), 1: slot(2), 3: {}, 4: slot(44), 5: slot(6), 77: {}} {
		require.Equal(t, want, st.GetState(a, slot(n)), "slot %d", n)
	}
	require.NoError(t, st.Error())
	require.Empty(t, db.Changes(), "reading changes nothing")
}

func TestRoot(t *testing.T) {
	t.Parallel()
	make := func(value common.Hash) (common.Hash, entries) {
		e := entries{}
		root := block(t, e, func(st stateDB) {
			for _, addr := range []common.Address{a, b} {
				st.CreateAccount(addr)
				st.SetNonce(addr, 1, tracing.NonceChangeNewContract)
				for n := range byte(50) {
					st.SetState(addr, slot(n), value)
				}
			}
		})
		return root, e
	}
	first, e1 := make(slot(1))
	for range 10 { // maps and goroutines shuffle the changes
		again, e2 := make(slot(1))
		require.Equal(t, first, again)
		require.True(t, maps.EqualFunc(e1, e2, slices.Equal[[]byte]))
	}
	other, _ := make(slot(2))
	require.NotEqual(t, first, other)
	require.Equal(t, common.Hash{}, block(t, e1, func(stateDB) {}), "a block that changes nothing")
}

// An account without balance, nonce and code does not stay.
func TestEmptyAccounts(t *testing.T) {
	t.Parallel()
	e := entries{}
	block(t, e, func(st stateDB) { st.CreateAccount(a) })
	require.Empty(t, e)
}

type broken struct{}

var errBroken = errors.New("disk on fire")

func (broken) Get([]byte) ([]byte, error) { return nil, errBroken }

func TestFailingStoreFailsTheBlock(t *testing.T) {
	t.Parallel()
	st, err := NewStateDB(New(broken{}, nil))
	require.NoError(t, err)
	st.GetState(a, slot(1))
	st.GetNonce(a)
	require.ErrorIs(t, st.Error(), errBroken)
	_, err = st.Commit(cancun(), 1)
	require.ErrorContains(t, err, "disk on fire")
	_, err = New(entries{string(accountKey(a)): {1}}, nil).Account(a)
	require.ErrorContains(t, err, "damaged")
	_, err = New(broken{}, nil).Account(a)
	require.ErrorIs(t, err, errBroken)
}
