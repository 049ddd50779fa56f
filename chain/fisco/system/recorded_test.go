package system

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// recordedLines are reads and transactions of a real 3.16.4 node, one a line, in
// the order of its two ledgers.
//
//go:embed testdata/recorded.jsonl
var recordedLines []byte

type recorded struct {
	Suite  string
	Note   string
	To     common.Address
	Input  hexutil.Bytes
	Status int
	Output hexutil.Bytes
}

func recordings(t testing.TB, s suite.Suite) (out []recorded) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(recordedLines))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		if r.Suite == s.String() {
			out = append(out, r)
		}
	}
	require.NoError(t, lines.Err())
	return out
}

// replay answers with what was recorded for the same bytes to the same contract,
// each recording once, in order.
type replay struct{ left []recorded }

func (r *replay) take(to common.Address, input []byte) (recorded, error) {
	for i, rec := range r.left {
		if rec.To == to && bytes.Equal(rec.Input, input) {
			r.left = append(r.left[:i:i], r.left[i+1:]...)
			return rec, nil
		}
	}
	return recorded{}, fmt.Errorf("no client has sent %x to %s", input, to)
}

func (r *replay) Call(_ context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	rec, err := r.take(msg.To, msg.Input)
	return chain.CallResult{Status: rec.Status, Output: rec.Output}, err
}

func (r *replay) Transact(_ context.Context, intent chain.Intent) (chain.Receipt, error) {
	rec, err := r.take(*intent.To, intent.Input)
	return chain.Receipt{Status: rec.Status, Succeeded: rec.Status == 0, Output: rec.Output}, err
}

// refusal is what an error must be.
type refusal struct {
	kind   chain.Kind
	code   Code
	status int
	reason string // begins so
}

// recordedSteps were done by another client on a real node.
func recordedSteps(c *Contracts, person, kv common.Address) []struct {
	name string
	op   op
	want any
} {
	config, nodes, tables, bfs := c.SystemConfig(), c.Consensus(), c.TableManager(), c.BFS()
	people, pairs := c.Table(person), c.KVTable(kv)
	get := func(key string) op {
		return ask(func(ctx context.Context) (Setting, error) { return config.Value(ctx, key) })
	}
	id := func(op Operator, value string) []Condition { return []Condition{{op, "id", value}} }
	city := func(value string) []Condition { return []Condition{{Equal, "city", value}} }
	choose := func(where []Condition, limit Limit) op {
		return ask(func(ctx context.Context) ([]Row, error) { return people.Select(ctx, where, limit) })
	}
	list := func(path Path) op {
		return ask(func(ctx context.Context) ([]PathEntry, error) { return bfs.List(ctx, path) })
	}
	follow := func(path Path) op {
		return ask(func(ctx context.Context) (common.Address, error) { return bfs.ReadLink(ctx, path) })
	}
	hello, who, changed := common.HexToAddress(hexOther), common.HexToAddress(hexAccount), uint64(237)
	dir := func(n string) PathEntry { return PathEntry{n, TypeDirectory, []string{"0", "0", "", "", ""}} }
	link := func(n string) PathEntry { return PathEntry{n, TypeLink, []string{"0", "0", "", "", ""}} }
	if c.suite == suite.GM {
		hello = common.HexToAddress("c0523dbdd94ba27e14b0336d799489340ca24cdf")
		who = common.HexToAddress("e461b47a25a8f7a66f34e324de176ad27a14ade5")
		changed = 236
	}
	return []struct {
		name string
		op   op
		want any
	}{
		{"setting", act(config.SetValue("tx_count_limit", "2000")), None{}},
		{"setting in upper case", act(config.SetValue("TX_COUNT_LIMIT", "1997")), None{}},
		{"setting of a free gas price", act(config.SetValue("tx_gas_price", "0x0")), None{}},
		{"setting without a rule", act(config.SetValue("no_such_key", "1")), refusal{chain.KindInvalid, 0, 15, "unsupported key no_such_key"}},
		{"feature that is not there", act(config.SetValue("feature_no_such", "1")), refusal{chain.KindInvalid, 0, 15, "unsupported key feature_no_such"}},
		{"version below", act(config.SetValue("compatibility_version", "3.1.0")), refusal{chain.KindInvalid, 0, 15, "The value for compatibility_version"}},
		{"value", get("tx_gas_limit"), Setting{"3000000000", 0}},
		{"value, changed", get("compatibility_version"), Setting{"3.16.0", changed}},
		{"value, not set", get("feature_balance"), refusal{kind: chain.KindNotFound}},
		{"value, not known", get("no_such_key"), refusal{kind: chain.KindNotFound}},

		{"seal before observing", act(nodes.AddSealer(strings.Repeat("ab", 64), 1)), refusal{chain.KindInvalid, CodeNotObserver, 0, ""}},
		{"observe", act(nodes.AddObserver(strings.Repeat("cd", 64))), None{}},
		{"weight of no node", act(nodes.SetWeight(strings.Repeat("ef", 64), 1)), refusal{chain.KindNotFound, CodeNoNode, 0, ""}},
		{"remove", act(nodes.Remove(strings.Repeat("cd", 64))), None{}},
		{"remove no node", act(nodes.Remove(strings.Repeat("ef", 64))), refusal{chain.KindNotFound, CodeNoNode, 0, ""}},

		{"table", act(tables.CreateTable("t_person", TableInfo{KeyOrderText, "id", []string{"name", "age"}})), None{}},
		{"table again", act(tables.CreateTable("t_person", TableInfo{KeyOrderText, "id", []string{"name", "age"}})), refusal{chain.KindExists, CodeTableExists, 0, ""}},
		{"table with numbers", act(tables.CreateTable("t_num", TableInfo{KeyOrderNumber, "n", []string{"v"}})), None{}},
		{"table with a column twice", act(tables.CreateTable("t_dup", TableInfo{KeyOrderText, "id", []string{"a", "a"}})), refusal{chain.KindInvalid, 0, 15, "duplicated field: a"}},
		{"table with a long name", act(tables.CreateTable("t_"+strings.Repeat("x", 60), TableInfo{KeyOrderText, "id", []string{"a"}})),
			refusal{chain.KindInvalid, CodeTableNameTooLong, 15, "errorCode: -50002"}},
		{"column", act(tables.AppendColumns("t_person", []string{"city"})), None{}},
		{"column of no table", act(tables.AppendColumns("t_none", []string{"city"})), refusal{chain.KindNotFound, CodeNoTable, 0, ""}},
		{"describe", ask(func(ctx context.Context) (TableInfo, error) { return tables.Describe(ctx, "t_person") }), TableInfo{KeyOrderText, "id", []string{"name", "age", "city"}}},
		{"KV table", act(tables.CreateKVTable("t_kv", "key", "value")), None{}},
		{"KV table again", act(tables.CreateKVTable("t_kv", "key", "value")), refusal{chain.KindExists, CodeTableExists, 0, ""}},
		{"open no table", ask(func(ctx context.Context) (common.Address, error) { return tables.OpenTable(ctx, "t_none") }), refusal{kind: chain.KindNotFound}},

		{"insert", act(people.Insert(Row{"1", []string{"Ann", "30", "Oslo"}})), int64(1)},
		{"insert, key there", act(people.Insert(Row{"1", []string{"Again", "0", ""}})), refusal{chain.KindExists, CodeInsertKeyExists, 0, ""}},
		{"insert, too few", act(people.Insert(Row{"4", []string{"too few"}})), refusal{chain.KindInvalid, 0, 15, "Table insert entry fields number mismatch"}},
		{"get", ask(func(ctx context.Context) (Row, error) { return people.Get(ctx, "2") }), Row{"2", []string{"Bob", "25", "Rome"}}},
		{"get none", ask(func(ctx context.Context) (Row, error) { return people.Get(ctx, "9") }), refusal{kind: chain.KindNotFound}},
		{"select", choose(city("Rome"), Limit{0, 10}), []Row{{"2", []string{"Bob", "25", "Rome"}}}},
		{"select two", choose([]Condition{{GreaterOrEqual, "id", "1"}, {Less, "id", "3"}}, Limit{0, 10}), []Row{{"1", []string{"Ann", "30", "Oslo"}}, {"2", []string{"Bob", "25", "Rome"}}}},
		{"count", ask(func(ctx context.Context) (int64, error) { return people.Count(ctx, id(Greater, "1")) }), int64(2)},
		{"update", act(people.Update("2", []Change{{"age", "26"}})), int64(1)},
		{"update none", act(people.Update("9", []Change{{"age", "26"}})), refusal{chain.KindNotFound, CodeUpdateNoKey, 0, ""}},
		{"update the key", act(people.Update("2", []Change{{"id", "22"}})), refusal{chain.KindInvalid, 0, 15, "Table update fields cannot contains key field"}},
		{"update where", act(people.UpdateWhere(id(GreaterOrEqual, "1"), Limit{0, 10}, []Change{{"city", "Home"}})), int64(3)},
		{"remove row", act(people.Remove("3")), int64(1)},
		{"remove row again", act(people.Remove("3")), refusal{chain.KindNotFound, CodeRemoveNoKey, 0, ""}},
		{"remove where", act(people.RemoveWhere(city("Home"), Limit{0, 10})), int64(2)},
		{"select none", choose(id(GreaterOrEqual, ""), Limit{0, 10}), []Row{}},
		{"set", act(pairs.Set("k1", "v1")), int64(1)},
		{"read", ask(func(ctx context.Context) (string, error) { return pairs.Get(ctx, "k1") }), "v1 changed"},
		{"read none", ask(func(ctx context.Context) (string, error) { return pairs.Get(ctx, "k2") }), refusal{kind: chain.KindNotFound}},

		{"list the root", list("/"), []PathEntry{dir("apps"), dir("sys"), dir("tables"), dir("usr")}},
		{"list nothing", list("/none"), refusal{chain.KindNotFound, CodeNoPath, 0, ""}},
		{"list versions", list("/apps/Hello"), []PathEntry{link("1.0"), link("latest")}},
		{"list a page", ask(func(ctx context.Context) (PathPage, error) { return bfs.ListPage(ctx, "/apps", 0, 2) }), refusal{chain.KindNode, 0, 15, "InternalPrecompiledFailed"}},
		{"list the rest", ask(func(ctx context.Context) (PathPage, error) { return bfs.ListPage(ctx, "/apps", 1, 100) }), PathPage{Entries: []PathEntry{}}},
		{"directory", act(bfs.MakeDirectory("/apps/demo")), None{}},
		{"directory again", act(bfs.MakeDirectory("/apps/demo")), refusal{chain.KindExists, CodePathExists, 0, ""}},
		{"directory below sys", act(bfs.MakeDirectory("/sys/no")), refusal{chain.KindInvalid, CodeInvalidPath, 0, ""}},
		{"version", act(bfs.LinkVersion(Link{"Hello", "latest", hello, "[]"})), None{}},
		{"link", act(bfs.LinkPath("/apps/demo/hw2", hello, "[]")), None{}},
		{"follow", follow("/apps/Hello/latest"), hello},
		{"follow none", follow("/apps/none"), refusal{kind: chain.KindNotFound}},
		{"touch", act(bfs.Touch("/apps/x", TypeContract)), None{}},

		{"SM3", ask(func(ctx context.Context) (common.Hash, error) { return c.Crypto().SM3(ctx, []byte("abc")) }), suite.GM.Hash([]byte("abc"))},
		{"keccak", ask(func(ctx context.Context) (common.Hash, error) { return c.Crypto().Keccak256(ctx, []byte("abc")) }), suite.Standard.Hash([]byte("abc"))},

		{"deploy type", ask(c.AuthManager().DeployAuthType), AuthNone},
		{"deploy type by a stranger", act(c.AuthManager().SetDeployAuthType(AuthWhiteList)), refusal{chain.KindDenied, CodeNoPermission, 0, ""}},
		{"admin", ask(func(ctx context.Context) (common.Address, error) { return c.AuthManager().Admin(ctx, hello) }), who},
		{"account", ask(func(ctx context.Context) (Status, error) { return c.AccountManager().Status(ctx, who) }), StatusNormal},
		{"balance without the feature", act(c.Balance().Add(who, n(1000))), refusal{chain.KindUnsupported, 0, 16, "Call address error."}},
		{"shard without the feature", act(c.Sharding().Make("shard1")), refusal{chain.KindUnsupported, 0, 16, "Call address error."}},
	}
}

// TestRecordedConversations holds that the typed methods make the very bytes that
// another client sent to a real node, and understand its answers.
func TestRecordedConversations(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			node := &replay{left: recordings(t, s)}
			c := New(node, s)
			person, err := c.TableManager().OpenTable(t.Context(), "t_person")
			require.NoError(t, err)
			kv, err := c.TableManager().OpenTable(t.Context(), "t_kv")
			require.NoError(t, err)
			for _, step := range recordedSteps(c, person, kv) {
				got, err := step.op(t.Context(), node)
				want, refused := step.want.(refusal)
				if !refused {
					require.NoError(t, err, step.name)
					require.Equal(t, step.want, got, step.name)
					continue
				}
				require.Equal(t, want.kind, chain.KindOf(err), "%s: %v", step.name, err)
				if want.code != 0 {
					require.ErrorIs(t, err, want.code, step.name)
				}
				status, failed := errors.AsType[*StatusError](err)
				require.Equal(t, want.status != 0, failed, step.name)
				if failed {
					require.Equal(t, want.status, status.Status, step.name)
					require.True(t, strings.HasPrefix(status.Reason, want.reason), "%s: %s", step.name, status.Reason)
				}
			}
		})
	}
}
