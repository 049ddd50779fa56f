package system

import (
	"fmt"
	"maps"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/tables"
)

// fakeState keeps tables and accounts in memory.
type fakeState struct {
	*tables.Tables
	accounts map[common.Address]fakeAccount
	saved    []savedState
	logs     []string
}

type fakeAccount struct {
	code    string
	balance uint256.Int
}

type savedState struct {
	tables   int
	accounts map[common.Address]fakeAccount
}

type noRows struct{}

func (noRows) Get([]byte) ([]byte, error)                      { return nil, nil }
func (noRows) Scan([]byte, func(key, value []byte) bool) error { return nil }

func (s *fakeState) Exists(a common.Address) bool { _, ok := s.accounts[a]; return ok }
func (s *fakeState) Code(a common.Address) []byte { return []byte(s.accounts[a].code) }
func (s *fakeState) SetCode(a common.Address, code []byte) {
	account := s.accounts[a]
	account.code = string(code)
	s.accounts[a] = account
}

func (s *fakeState) Balance(a common.Address) *uint256.Int {
	balance := s.accounts[a].balance
	return &balance
}

func (s *fakeState) SetBalance(a common.Address, n *uint256.Int) {
	account := s.accounts[a]
	account.balance = *n
	s.accounts[a] = account
}

func (s *fakeState) Emit(at common.Address, topics []common.Hash, data []byte) {
	s.logs = append(s.logs, fmt.Sprintf("%x %x %x", at, topics, data))
}

func (s *fakeState) Snapshot() int {
	s.saved = append(s.saved, savedState{s.Tables.Snapshot(), maps.Clone(s.accounts)})
	return len(s.saved) - 1
}

func (s *fakeState) Revert(snapshot int) {
	s.Tables.Revert(s.saved[snapshot].tables)
	s.accounts, s.saved = s.saved[snapshot].accounts, s.saved[:snapshot]
}

// world is a chain of which only the system contracts are there.
type world struct {
	testing.TB
	contracts *Contracts
	state     *fakeState
	block     uint64
	calls     int // of the last call
}

var (
	admin = common.HexToAddress("0xadadadadadadadadadadadadadadadadadadadad")
	user  = common.HexToAddress("0x1111111111111111111111111111111111111111")
)

func nodeID(digits string) string {
	id := ""
	for len(id) < 128 {
		id += digits
	}
	return id
}

func newWorld(t testing.TB) *world {
	w := &world{
		TB: t, contracts: New(crypto.Keccak256Hash), block: 1,
		state: &fakeState{Tables: tables.New(noRows{}), accounts: map[common.Address]fakeAccount{}},
	}
	Genesis{
		Settings: map[string]string{
			keyCountLimit: "1000", keyGasLimit: "3000000000", keyGasPrice: "0x0", keyLeaderPeriod: "1", keyVersion: "3.16.0",
			keyAuthCheck: "0", keyWeb3ChainID: "20200", keyExecutor: "1", keyTransfer: "1",
		},
		Version: 0x03100000, Governor: admin,
		Nodes: []Node{{ID: nodeID("aa"), Kind: KindSealer, Weight: 1}},
	}.Write(w.state)
	return w
}

func (w *world) env(origin common.Address) *Env {
	return &Env{
		State: w.state, Config: ReadConfig(w.state, w.block), Block: w.block, Origin: origin,
		NewAddress: func(seq int) common.Address {
			return common.BytesToAddress([]byte{0xcc, byte(w.block >> 8), byte(w.block), byte(seq)})
		},
	}
}

func input(signature string, values ...value) []byte {
	return append(crypto.Keccak256([]byte(signature))[:4:4], encode(values...)...)
}

// send makes a transaction in a block of its own. Failures undo everything.
func (w *world) send(from, to common.Address, data []byte) ([]byte, error) {
	w.Helper()
	env, snapshot := w.env(from), w.state.Snapshot()
	w.block++
	var out []byte
	var err error
	if w.contracts.Has(env.Config, to) {
		out, err = w.contracts.Run(env, to, Call{Sender: from, Input: data})
	} else {
		require.True(w, Bound(w.state.Code(to)), "nothing at %s", to)
		out, err = w.contracts.RunBound(env, to, w.state.Code(to), Call{Sender: from, Input: data})
	}
	if w.calls = env.Calls; err != nil {
		w.state.Revert(snapshot)
	}
	return out, err
}

// answers checks return data.
func (w *world) answers(to common.Address, data, want []byte) {
	w.Helper()
	out, err := w.send(user, to, data)
	require.NoError(w, err)
	require.Equal(w, common.Bytes2Hex(want), common.Bytes2Hex(out))
}

// codes checks a code.
func (w *world) codes(to common.Address, data []byte, want int64) {
	w.Helper()
	w.answers(to, data, Int256(want))
}

// refuses checks the text of a failure.
func (w *world) refuses(to common.Address, data []byte, want string) {
	w.Helper()
	_, err := w.send(user, to, data)
	var refused *Refused
	require.ErrorAs(w, err, &refused)
	require.Equal(w, want, refused.Text)
}

// table makes a table and gives its address.
func (w *world) table(order uint64, name, key string, columns ...string) common.Address {
	w.Helper()
	w.codes(Address(tableManagerAt), input("createTable(string,(uint8,string,string[]))",
		text(name), tuple(number(order), text(key), texts(columns))), codeSuccess)
	out, err := w.send(user, Address(tableManagerAt), input("openTable(string)", text(name)))
	require.NoError(w, err)
	return common.BytesToAddress(out)
}
