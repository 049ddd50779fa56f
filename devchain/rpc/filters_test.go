package rpc

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

func TestFiltersOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(func(c *Config) { c.FilterTimeout, c.FilterBlocks = time.Minute, 2 })
	to := w.deploy()
	all := map[string]any{"fromBlock": "0x1", "toBlock": "latest", "address": []string{}, "topics": []string{}}
	id := func(text string) string { return strings.Trim(text, `"`) }
	logs := id(e.result("newFilter", "group0", all))
	blocks := id(e.result("newBlockFilter", "group0"))
	pending := id(e.result("newPendingTransactionFilter", ""))
	require.Regexp(t, `^0x[0-9a-f]{1,16}$`, logs)

	res := w.send(&to, strings.Repeat("00", 31)+"07", "")
	hash := res.Receipt.TxHash.Hex()
	require.JSONEq(t, `[{"address":"`+lower0x(to)+`","blockHash":"`+w.chain.Head().Hash.Hex()+`","blockNumber":"0x2",
		"data":"0x`+strings.Repeat("00", 31)+`07","logIndex":"0x0","removed":false,"topics":["0x`+strings.Repeat("0", 62)+`aa",
		"0x`+strings.Repeat("0", 63)+`7"],"transactionHash":"`+hash+`","transactionIndex":"0x0"}]`, e.result("getFilterChanges", "group0", logs))
	require.Equal(t, `["`+w.chain.Head().Hash.Hex()+`"]`, e.result("getFilterChanges", "group0", blocks))
	require.Equal(t, `["`+hash+`"]`, e.result("getFilterChanges", "", pending))
	require.Equal(t, fault{codeParams, "filter not found"}, e.failure("getFilterChanges", "group0", pending), "it was made with the other name")
	require.Equal(t, `[]`, e.result("getFilterChanges", "group0", strings.ToUpper(logs[2:])), "0x and letter case do not matter")
	require.Equal(t, e.result("getLogs", "", all), e.result("getFilterLogs", "group0", logs))
	require.Equal(t, fault{codeParams, "filter not found"}, e.failure("getFilterLogs", "group0", blocks))
	require.Equal(t, `true`, e.result("uninstallFilter", "group0", blocks))
	require.Equal(t, `false`, e.result("uninstallFilter", "group0", blocks))

	w.send(&to, "01", "")
	require.Equal(t, `[]`, e.result("getLogs", "group0", map[string]any{"fromBlock": "0x0", "toBlock": "", "address": []string{}, "topics": []string{}}),
		"two blocks are looked at, and there is nothing in them")

	none := map[string]any{"fromBlock": "0x2", "toBlock": "0x1", "address": "", "topics": []string{}}
	require.Equal(t, fault{codeParams, "invalid block range params"}, e.failure("newFilter", "nogroup", none), "before the group")
	require.Equal(t, fault{-32005, "group not exist,chain=chain0,group=nogroup,commond=getLogsImpl"}, e.failure("getLogs", "nogroup", none))
	require.Equal(t, fault{-32005, "group not exist,chain=chain0,group=nogroup,commond=getCurrentBlockNumber"}, e.failure("newFilter", "nogroup", all))
	require.Equal(t, fault{codeParams, "filter not found"}, e.failure("getFilterLogs", "nogroup", logs))
	require.Equal(t, `false`, e.result("uninstallFilter", "nogroup", logs))
}

func TestLogQueriesAreReadAsANodeReadsThem(t *testing.T) {
	t.Parallel()
	latest, zero := logfilter.Bound{Latest: true}, logfilter.Bound{}
	with := func(change string) string {
		members := map[string]json.RawMessage{"fromBlock": []byte(`""`), "toBlock": []byte(`""`), "address": []byte(`[]`), "topics": []byte(`[]`)}
		var changed map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(change), &changed))
		for name, v := range changed {
			members[name] = v
		}
		text, err := json.Marshal(members)
		require.NoError(t, err)
		return string(text)
	}
	for change, want := range map[string]logfilter.Query{
		`{"fromBlock":"earliest","toBlock":"0xA"}`:            {From: zero, To: logfilter.Bound{Number: 10}, Addresses: []string{}, Topics: [][]string{}},
		`{"fromBlock":"safe","toBlock":"0xffffffffffffffff"}`: {From: latest, To: logfilter.Bound{Number: -1}, Addresses: []string{}, Topics: [][]string{}},
		`{"address":"0xAb"}`:                                  {From: latest, To: latest, Addresses: []string{"0xab"}, Topics: [][]string{}},
		`{"address":5}`:                                       {From: latest, To: latest, Addresses: []string{"5"}, Topics: [][]string{}},
		`{"address":["",true,"0xAB"],"topics":[null,"0xAB",["a",1,null],[]]}`: {From: latest, To: latest, Addresses: []string{"", "true", "0xab"},
			Topics: [][]string{nil, {"0xAB"}, {"a", "1", ""}, {}}},
		`{"topics":"x"}`: {From: latest, To: latest, Addresses: []string{}, Topics: [][]string{}},
		`{"topics":{}}`:  {From: latest, To: latest, Addresses: []string{}, Topics: [][]string{}},
		`{"topics":7}`:   {From: latest, To: latest, Addresses: []string{}, Topics: [][]string{}},
	} {
		q, err := parseLogQuery(json.RawMessage(with(change)))
		require.NoError(t, err, change)
		require.Equal(t, want, q, change)
	}
	for text, want := range map[string]fault{
		``:                                       {codeParams, "fromBlock is null"},
		`null`:                                   {codeParams, "fromBlock is null"},
		`{}`:                                     {codeParams, "fromBlock is null"},
		`[]`:                                     {codeInvalidRequest, "in Json::Value::find(begin, end): requires objectValue or nullValue"},
		`"x"`:                                    {codeInvalidRequest, "in Json::Value::find(begin, end): requires objectValue or nullValue"},
		`false`:                                  {codeInvalidRequest, "in Json::Value::find(begin, end): requires objectValue or nullValue"},
		with(`{"toBlock":null}`):                 {codeParams, "toBlock is null"},
		with(`{"address":null,"fromBlock":"x"}`): {codeParams, "address is null"},
		with(`{"topics":null}`):                  {codeParams, "topics is null"},
		with(`{"fromBlock":"Latest"}`):           {codeParams, "Invalid Block Number: Latest"},
		with(`{"fromBlock":5}`):                  {codeParams, "Invalid Block Number: 5"},
		with(`{"toBlock":"0x"}`):                 {codeParams, "Invalid Block Number: 0x"},
		with(`{"toBlock":"0x10000000000000000"}`):          {codeInvalidRequest, "stoull"},
		with(`{"toBlock":[]}`):                             {codeInvalidRequest, "Type is not convertible to string"},
		with(`{"address":{}}`):                             {codeInvalidRequest, "Type is not convertible to string"},
		with(`{"address":[["x"]]}`):                        {codeInvalidRequest, "Type is not convertible to string"},
		with(`{"topics":[1,2,3,4,5]}`):                     {codeParams, "exceed max topics"},
		with(`{"topics":{"a":1}}`):                         {codeInvalidRequest, "in Json::Value::operator[](ArrayIndex)const: requires arrayValue"},
		with(`{"topics":[{}]}`):                            {codeInvalidRequest, "Type is not convertible to string"},
		with(`{"blockhash":[]}`):                           {codeInvalidRequest, "Type is not convertible to string"},
		with(`{"topics":{"a":1,"b":2,"c":3,"d":4,"e":5}}`): {codeParams, "exceed max topics"},
	} {
		_, err := parseLogQuery(json.RawMessage(text))
		var got *fault
		require.ErrorAs(t, err, &got, text)
		require.Equal(t, want, *got, text)
	}
}

func TestLogsOfOneBlockByItsHash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	e := w.endpoint(nil)
	to := w.deploy()
	w.send(&to, "01", "")
	hash := w.chain.Head().Hash.Hex()
	w.send(&to, "02", "")
	query := func(hash any) map[string]any {
		return map[string]any{"fromBlock": "", "toBlock": "", "address": []string{}, "topics": []string{}, "blockhash": hash}
	}
	require.Contains(t, e.result("getLogs", "group0", query(hash)), `"blockNumber":"0x2"`)
	require.Contains(t, e.result("getLogs", "group0", query("")), `"blockNumber":"0x3"`)
	require.Contains(t, e.result("getLogs", "group0", query(nil)), `"blockNumber":"0x3"`)
	for _, unknown := range []string{"0x12", "0xzz", "0x" + strings.Repeat("ab", 32), strings.Repeat("ab", 33)} {
		require.Equal(t, fault{codeParams, "unknown block"}, e.failure("getLogs", "group0", query(unknown)))
	}
}
