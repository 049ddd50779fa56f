package system

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"
)

func TestSettingsCountFromTheNextBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := Address(sysConfigAt)
	set := func(key, v string) []byte { return input("setValueByKey(string,string)", text(key), text(v)) }
	w.block = 7
	before := ReadConfig(w.state, 7)
	w.codes(config, set("TX_Count_Limit", "5"), 0)
	s, ok := ReadSetting(w.state, "tx_count_limit")
	require.True(t, ok)
	require.Equal(t, Setting{"5", 8}, s)
	require.EqualValues(t, 1000, before.CountLimit, "not in the block itself")
	require.EqualValues(t, 5, ReadConfig(w.state, 8).CountLimit)
	w.answers(config, input("getValueByKey(string)", text("tx_count_limit")), encode(text("5"), number(8)))
	w.answers(config, input("getValueByKey(string)", text("nothing")), encode(text(""), integer(-1)))

	w.codes(config, set("feature_evm_timestamp", "1"), 0)
	require.True(t, ReadConfig(w.state, w.block).On(FeatureEVMTimestamp))
	require.True(t, ReadConfig(w.state, 0).On("bugfix_v1_timestamp"), "flags of the version are on from the start")
	require.False(t, ReadConfig(w.state, 0).On("bugfix_revert_logs"))
	w.codes(config, set("compatibility_version", "3.16.4"), 0)
	require.True(t, ReadConfig(w.state, w.block).On("bugfix_revert_logs"), "a new version brings its flags")
	require.EqualValues(t, 0x03100400, ReadConfig(w.state, w.block).Version)
	w.codes(config, set("tx_gas_price", "0x00fF"), 0)
	require.EqualValues(t, 255, ReadConfig(w.state, w.block).GasPrice.Uint64())
	w.codes(config, set("balance_transfer", "0"), 0)
	require.False(t, ReadConfig(w.state, w.block).Transfer)
}

func TestSettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ key, value, want string }{
		{"no_such", "1", "unsupported key no_such"},
		{"", "", "unsupported key "},
		{"tx_gas_limit", "", "The value for tx_gas_limit must be non-empty."},
		{"tx_gas_limit", "99999", "Invalid value 99999 ,the value for tx_gas_limit must be no less than 100000"},
		{"tx_count_limit", "-1", "Invalid value -1 ,the value for tx_count_limit must be no less than 1"},
		{"tx_count_limit", "1x", "The value for tx_count_limit must be a valid number."},
		{"consensus_leader_period", "99999999999999999999", "The value for consensus_leader_period must be a valid number."},
		{"tx_gas_price", "12", "The value for tx_gas_price must be a valid number."},
		{"tx_gas_price", "0x", "The value for tx_gas_price must be a valid number."},
		{"web3_chain_id", "4294967296", "The value for web3_chain_id must be a valid number."},
		{"web3_chain_id", "0x10", "The value for web3_chain_id must be a valid number."},
		{"feature_evm_cancun", "0", "The value for feature_evm_cancun must be a valid number."},
		{"feature_balance_precompiled", "1", "must set feature_balance first"},
		{"feature_balance_policy1", "1", "must set feature_balance_precompiled first"},
		{"auth_check_status", "256", "Invalid status value, must less than 255"},
		{"compatibility_version", "3.15.9", "The value for compatibility_version must be a valid number."},
		{"compatibility_version", "2.0.0", "Invalid value for compatibility_version. The version must be in format of " +
			"major_version.middle_version.minimum_version, and the minimum version is optional. The major version must between 3 to 255"},
		{"compatibility_version", "9.9.9", "compatibility_version 9.9.9 is above 3.16.4, the newest that a development chain knows"},
		{"executor_version", "9", "executor_version 9 is not available on a development chain, only 1"},
		{"executor_version", "0", "executor_version 0 is not available on a development chain, only 1"},
	} {
		w := newWorld(t)
		w.refuses(Address(sysConfigAt), input("setValueByKey(string,string)", text(tc.key), text(tc.value)), tc.want)
	}
}

func TestUnknownFunctions(t *testing.T) {
	t.Parallel()
	for at, name := range map[uint32]string{
		sysConfigAt: "SystemConfigPrecompiled", tableManagerAt: "TableManager", consensusAt: "ConsensusPrecompiled",
		bfsAt: "BFSPrecompiled", cryptoAt: "CryptoPrecompiled", castAt: "CastPrecompiled", authManagerAt: "AuthManagerPrecompiled",
		accountManageAt: "AccountManagerPrecompiled", zkpAt: "ZkpPrecompiled",
	} {
		w := newWorld(t)
		w.refuses(Address(at), []byte{1, 2, 3, 4}, name+" call undefined function!")
		w.refuses(Address(at), nil, "Empty param data in precompiled call")
	}
	w := newWorld(t)
	w.answers(Address(dagTransferAt), []byte{1, 2, 3, 4}, nil)
	w.answers(Address(paillierAt), []byte{1, 2, 3, 4}, encode(integer(codeUnknownFunction), boolean(false)))
	w.refuses(Address(contractAuthAt), []byte{1, 2, 3, 4}, internalText)
	w.refuses(Address(tableAt), []byte{1, 2, 3, 4}, internalText)
	_, err := w.send(user, Address(committeeAt), []byte{1, 2, 3, 4})
	var reverted *Reverted
	require.ErrorAs(t, err, &reverted, "the committee is code")
}

// A chain with another hash has other selectors and addresses, and the same contracts.
func TestOtherHash(t *testing.T) {
	t.Parallel()
	sum := func(data ...[]byte) common.Hash {
		h := sm3.New()
		for _, d := range data {
			h.Write(d)
		}
		return common.BytesToHash(h.Sum(nil))
	}
	w := newWorld(t)
	w.contracts = New(sum)
	selector := sum([]byte("getValueByKey(string)"))
	w.answers(Address(sysConfigAt), append(selector[:4:4], encode(text("tx_count_limit"))...), encode(text("1000"), number(0)))
}

func TestNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, at := nodeID("aa"), nodeID("bb"), Address(consensusAt)
	sealer := func(id string, weight uint64) []byte {
		return input("addSealer(string,uint256)", text(id), number(weight))
	}
	one := func(f, id string) []byte { return input(f+"(string)", text(id)) }
	weight := func(id string, n uint64) []byte { return input("setWeight(string,uint256)", text(id), number(n)) }
	w.codes(at, sealer(b, 1), codeObserverFirst)
	w.codes(at, sealer("zz", 1), codeInvalidNodeID)
	w.codes(at, sealer(b, 0), codeInvalidWeight)
	w.codes(at, one("remove", b), codeNodeMissing)
	w.codes(at, one("remove", a), codeLastSealer)
	w.codes(at, one("addObserver", a), codeLastSealer)
	w.codes(at, one("addObserver", strings.ToUpper(b)), codeSuccess)
	w.refuses(at, weight(b, 3), "Cannot set weight to observer.")
	w.codes(at, weight(a, 0), codeInvalidWeight)
	w.codes(at, weight(nodeID("ee"), 2), codeNodeMissing)
	w.codes(at, sealer(b, 2), codeSuccess)
	w.codes(at, weight(a, 9), codeSuccess)
	require.Equal(t, []Node{
		{ID: a, Kind: KindSealer, Weight: 9, Since: w.block},
		{ID: b, Kind: KindSealer, Weight: 2, Since: w.block - 1},
	}, Nodes(w.state))
	w.codes(at, one("addObserver", a), codeSuccess)
	w.codes(at, one("remove", a), codeSuccess)
	require.Len(t, Nodes(w.state), 1)
}

func condition3(op uint64, field, v string) value { return tuple(number(op), text(field), text(v)) }

func TestTableRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.table(0, "people", "id", "name", "age")
	row := func(id string, columns ...string) []byte {
		return input("insert((string,string[]))", tuple(text(id), texts(columns)))
	}
	for i := range 5 {
		w.codes(at, row(fmt.Sprint(i), "n"+fmt.Sprint(i), fmt.Sprint(i%2)), 1)
	}
	w.codes(at, row("1", "again", "1"), codeInsertExists)
	w.refuses(at, row("7", "one"), "Table insert entry fields number mismatch")
	w.refuses(at, row("", "a", "b"), "Table insert entry key is empty")
	w.refuses(at, row(strings.Repeat("k", 256), "a", "b"), "size of value/key greater than255 error code: -50005")
	w.answers(at, input("select(string)", text("3")), encode(entryValue("3", []string{"n3", "1"})))
	w.answers(at, input("select(string)", text("x")), encode(entryValue("", nil)))

	find := func(offset, count uint64, conditions ...value) []byte {
		return append(input("select((uint8,string,string)[],(uint32,uint32))"), encodeWithLimit(array(conditions...), offset, count)...)
	}
	rows := func(ids ...int) []byte {
		var all []value
		for _, i := range ids {
			all = append(all, entryValue(fmt.Sprint(i), []string{"n" + fmt.Sprint(i), fmt.Sprint(i % 2)}))
		}
		return encode(array(all...))
	}
	w.answers(at, find(0, 10, condition3(opGE, "id", "2")), rows(2, 3, 4))
	w.answers(at, find(0, 2, condition3(opGE, "id", "2")), rows(2, 3))
	w.answers(at, find(1, 2, condition3(opGE, "id", "2")), rows())
	w.answers(at, find(0, 0, condition3(opGE, "id", "2")), rows())
	w.answers(at, find(0, 10, condition3(opEQ, "age", "1")), rows(1, 3))
	w.answers(at, find(1, 10, condition3(opEQ, "age", "0")), rows(2, 4))
	w.answers(at, find(0, 10, condition3(opNE, "id", "0"), condition3(opLT, "id", "3"), condition3(opContains, "name", "n")), rows(1, 2))
	w.answers(at, find(0, 10, condition3(opStartsWith, "name", "n2")), rows(2))
	w.answers(at, find(0, 10, condition3(opEndsWith, "name", "4")), rows(4))
	w.refuses(at, find(0, 501, condition3(opEQ, "age", "1")), "Limit overflow.")
	w.refuses(at, find(0, 10), "Condition is empty")
	w.refuses(at, find(0, 10, condition3(9, "age", "1")), "9 ConditionOP not exist!")
	w.refuses(at, find(0, 10, condition3(opEQ, "nothing", "1")), "Table condition fields not found")
	w.codes(at, input("count((uint8,string,string)[])", array(condition3(opEQ, "age", "0"))), 3)

	change := func(field, v string) value { return array(tuple(text(field), text(v))) }
	w.codes(at, input("update(string,(string,string)[])", text("0"), change("name", "new")), 1)
	w.codes(at, input("update(string,(string,string)[])", text("9"), change("name", "new")), codeUpdateMissing)
	w.refuses(at, input("update(string,(string,string)[])", text("0"), change("id", "new")), "Table update fields cannot contains key field")
	w.refuses(at, input("update(string,(string,string)[])", text("0"), change("no", "new")), "Table update fields not found")
	w.answers(at, input("select(string)", text("0")), encode(entryValue("0", []string{"new", "0"})))
	w.codes(at, input("remove(string)", text("0")), 1)
	w.codes(at, input("remove(string)", text("0")), codeRemoveMissing)

	manager := Address(tableManagerAt)
	w.codes(manager, input("appendColumns(string,string[])", text("people"), texts([]string{"city"})), 0)
	w.codes(manager, input("appendColumns(string,string[])", text("people"), texts([]string{"city"})), codeDuplicateField)
	w.answers(manager, input("descWithKeyOrder(string)", text("people")), encode(tuple(number(0), text("id"), texts([]string{"name", "age", "city"}))))
	w.refuses(at, input("update(string,(string,string)[])", text("1"), change("city", "x")), "the row has no column city, because it is older than the column")
	w.refuses(at, find(0, 10, condition3(opEQ, "city", "x")), "The field index is greater than the size of fields")
	w.codes(at, row("8", "n", "8", "here"), 1)
	w.refuses(at, []byte{9, 9, 9, 9}, "TablePrecompiled call undefined function!")
}

// encodeWithLimit puts the limit, a static tuple, behind a dynamic value.
func encodeWithLimit(conditions value, offset, count uint64) []byte {
	return encode(conditions, number(offset), number(count))
}

func TestTablesOrderedByNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.table(1, "numbers", "n", "v")
	insert := func(key string) []byte {
		return input("insert((string,string[]))", tuple(text(key), texts([]string{key})))
	}
	for _, key := range []string{"10", "9", "-3", "0", "9223372036854775807", "-9223372036854775808"} {
		w.codes(at, insert(key), 1)
	}
	for _, bad := range []string{"", "007", "x", "+1", "9223372036854775808"} {
		w.refuses(at, insert(bad), "The key cannot be converted to a number(int64)")
	}
	var want []value
	for _, key := range []string{"-9223372036854775808", "-3", "0", "9"} {
		want = append(want, entryValue(key, []string{key}))
	}
	w.answers(at, append(input("select((uint8,string,string)[],(uint32,uint32))"), encodeWithLimit(array(condition3(opLT, "n", "10")), 0, 100)...),
		encode(array(want...)))
	w.answers(at, input("select(string)", text("10")), encode(entryValue("10", []string{"10"})))
}

func TestNamesOfTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := Address(tableManagerAt)
	create := func(name, key string, columns ...string) []byte {
		return input("createTable(string,(uint8,string,string[]))", text(name), tuple(number(0), text(key), texts(columns)))
	}
	w.codes(manager, create("t", " id ", " a", "b "), 0)
	w.answers(manager, input("desc(string)", text("t")), encode(tuple(text("id"), texts([]string{"a", "b"}))))
	w.codes(manager, create("/tables/t", "id", "a"), codeTableExists)
	w.codes(manager, create("deep/er", "id", "a"), 0)
	w.answers(manager, input("openTable(string)", text("none")), encode(address(common.Address{})))
	w.refuses(manager, create("a b", "id", "a"), `Invalid table name "a b", the table name must be letters or numbers, and only supports "{_, /}" as special character set`)
	w.refuses(manager, create("u", "_id", "a"), "invalid field: _id")
	w.refuses(manager, create("u", "id", "a", "a"), "duplicated field: a")
	w.refuses(manager, create("u", "id", "a-b"), "invalid field: a-b")
	w.refuses(manager, create(strings.Repeat("u", 43), "id", "a"), "errorCode: -50002 tableName length overflow 50")
	w.refuses(manager, create("u", "id", strings.Repeat("c", 65)), "errorCode: -50003table field name length overflow 64")
	w.refuses(manager, create("t/below", "id", "a"), "Create table error.")
	w.refuses(manager, input("createTable(string,(uint8,string,string[]))", text("u"), tuple(number(2), text("id"), texts(nil))), "2 KeyOrder not exist!")
	require.Equal(t, 0, w.calls)

	w.codes(manager, input("createKVTable(string,string,string)", text("kv"), text("k"), text("v")), 0)
	require.Equal(t, 1, w.calls, "entering the table in the file system counts as a call")
	out, err := w.send(user, manager, input("openTable(string)", text("kv")))
	require.NoError(t, err)
	kv := common.BytesToAddress(out)
	require.Equal(t, "[PRECOMPILED],0000000000000000000000000000000000001009,/tables/kv", string(w.state.Code(kv)))
	w.answers(kv, input("get(string)", text("x")), encode(boolean(false), text("")))
	w.codes(kv, input("set(string,string)", text("x"), text("1")), 1)
	w.answers(kv, input("get(string)", text("x")), encode(boolean(true), text("1")))
	w.refuses(kv, input("set(string,string)", text(""), text("1")), "Table insert entry key is empty")
	w.refuses(kv, []byte{1, 2, 3, 4}, "KVTablePrecompiled call undefined function!")
	// By the implementation's own address, with the path in front of the input.
	w.answers(Address(kvTableAt), encode(texts([]string{"/tables/kv"}), value{text(string(input("get(string)", text("x")))).data, true}),
		encode(boolean(true), text("1")))
	w.refuses(Address(kvTableAt), encode(texts([]string{"/tables/no"}), value{text(string(input("get(string)", text("x")))).data, true}),
		"u_/tables/no does not exist")
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := Address(bfsAt)
	contract := common.HexToAddress("0x2222222222222222222222222222222222222222")
	w.state.SetCode(contract, []byte{0})
	one := func(f, path string) []byte { return input(f+"(string)", text(path)) }
	w.codes(at, one("mkdir", "/apps/a/b"), 0)
	w.codes(at, one("mkdir", "/apps/a"), codeFileExists)
	w.codes(at, one("mkdir", "/sys/a"), codeInvalidPath)
	w.codes(at, one("mkdir", "/apps/1/2/3/4/5/6"), codeInvalidPath)
	w.codes(at, one("mkdir", "/apps/-a"), codeInvalidPath)
	w.codes(at, one("mkdir", "/shards/s"), codeBuildFailed)
	w.answers(at, one("list", "/apps/a"), encode(integer(0), array(entry("b", fieldsOf(fileRow(typeDirectory))))))
	w.answers(at, one("list", "/apps/none"), encode(integer(codeFileMissing), array()))
	w.answers(at, one("list", "no path!"), encode(integer(codeInvalidPath), array()))

	version := func(name, version, target string) []byte {
		return input("link(string,string,string,string)", text(name), text(version), text(target), text("[]"))
	}
	w.codes(at, version("Hello", "1.0", hexText(contract)), 0)
	w.codes(at, version("Hello", "2.0", hexText(user)), codeAddressVersion)
	w.codes(at, version("He/llo", "2.0", hexText(contract)), codeAddressVersion)
	w.answers(at, one("readlink", "/apps/Hello/1.0"), encode(address(contract)))
	w.answers(at, one("list", "/apps/Hello/1.0"), encode(integer(0), array(entry("1.0", []string{typeLink, hexText(contract), "[]"}))))
	w.codes(at, input("link(string,string,string)", text("/x/y"), text("0x"+hexText(user)), text("")), 0)
	w.answers(at, one("readlink", "/apps/x/y"), encode(address(user)))
	w.codes(at, input("link(string,string,string)", text("/a"), text(hexText(user)), text("")), codeFileExists)
	w.codes(at, one("mkdir", "/apps/x/y/z"), codeBuildFailed)
	w.refuses(at, input("touch(string,string)", text("/apps/x/y/z"), text(typeDirectory)), "Recursive build bfs dir error.")
	w.codes(at, input("touch(string,string)", text("/apps/q"), text("nonsense")), codeInvalidFormat)

	page := func(path string, offset, count uint64) []byte {
		return input("list(string,uint256,uint256)", text(path), number(offset), number(count))
	}
	w.refuses(at, page("/apps", 0, 2), internalText)
	w.answers(at, page("/apps", 1, 100), encode(integer(0), array()))
	all, err := w.send(user, at, one("list", "/apps"))
	require.NoError(t, err)
	w.answers(at, page("/apps", 0, 100), all)
}

func TestBalances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at, config := Address(balanceAt), Address(sysConfigAt)
	require.False(t, w.contracts.Has(ReadConfig(w.state, 1), at), "hidden without its flag")
	for _, flag := range []string{featureBalance, featureBalancePrecompiled} {
		w.codes(config, input("setValueByKey(string,string)", text(flag), text("1")), 0)
	}
	require.True(t, w.contracts.Has(ReadConfig(w.state, w.block), at))
	w.answers(at, input("listCaller()"), encode(array(address(admin))))
	one := func(f string, a common.Address) []byte { return input(f+"(address)", address(a)) }
	add := func(a common.Address, n uint64) []byte {
		return input("addBalance(address,uint256)", address(a), number(n))
	}
	w.refuses(at, one("registerCaller", user), "only governor can register caller")
	w.refuses(at, add(user, 1), `Permission denied. Please use "listBalanceGovernor" to check which account(or contract) can addBalance`)
	by := func(from common.Address, data []byte) error {
		_, err := w.send(from, at, data)
		return err
	}
	require.NoError(t, by(admin, one("registerCaller", user)))
	require.ErrorContains(t, by(admin, one("registerCaller", user)), "caller already exist")
	w.codes(at, add(user, 100), 0)
	w.answers(at, one("getBalance", user), encode(number(100)))
	require.True(t, Bound(w.state.Code(user)), "an account with a balance has code on a node")
	w.answers(user, nil, nil) // which takes transfers
	w.refuses(at, input("subBalance(address,uint256)", address(user), number(101)), "External call revert: ")
	w.codes(at, input("subBalance(address,uint256)", address(user), number(1)), 0)
	w.codes(at, input("transfer(address,address,uint256)", address(user), address(admin), number(90)), 0)
	w.refuses(at, input("transfer(address,address,uint256)", address(user), address(admin), number(90)),
		"transfer failed, account subBalance failed, please check the account balance")
	w.refuses(at, input("addBalance(address,uint256)", address(user), unsigned(new(uint256.Int).Not(new(uint256.Int)))), "External call revert: ")
	require.EqualValues(t, 9, w.state.Balance(user).Uint64())
	require.EqualValues(t, 90, w.state.Balance(admin).Uint64())
	require.NoError(t, by(admin, one("unregisterCaller", user)))
	require.ErrorContains(t, by(admin, one("unregisterCaller", user)), "prohibit to unregister")
}

func TestAccountStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := Address(accountManageAt)
	set := func(a common.Address, status uint64) []byte {
		return input("setAccountStatus(address,uint8)", address(a), number(status))
	}
	w.codes(at, set(user, 1), codeNoAuthorized)
	get := input("getAccountStatus(address)", address(user))
	w.answers(at, get, encode(number(0)))
	_, err := w.send(admin, at, set(admin, 1))
	require.ErrorContains(t, err, "Should not set governor's status.")
	out, err := w.send(admin, at, set(user, 1))
	require.NoError(t, err)
	require.Equal(t, Int256(0), out)
	w.answers(at, get, encode(number(1)))
	w.codes(user, input("setAccountStatus(uint8)", number(0)), codeNoAuthorized)
	_, err = w.send(admin, at, set(user, 2))
	require.NoError(t, err)
	_, err = w.send(admin, at, set(user, 0))
	require.ErrorContains(t, err, "External call revert: ", "what is abolished stays so")
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := Address(authManagerAt)
	contract := common.HexToAddress("0x2222222222222222222222222222222222222222")
	Created(w.state, contract, user)
	f := value{data: common.RightPadBytes([]byte{1, 2, 3, 4}, 32)}
	may := func(who common.Address, want bool) {
		t.Helper()
		w.answers(at, input("checkMethodAuth(address,bytes4,address)", address(contract), f, address(who)), encode(boolean(want)))
	}
	list := func(verb string, who common.Address) []byte {
		return input(verb+"MethodAuth(address,bytes4,address)", address(contract), f, address(who))
	}
	kind := func(n uint64) []byte {
		return input("setMethodAuthType(address,bytes4,uint8)", address(contract), f, number(n))
	}
	w.answers(at, input("getAdmin(address)", address(contract)), encode(address(user)))
	w.answers(at, input("getAdmin(address)", address(admin)), encode(address(common.Address{})))
	may(admin, true)
	w.codes(at, list("open", admin), codeWrongAuthType)
	w.codes(at, kind(listWhite), 0)
	may(admin, false)
	w.codes(at, list("open", admin), 0)
	may(admin, true)
	may(user, false)
	w.answers(at, input("getMethodAuth(address,bytes4)", address(contract), f), encode(number(1), texts([]string{hexText(admin)}), texts(nil)))
	w.codes(at, kind(listBlack), 0)
	may(user, true)
	w.codes(at, list("close", user), 0)
	may(user, false)
	w.answers(at, input("getMethodAuth(address,bytes4)", address(contract), f), encode(number(2), texts(nil), texts([]string{hexText(user)})))
	out, err := w.send(admin, at, kind(listWhite))
	require.NoError(t, err)
	require.Equal(t, Int256(codeNoAuthorized), out, "not the administrator")
	w.codes(at, input("resetAdmin(address,address)", address(contract), address(admin)), codeNoAuthorized)

	available := input("contractAvailable(address)", address(contract))
	w.answers(at, available, encode(boolean(true)))
	w.codes(at, input("setContractStatus(address,bool)", address(contract), boolean(true)), 0)
	w.answers(at, available, encode(boolean(false)))
	w.codes(at, input("setContractStatus(address,uint8)", address(contract), number(2)), 0)
	w.refuses(at, input("setContractStatus(address,bool)", address(contract), boolean(false)), "External call revert: ")

	w.answers(at, input("deployType()"), encode(number(0)))
	w.answers(at, input("hasDeployAuth(address)", address(user)), encode(boolean(true)))
	w.codes(at, input("setDeployAuthType(uint8)", number(1)), codeNoAuthorized)
}

func TestListsInSCALE(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 63, 64, 500} {
		list := map[string]bool{}
		for i := range n {
			list[hexText(common.BigToAddress(uint256.NewInt(uint64(i)).ToBig()))] = i%3 == 0
		}
		require.Equal(t, list, decodeList(encodeList(list)), "%d accounts", n)
	}
	require.Equal(t, "\x04\xa0"+strings.Repeat("1", 40)+"\x01", encodeList(map[string]bool{strings.Repeat("1", 40): true}))
}

// Nothing that a contract is called with may make it panic, and what fails has a text.
func FuzzCall(f *testing.F) {
	f.Add(uint32(sysConfigAt), input("setValueByKey(string,string)", text("tx_gas_limit"), text("1")))
	f.Add(uint32(tableManagerAt), input("createTable(string,(uint8,string,string[]))", text("t"), tuple(number(0), text("id"), texts([]string{"a"}))))
	f.Add(uint32(tableAt), input("select((uint8,string,string)[],(uint32,uint32))", array(condition3(0, "id", "1")), number(0), number(9)))
	f.Add(uint32(bfsAt), input("list(string)", text("/")))
	f.Add(uint32(cryptoAt), input("sm2Verify(bytes32,bytes,bytes32,bytes32)", number(1), text("x"), number(1), number(1)))
	f.Add(uint32(castAt), input("stringToS256(string)", text("-1")))
	f.Add(uint32(0), []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, at uint32, data []byte) {
		w := newWorld(t)
		table := w.table(0, "t1", "id", "a")
		for _, to := range []common.Address{Address(at), table} {
			if to == table || w.contracts.Has(ReadConfig(w.state, w.block), to) {
				_, err := w.send(user, to, data)
				if err != nil {
					require.NotEmpty(t, err.Error())
				}
			}
		}
	})
}
