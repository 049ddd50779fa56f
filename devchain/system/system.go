package system

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

// Hash is the hash function of the chain, of the concatenation of its arguments.
type Hash func(data ...[]byte) common.Hash

// Store has the rows that the contracts read and write; *tables.Tables is one.
type Store interface {
	Get(table, key string) (string, bool)
	Set(table, key, value string)
	Delete(table, key string)
	Keys(table string, each func(key string) bool)
}

// Accounts are the accounts of the EVM.
type Accounts interface {
	Exists(common.Address) bool
	Code(common.Address) []byte
	SetCode(common.Address, []byte)
	Balance(common.Address) *uint256.Int
	SetBalance(common.Address, *uint256.Int)
}

// State is what the contracts work on. Snapshot and Revert cover all of it.
type State interface {
	Store
	Accounts
	Emit(at common.Address, topics []common.Hash, data []byte) // a log
	Snapshot() int
	Revert(snapshot int)
}

// Env is what one transaction or read has around it.
type Env struct {
	State  State
	Config *Config // in force in this block
	Block  uint64
	Origin common.Address // who signed the transaction; zero in an unsigned read
	// Calls counts the calls and creations inside the transaction so far; calls
	// between system contracts count, too.
	Calls int
	// NewAddress is the address of the contract that is created as number seq.
	NewAddress func(seq int) common.Address
}

// Call is a call of one contract.
type Call struct {
	Sender common.Address
	Static bool // nothing may be changed; a node does not enforce it
	Input  []byte
}

// Refused is the failure of a contract. A node answers with status 15
// (PrecompiledError) and Text as Error(string), or reverts the calling contract
// with the same data.
type Refused struct{ Text string }

func (r *Refused) Error() string { return "system contract: " + r.Text }

// Reverted is the failure of a contract that is code on a node, as the committee
// is. A node answers with status 16 (RevertInstruction) and Text as Error(string),
// or with nothing when it is empty.
type Reverted struct {
	Text  string
	Panic byte // code of a Panic(uint256) instead, when not 0
}

func (r *Reverted) Error() string { return "system contract reverted: " + r.Text }

// internalText is what a node says about failures inside a system contract that
// have no text of their own.
const internalText = "InternalPrecompiledFailed"

var errInternal = &Refused{internalText}

func refuse(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// method is a function of a contract. The arguments are in the call's input behind
// the selector.
type method func(x *context, args *arguments) ([]byte, error)

// context is one call under way.
type context struct {
	*Env
	contracts *Contracts
	self      common.Address // of the contract
	call      Call
	seq       int    // of this call in the transaction
	table     string // the path of the table or account that it is called for
}

// contract is one implementation.
type contract struct {
	name    string // in the text for unknown functions
	feature string // without this flag the contract does not exist; none when empty
	methods map[[4]byte]method
	// before is asked first, for every function; what it answers is the answer of
	// the call, unless it is nothing.
	before  func(x *context, selector [4]byte, args *arguments) ([]byte, error)
	unknown method // of unknown functions; nil refuses with a text
	code    bool   // it is code on a node
	bound   bool   // works on a table or account, whose path comes with the call
	pays    bool   // takes a call without input: a transfer
}

// Contracts are the system contracts of a chain. They are not changed once made
// and may be used concurrently.
type Contracts struct {
	hash      Hash
	contracts map[common.Address]*contract
}

// New makes the contracts. The selectors of their functions follow from the hash.
func New(hash Hash) *Contracts {
	c := &Contracts{hash: hash, contracts: map[common.Address]*contract{}}
	for at, impl := range map[uint32]contract{
		sysConfigAt:     c.sysConfig(),
		tableAt:         c.tableContract(),
		tableManagerAt:  c.tableManager(),
		consensusAt:     c.consensus(),
		authManagerAt:   c.authManager(),
		kvTableAt:       c.kvTable(),
		cryptoAt:        c.crypto(),
		dagTransferAt:   c.dagTransfer(),
		bfsAt:           c.bfs(),
		castAt:          c.cast(),
		shardingAt:      c.sharding(),
		balanceAt:       c.balance(),
		paillierAt:      c.paillier(),
		groupSigAt:      c.groupSig(),
		ringSigAt:       c.ringSig(),
		zkpAt:           c.zkp(),
		committeeAt:     c.committeeManager(),
		contractAuthAt:  c.contractAuth(),
		accountManageAt: c.accountManager(),
		accountAt:       c.account(),
	} {
		c.contracts[Address(at)] = &impl
	}
	committee, proposals := c.committee(), c.proposals()
	c.contracts[c.child("1")], c.contracts[c.child("2")] = &committee, &proposals
	return c
}

// The addresses of the contracts (protocol section 8.1).
const (
	sysConfigAt     = 0x1000
	tableAt         = 0x1001
	tableManagerAt  = 0x1002
	consensusAt     = 0x1003
	authManagerAt   = 0x1005
	kvTableAt       = 0x1009
	cryptoAt        = 0x100a
	dagTransferAt   = 0x100c
	bfsAt           = 0x100e
	castAt          = 0x100f
	shardingAt      = 0x1010
	balanceAt       = 0x1011
	paillierAt      = 0x5003
	groupSigAt      = 0x5004
	ringSigAt       = 0x5005
	zkpAt           = 0x5100
	committeeAt     = 0x10001
	contractAuthAt  = 0x10002
	accountManageAt = 0x10003
	accountAt       = 0x10004
)

// Address is the address of a built-in contract.
func Address(n uint32) common.Address {
	return common.BytesToAddress([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// Addresses are those of all contracts, in no order, also of those that a flag
// still hides.
func (c *Contracts) Addresses() []common.Address {
	all := make([]common.Address, 0, len(c.contracts))
	for addr := range c.contracts {
		all = append(all, addr)
	}
	return all
}

// Has reports whether there is a contract at the address with this configuration.
func (c *Contracts) Has(config *Config, at common.Address) bool {
	impl, ok := c.contracts[at]
	return ok && (impl.feature == "" || config.On(impl.feature))
}

// Run calls the contract at a fixed address. The error is a *Refused or a
// *Reverted; then the caller must undo what was changed. It must only be called for contracts that Has
// reports.
func (c *Contracts) Run(env *Env, at common.Address, call Call) ([]byte, error) {
	return c.contracts[at].run(&context{Env: env, contracts: c, self: at, call: call, seq: env.Calls}, call.Input)
}

// RunBound calls the contract behind an account whose code Bound recognises.
func (c *Contracts) RunBound(env *Env, account common.Address, code []byte, call Call) ([]byte, error) {
	at, path, err := bound(code)
	if err != nil {
		return nil, err
	}
	impl, ok := c.contracts[at]
	if !ok || !impl.bound {
		return nil, errInternal
	}
	return impl.run(&context{Env: env, contracts: c, self: account, call: call, seq: env.Calls, table: path}, call.Input)
}

func (k *contract) run(x *context, input []byte) ([]byte, error) {
	if k.bound && x.table == "" { // called by its own address: the path is part of the input
		args := decode(input)
		paths := args.strings()
		input = args.bytes()
		if len(paths) == 0 {
			return nil, errInternal
		}
		x.table = paths[0]
	}
	if len(input) == 0 && k.pays {
		return nil, nil
	}
	if k.code && len(input) < 4 {
		return nil, &Reverted{}
	}
	if len(input) < 4 {
		return nil, refuse("Empty param data in precompiled call")
	}
	if k.before != nil {
		if out, err := k.before(x, [4]byte(input[:4]), decode(input[4:])); out != nil || err != nil {
			return out, err
		}
	}
	if m, ok := k.methods[[4]byte(input[:4])]; ok {
		return m(x, decode(input[4:]))
	}
	if k.code {
		return nil, &Reverted{}
	}
	if k.unknown != nil {
		return k.unknown(x, decode(input[4:]))
	}
	return nil, refuse("%s call undefined function!", k.name)
}

// selector is that of a function.
func (c *Contracts) selector(signature string) [4]byte {
	hash := c.hash([]byte(signature))
	return [4]byte(hash[:4])
}

// functions makes the table of a contract's functions by their selectors.
func (c *Contracts) functions(methods map[string]method) map[[4]byte]method {
	out := make(map[[4]byte]method, len(methods))
	for signature, m := range methods {
		out[c.selector(signature)] = m
	}
	return out
}

// inner runs what a node does as a call from one system contract to another: it
// counts as a call, and what it changed is undone when it fails.
func (x *context) inner(f func() error) error {
	x.Calls++
	snapshot := x.State.Snapshot()
	err := f()
	if err != nil {
		x.State.Revert(snapshot)
	}
	return err
}

// code answers with a code of protocol section 8.2.
func code(n int64) ([]byte, error) { return Int256(n), nil }
