package system

import (
	"context"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

var (
	account  = common.HexToAddress("0x6370Ef2f4Db3611D657b90667De398a2Cc2a370C")
	other    = common.HexToAddress("0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1")
	tableAt  = common.HexToAddress("0xc49c854e660913114ce29718cff0db361a787bcb")
	nodeID   = strings.Repeat("ab", 64)
	selector = [4]byte{1, 2, 3, 4}
	hash32   = [32]byte{1, 31: 2}
)

const (
	hexAccount = "6370ef2f4db3611d657b90667de398a2cc2a370c"
	hexOther   = "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
)

// Shapes of tuples, for the oracle.
type (
	textPair  struct{ Name0, Name1 string }
	condition struct {
		Name0        uint8
		Name1, Name2 string
	}
	limits   struct{ Name0, Name1 uint32 }
	rowTuple struct {
		Name0 string
		Name1 []string
	}
	infoTuple struct {
		Name0 uint8
		Name1 string
		Name2 []string
	}
	pathTuple struct {
		Name0, Name1 string
		Name2        []string
	}
	proposalTuple struct {
		Name0, Name1 common.Address
		Name2        uint8
		Name3        *big.Int
		Name4        uint8
		Name5, Name6 []common.Address
	}
)

// functionCase calls one function with arguments and gives it outputs. Signatures
// and types are those of protocol §8; where that differs from the recordings and
// the contracts' own sources (BFS.link), of these.
type functionCase struct {
	at        common.Address
	signature string
	read      bool
	op        func(*Contracts) op
	args      []any
	returns   string
	out       []any
	want      any
}

func n(v int64) *big.Int { return big.NewInt(v) }

// changes is a write that returns a code.
func changes(at int64, signature string, op func(*Contracts) op, args ...any) functionCase {
	return functionCase{at: addressOf(at), signature: signature, op: op, args: args, returns: "int256", out: []any{n(0)}, want: None{}}
}

// counts is a write of the table that returns a number of rows.
func counts(signature string, op func(*Contracts) op, args ...any) functionCase {
	return functionCase{at: tableAt, signature: signature, op: op, args: args, returns: "int256", out: []any{n(3)}, want: int64(3)}
}

// proposes is a write of the committee that returns the id of a proposal.
func proposes(signature string, op func(*Contracts) op, args ...any) functionCase {
	return functionCase{at: addressOf(0x10001), signature: signature, op: op, args: args, returns: "uint256", out: []any{n(7)}, want: Decision{ID: 7}}
}

func asks[T any](at common.Address, signature string, f func(*Contracts, context.Context) (T, error), args []any, returns string, out []any, want T) functionCase {
	return functionCase{at: at, signature: signature, read: true, args: args, returns: returns, out: out, want: want,
		op: func(c *Contracts) op { return ask(func(ctx context.Context) (T, error) { return f(c, ctx) }) }}
}

var (
	someWhere   = []Condition{{GreaterOrEqual, "id", "1"}, {Contains, "name", "n"}}
	whereTuples = []condition{{1, "id", "1"}, {8, "name", "n"}}
	someChanges = []Change{{"age", "2"}, {"city", "Oslo"}}
	changePairs = []textPair{{"age", "2"}, {"city", "Oslo"}}
	oneProposal = proposalTuple{account, other, 41, n(99), 1, []common.Address{other}, []common.Address{account, other}}
	asProposal  = Proposal{ID: 5, Type: ProposalSysConfig, Status: ProposalOpen, Resource: account, Proposer: other, Deadline: 99,
		Agree: []common.Address{other}, Against: []common.Address{account, other}}
)

// everyFunction has each function of the package once.
var everyFunction = []functionCase{
	changes(0x1000, "setValueByKey(string,string)", func(c *Contracts) op { return act(c.SystemConfig().SetValue("tx_count_limit", "1000")) }, "tx_count_limit", "1000"),
	asks(addressOf(0x1000), "getValueByKey(string)", func(c *Contracts, ctx context.Context) (Setting, error) {
		return c.SystemConfig().Value(ctx, "tx_count_limit")
	}, []any{"tx_count_limit"}, "string,int256", []any{"1000", n(12)}, Setting{"1000", 12}),

	changes(0x1003, "addSealer(string,uint256)", func(c *Contracts) op { return act(c.Consensus().AddSealer(nodeID, 2)) }, nodeID, n(2)),
	changes(0x1003, "addSealer(string,uint256,uint256)", func(c *Contracts) op { return act(c.Consensus().AddSealerWithTerm(nodeID, 2, 3)) }, nodeID, n(2), n(3)),
	changes(0x1003, "addObserver(string)", func(c *Contracts) op { return act(c.Consensus().AddObserver(nodeID)) }, nodeID),
	changes(0x1003, "remove(string)", func(c *Contracts) op { return act(c.Consensus().Remove(nodeID)) }, nodeID),
	changes(0x1003, "setWeight(string,uint256)", func(c *Contracts) op { return act(c.Consensus().SetWeight(nodeID, 5)) }, nodeID, n(5)),
	changes(0x1003, "setTermWeight(string,uint256)", func(c *Contracts) op { return act(c.Consensus().SetTermWeight(nodeID, 5)) }, nodeID, n(5)),

	changes(0x1002, "createTable(string,(uint8,string,string[]))", func(c *Contracts) op {
		return act(c.TableManager().CreateTable("t", TableInfo{KeyOrderNumber, "id", []string{"a", "b"}}))
	}, "t", infoTuple{1, "id", []string{"a", "b"}}),
	changes(0x1002, "createKVTable(string,string,string)", func(c *Contracts) op { return act(c.TableManager().CreateKVTable("t", "k", "v")) }, "t", "k", "v"),
	changes(0x1002, "appendColumns(string,string[])", func(c *Contracts) op { return act(c.TableManager().AppendColumns("t", []string{"x", "y"})) }, "t", []string{"x", "y"}),
	asks(addressOf(0x1002), "openTable(string)", func(c *Contracts, ctx context.Context) (common.Address, error) {
		return c.TableManager().OpenTable(ctx, "t")
	}, []any{"t"}, "address", []any{other}, other),
	asks(addressOf(0x1002), "descWithKeyOrder(string)", func(c *Contracts, ctx context.Context) (TableInfo, error) {
		return c.TableManager().Describe(ctx, "t")
	}, []any{"t"}, "(uint8,string,string[])", []any{infoTuple{1, "id", []string{"a"}}}, TableInfo{KeyOrderNumber, "id", []string{"a"}}),

	asks(tableAt, "select(string)", func(c *Contracts, ctx context.Context) (Row, error) { return c.Table(tableAt).Get(ctx, "1") },
		[]any{"1"}, "(string,string[])", []any{rowTuple{"1", []string{"Ann", ""}}}, Row{"1", []string{"Ann", ""}}),
	asks(tableAt, "select((uint8,string,string)[],(uint32,uint32))", func(c *Contracts, ctx context.Context) ([]Row, error) {
		return c.Table(tableAt).Select(ctx, someWhere, Limit{1, 500})
	}, []any{whereTuples, limits{1, 500}}, "(string,string[])[]", []any{[]rowTuple{{"1", []string{"Ann"}}, {"2", []string{}}}}, []Row{{"1", []string{"Ann"}}, {"2", []string{}}}),
	asks(tableAt, "count((uint8,string,string)[])", func(c *Contracts, ctx context.Context) (int64, error) {
		return c.Table(tableAt).Count(ctx, someWhere)
	}, []any{whereTuples}, "uint32", []any{uint32(9)}, 9),
	counts("insert((string,string[]))", func(c *Contracts) op { return act(c.Table(tableAt).Insert(Row{"1", []string{"Ann", "30"}})) }, rowTuple{"1", []string{"Ann", "30"}}),
	counts("update(string,(string,string)[])", func(c *Contracts) op { return act(c.Table(tableAt).Update("1", someChanges)) }, "1", changePairs),
	counts("update((uint8,string,string)[],(uint32,uint32),(string,string)[])", func(c *Contracts) op {
		return act(c.Table(tableAt).UpdateWhere(someWhere, Limit{0, 10}, someChanges))
	}, whereTuples, limits{0, 10}, changePairs),
	counts("remove(string)", func(c *Contracts) op { return act(c.Table(tableAt).Remove("1")) }, "1"),
	counts("remove((uint8,string,string)[],(uint32,uint32))", func(c *Contracts) op {
		return act(c.Table(tableAt).RemoveWhere(someWhere, Limit{0, 10}))
	}, whereTuples, limits{0, 10}),

	counts("set(string,string)", func(c *Contracts) op { return act(c.KVTable(tableAt).Set("k", "v")) }, "k", "v"),
	asks(tableAt, "get(string)", func(c *Contracts, ctx context.Context) (string, error) { return c.KVTable(tableAt).Get(ctx, "k") },
		[]any{"k"}, "bool,string", []any{true, "v"}, "v"),

	asks(addressOf(0x100e), "list(string)", func(c *Contracts, ctx context.Context) ([]PathEntry, error) { return c.BFS().List(ctx, "/apps") },
		[]any{"/apps"}, "int32,(string,string,string[])[]", []any{int32(0), []pathTuple{{"Hello", "directory", []string{"0"}}, {"1.0", "link", []string{hexOther, "[]"}}}},
		[]PathEntry{{"Hello", TypeDirectory, []string{"0"}}, {"1.0", TypeLink, []string{hexOther, "[]"}}}),
	asks(addressOf(0x100e), "list(string,uint256,uint256)", func(c *Contracts, ctx context.Context) (PathPage, error) {
		return c.BFS().ListPage(ctx, "/apps", 3, 20)
	}, []any{"/apps", n(3), n(20)}, "int256,(string,string,string[])[]", []any{n(4), []pathTuple{{"c", "contract", []string{}}}}, PathPage{[]PathEntry{{"c", TypeContract, []string{}}}, 4}),
	changes(0x100e, "mkdir(string)", func(c *Contracts) op { return act(c.BFS().MakeDirectory("/apps/a")) }, "/apps/a"),
	changes(0x100e, "link(string,string,string,string)", func(c *Contracts) op { return act(c.BFS().LinkVersion(Link{"Hello", "1.0", other, "[]"})) }, "Hello", "1.0", hexOther, "[]"),
	changes(0x100e, "link(string,string,string)", func(c *Contracts) op { return act(c.BFS().LinkPath("/apps/x/hw", other, "[]")) }, "/apps/x/hw", hexOther, "[]"),
	changes(0x100e, "touch(string,string)", func(c *Contracts) op { return act(c.BFS().Touch("/apps/x", TypeContract)) }, "/apps/x", "contract"),
	asks(addressOf(0x100e), "readlink(string)", func(c *Contracts, ctx context.Context) (common.Address, error) {
		return c.BFS().ReadLink(ctx, Link{Name: "Hello", Version: "1.0"}.Path())
	}, []any{"/apps/Hello/1.0"}, "address", []any{other}, other),

	asks(addressOf(0x100a), "sm3(bytes)", func(c *Contracts, ctx context.Context) (common.Hash, error) {
		return c.Crypto().SM3(ctx, []byte("abc"))
	},
		[]any{[]byte("abc")}, "bytes32", []any{hash32}, common.Hash(hash32)),
	asks(addressOf(0x100a), "keccak256Hash(bytes)", func(c *Contracts, ctx context.Context) (common.Hash, error) { return c.Crypto().Keccak256(ctx, nil) },
		[]any{[]byte{}}, "bytes32", []any{hash32}, common.Hash(hash32)),
	asks(addressOf(0x100a), "sm2Verify(bytes32,bytes,bytes32,bytes32)", func(c *Contracts, ctx context.Context) (Verified, error) {
		return c.Crypto().SM2Verify(ctx, hash32, []byte{9}, [32]byte{1}, [32]byte{2})
	}, []any{hash32, []byte{9}, [32]byte{1}, [32]byte{2}}, "bool,address", []any{true, account}, Verified{true, account}),
	asks(addressOf(0x100a), "curve25519VRFVerify(bytes,bytes,bytes)", func(c *Contracts, ctx context.Context) (Randomness, error) {
		return c.Crypto().VRFVerify(ctx, []byte{1}, []byte{2}, []byte{3})
	}, []any{[]byte{1}, []byte{2}, []byte{3}}, "bool,uint256", []any{true, n(77)}, Randomness{true, n(77)}),

	asks(addressOf(0x1005), "deployType()", func(c *Contracts, ctx context.Context) (AuthType, error) { return c.AuthManager().DeployAuthType(ctx) },
		nil, "uint256", []any{n(1)}, AuthWhiteList),
	changes(0x1005, "setDeployAuthType(uint8)", func(c *Contracts) op { return act(c.AuthManager().SetDeployAuthType(AuthBlackList)) }, uint8(2)),
	changes(0x1005, "openDeployAuth(address)", func(c *Contracts) op { return act(c.AuthManager().OpenDeployAuth(account)) }, account),
	changes(0x1005, "closeDeployAuth(address)", func(c *Contracts) op { return act(c.AuthManager().CloseDeployAuth(account)) }, account),
	asks(addressOf(0x1005), "hasDeployAuth(address)", func(c *Contracts, ctx context.Context) (bool, error) {
		return c.AuthManager().HasDeployAuth(ctx, account)
	}, []any{account}, "bool", []any{true}, true),
	asks(addressOf(0x1005), "getAdmin(address)", func(c *Contracts, ctx context.Context) (common.Address, error) {
		return c.AuthManager().Admin(ctx, other)
	}, []any{other}, "address", []any{account}, account),
	changes(0x1005, "resetAdmin(address,address)", func(c *Contracts) op { return act(c.AuthManager().ResetAdmin(other, account)) }, other, account),
	changes(0x1005, "setMethodAuthType(address,bytes4,uint8)", func(c *Contracts) op {
		return act(c.AuthManager().SetMethodAuthType(other, selector, AuthWhiteList))
	}, other, selector, uint8(1)),
	changes(0x1005, "openMethodAuth(address,bytes4,address)", func(c *Contracts) op { return act(c.AuthManager().OpenMethodAuth(other, selector, account)) }, other, selector, account),
	changes(0x1005, "closeMethodAuth(address,bytes4,address)", func(c *Contracts) op { return act(c.AuthManager().CloseMethodAuth(other, selector, account)) }, other, selector, account),
	asks(addressOf(0x1005), "checkMethodAuth(address,bytes4,address)", func(c *Contracts, ctx context.Context) (bool, error) {
		return c.AuthManager().CheckMethodAuth(ctx, other, selector, account)
	}, []any{other, selector, account}, "bool", []any{true}, true),
	asks(addressOf(0x1005), "getMethodAuth(address,bytes4)", func(c *Contracts, ctx context.Context) (MethodAuth, error) {
		return c.AuthManager().MethodAuth(ctx, other, selector)
	}, []any{other, selector}, "uint8,string[],string[]", []any{uint8(2), []string{hexAccount, "0x" + hexOther}, []string{}},
		MethodAuth{AuthBlackList, []common.Address{account, other}, []common.Address{}}),
	changes(0x1005, "setContractStatus(address,bool)", func(c *Contracts) op { return act(c.AuthManager().SetContractFrozen(other, true)) }, other, true),
	changes(0x1005, "setContractStatus(address,uint8)", func(c *Contracts) op { return act(c.AuthManager().SetContractStatus(other, StatusAbolished)) }, other, uint8(2)),
	asks(addressOf(0x1005), "contractAvailable(address)", func(c *Contracts, ctx context.Context) (bool, error) {
		return c.AuthManager().ContractAvailable(ctx, other)
	}, []any{other}, "bool", []any{true}, true),

	changes(0x10003, "setAccountStatus(address,uint8)", func(c *Contracts) op { return act(c.AccountManager().SetStatus(account, StatusFrozen)) }, account, uint8(1)),
	asks(addressOf(0x10003), "getAccountStatus(address)", func(c *Contracts, ctx context.Context) (Status, error) {
		return c.AccountManager().Status(ctx, account)
	}, []any{account}, "uint8", []any{uint8(2)}, StatusAbolished),

	proposes("createUpdateGovernorProposal(address,uint32,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeGovernor(account, 3, 100)) }, account, uint32(3), n(100)),
	proposes("createSetRateProposal(uint8,uint8,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeRate(60, 51, 100)) }, uint8(60), uint8(51), n(100)),
	proposes("createUpgradeVoteComputerProposal(address,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeVoteComputer(other, 100)) }, other, n(100)),
	proposes("createSetDeployAuthTypeProposal(uint8,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeDeployAuthType(AuthWhiteList, 100)) }, uint8(1), n(100)),
	proposes("createModifyDeployAuthProposal(address,bool,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeDeployAuth(account, true, 100)) }, account, true, n(100)),
	proposes("createResetAdminProposal(address,address,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeAdmin(account, other, 100)) }, account, other, n(100)),
	proposes("createSetSysConfigProposal(string,string,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeSysConfig("tx_count_limit", "2000", 100)) }, "tx_count_limit", "2000", n(100)),
	proposes("createSetConsensusWeightProposal(string,uint32,bool,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeSealer(nodeID, 4, 100)) }, nodeID, uint32(4), true, n(100)),
	proposes("createRmNodeProposal(string,uint256)", func(c *Contracts) op { return act(c.Committee().ProposeRemoval(nodeID, 100)) }, nodeID, n(100)),
	{at: addressOf(0x10001), signature: "voteProposal(uint256,bool)", op: func(c *Contracts) op { return act(c.Committee().Vote(5, true)) }, args: []any{n(5), true}, want: Decision{ID: 5}},
	{at: addressOf(0x10001), signature: "revokeProposal(uint256)", op: func(c *Contracts) op { return act(c.Committee().Revoke(5)) }, args: []any{n(5)}, want: None{}},
	asks(addressOf(0x10001), "isGovernor(address)", func(c *Contracts, ctx context.Context) (bool, error) { return c.Committee().IsGovernor(ctx, account) },
		[]any{account}, "bool", []any{true}, true),
	asks(addressOf(0x10001), "getProposalType(uint256)", func(c *Contracts, ctx context.Context) (ProposalType, error) {
		return c.Committee().ProposalType(ctx, 5)
	}, []any{n(5)}, "uint8", []any{uint8(22)}, ProposalDeployAuth),
	asks(childCommittee, "getCommitteeInfo()", func(c *Contracts, ctx context.Context) (CommitteeInfo, error) { return c.Committee().Info(ctx) },
		nil, "uint8,uint8,address[],uint32[]", []any{uint8(60), uint8(51), []common.Address{account, other}, []uint32{1, 7}},
		CommitteeInfo{60, 51, []Governor{{account, 1}, {other, 7}}}),
	asks(childCommittee, "getWeight(address)", func(c *Contracts, ctx context.Context) (uint32, error) { return c.Committee().Weight(ctx, account) },
		[]any{account}, "uint32", []any{uint32(7)}, 7),
	asks(childProposals, "_proposalCount()", func(c *Contracts, ctx context.Context) (uint64, error) { return c.Committee().ProposalCount(ctx) },
		nil, "uint256", []any{n(12)}, 12),
	asks(childProposals, "getProposalInfo(uint256)", func(c *Contracts, ctx context.Context) (Proposal, error) { return c.Committee().Proposal(ctx, 5) },
		[]any{n(5)}, "address,address,uint8,uint256,uint8,address[],address[]",
		[]any{oneProposal.Name0, oneProposal.Name1, oneProposal.Name2, oneProposal.Name3, oneProposal.Name4, oneProposal.Name5, oneProposal.Name6}, asProposal),
	asks(childProposals, "getProposalInfoList(uint256,uint256)", func(c *Contracts, ctx context.Context) ([]Proposal, error) {
		return c.Committee().Proposals(ctx, 5, 9)
	}, []any{n(5), n(9)}, "(address,address,uint8,uint256,uint8,address[],address[])[]", []any{[]proposalTuple{oneProposal}}, []Proposal{asProposal}),
	asks(childProposals, "getProposalStatus(uint256)", func(c *Contracts, ctx context.Context) (ProposalStatus, error) {
		return c.Committee().ProposalStatus(ctx, 5)
	}, []any{n(5)}, "uint8", []any{uint8(5)}, ProposalOutdated),

	asks(addressOf(0x1011), "getBalance(address)", func(c *Contracts, ctx context.Context) (*big.Int, error) { return c.Balance().Of(ctx, account) },
		[]any{account}, "uint256", []any{new(big.Int).Lsh(n(1), 200)}, new(big.Int).Lsh(n(1), 200)),
	changes(0x1011, "addBalance(address,uint256)", func(c *Contracts) op { return act(c.Balance().Add(account, new(big.Int).Lsh(n(1), 255))) }, account, new(big.Int).Lsh(n(1), 255)),
	changes(0x1011, "subBalance(address,uint256)", func(c *Contracts) op { return act(c.Balance().Sub(account, n(3))) }, account, n(3)),
	changes(0x1011, "transfer(address,address,uint256)", func(c *Contracts) op { return act(c.Balance().Transfer(account, other, n(3))) }, account, other, n(3)),
	changes(0x1011, "registerCaller(address)", func(c *Contracts) op { return act(c.Balance().RegisterCaller(account)) }, account),
	changes(0x1011, "unregisterCaller(address)", func(c *Contracts) op { return act(c.Balance().UnregisterCaller(account)) }, account),
	asks(addressOf(0x1011), "listCaller()", func(c *Contracts, ctx context.Context) ([]common.Address, error) { return c.Balance().Callers(ctx) },
		nil, "address[]", []any{[]common.Address{other, account}}, []common.Address{other, account}),

	changes(0x1010, "makeShard(string)", func(c *Contracts) op { return act(c.Sharding().Make("s1")) }, "s1"),
	changes(0x1010, "linkShard(string,string)", func(c *Contracts) op { return act(c.Sharding().Link("s1", other)) }, "s1", hexOther),
	asks(addressOf(0x1010), "getContractShard(string)", func(c *Contracts, ctx context.Context) (string, error) { return c.Sharding().Of(ctx, other) },
		[]any{hexOther}, "int256,string", []any{n(0), "/shards/s1"}, "/shards/s1"),
}
