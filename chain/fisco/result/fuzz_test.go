package result

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// structs is one of every type.
var structs = []any{
	new(Receipt), new(Log), new(Transaction), new(Block), new(ParentInfo), new(BlockSignature), new(Call), new(Sealer),
	new(SystemConfig), new(TransactionCount), new(SyncStatus), new(SyncPeer), new(ConsensusStatus), new(ConsensusNode),
	new(Peers), new(Peer), new(GroupNodeIDs), new(GroupList), new(GroupInfo), new(GroupNode), new(Service), new(GroupProtocol),
	new(GenesisConfig), new(NodeConfig), new(BinaryInfo), new(FilterLog), new(Handshake), new(BlockNotify), new(EventReply),
	new(EventPush), new(EventLog),
}

// sample is a JSON value with every member of a type, none of them zero.
func sample(t reflect.Type) any {
	switch {
	case t == reflect.TypeFor[common.Hash]():
		return "0x" + strings.Repeat("5a", 32)
	case t == reflect.TypeFor[Hex]():
		return "0x0102"
	case t == reflect.TypeFor[BlockTransaction]():
		return sample(reflect.TypeFor[Transaction]())
	case reflect.PointerTo(t).Implements(structType):
		members := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			if name := memberName(f); name != "" {
				members[name] = sample(f.Type)
				if t == reflect.TypeFor[FilterLog]() && f.Type.Kind() == reflect.Uint64 {
					members[name] = "0x7"
				}
			}
		}
		if isQuoted(t) {
			return string(must(json.Marshal(members)))
		}
		return members
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return true
	case reflect.Pointer:
		return sample(t.Elem())
	case reflect.Slice:
		return []any{sample(t.Elem())}
	case reflect.Map:
		return map[string]any{"group0": sample(t.Elem())}
	default:
		return 7
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func isQuoted(t reflect.Type) bool {
	f, ok := t.FieldByName("Quoted")
	return ok && f.Anonymous
}

// memberName is the name in the tag of a field, "" for none.
func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Tags and lists of members are the same, and lists are in the order in which
// nodes write members: else reading is slow.
func TestEveryFieldIsReadAndWritten(t *testing.T) {
	t.Parallel()
	for _, s := range structs {
		typ := reflect.TypeOf(s).Elem()
		data := must(json.Marshal(sample(typ))) // in the order of the alphabet
		v := reflect.New(typ)
		require.NoError(t, json.Unmarshal(data, v.Interface()), typ.Name())
		requireNoExtra(t, typ.Name(), v)
		named := 0
		for i := range typ.NumField() {
			if f := typ.Field(i); memberName(f) != "" {
				require.False(t, v.Elem().Field(i).IsZero(), "%s.%s is not read", typ.Name(), f.Name)
				named++
			}
		}
		require.LessOrEqual(t, named, 64, typ.Name())
		require.Equal(t, string(data), string(must(json.Marshal(v.Elem().Interface()))), typ.Name())

		made := reflect.New(typ) // by hand
		for i := range typ.NumField() {
			if memberName(typ.Field(i)) != "" {
				made.Elem().Field(i).Set(v.Elem().Field(i))
			}
		}
		require.Equal(t, string(data), string(must(json.Marshal(made.Interface()))), typ.Name())
	}
}

// check holds a decoder against encoding/json, which reads the same type without
// its methods, and against its own encoder.
func check(t *testing.T, typ reflect.Type, data []byte) {
	t.Helper()
	got := reflect.New(typ)
	err := got.Interface().(json.Unmarshaler).UnmarshalJSON(data)
	if !json.Valid(data) {
		require.Error(t, err)
		return
	}
	exact := distinct(t, data)
	if exact && !isQuoted(typ) && typ != reflect.TypeFor[FilterLog]() {
		want := reflect.New(plainType(typ))
		wantErr := json.Unmarshal(data, want.Interface())
		require.Equal(t, wantErr == nil, err == nil, "encoding/json says: %v; we say: %v", wantErr, err)
		if err == nil {
			requireSame(t, want.Elem(), got.Elem(), typ.Name())
		}
	}
	if err != nil {
		return
	}
	written, err := json.Marshal(got.Elem().Interface())
	require.NoError(t, err)
	again := reflect.New(typ)
	require.NoError(t, json.Unmarshal(written, again.Interface()), "%s", written)
	if exact {
		require.Equal(t, meaning(t, data), meaning(t, written))
		require.Equal(t, string(written), string(must(json.Marshal(again.Elem().Interface()))))
	}
}

// distinct reports whether no object has two names that encoding/json takes for
// the same, and no name that it takes for one of ours though it is another.
func distinct(t *testing.T, data []byte) bool {
	t.Helper()
	type object struct {
		names  map[string]bool // nil for an array
		inName bool
	}
	var open []object
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return true // the end: the text is valid
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].names != nil {
			o := &open[n-1]
			if o.inName = !o.inName; o.inName {
				name := token.(string)
				if ours, ok := ownNames[fold(name)]; o.names[fold(name)] || ok && ours != name {
					return false
				}
				o.names[fold(name)] = true
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		}
	}
}

// fold makes names equal that encoding/json takes for the same.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// ownNames is the names of all members, by their fold.
var ownNames = func() map[string]string {
	out := map[string]string{"error": "error"}
	for _, s := range structs {
		typ := reflect.TypeOf(s).Elem()
		for i := range typ.NumField() {
			if name := memberName(typ.Field(i)); name != "" {
				out[fold(name)] = name
			}
		}
	}
	return out
}()

// oddities are texts that are unusual or broken in general.
var oddities = []string{
	``, ` `, `null`, `{}`, ` { } `, `[]`, `7`, `"text"`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":1}}`, `{"a":1} x`, `{a:1}`, `{"a":01}`, `{"a":-}`,
	`{"a":1.}`, `{"a":1e}`, `{"a":1.5e-7}`, `{"a":+1}`, `{"a":tru}`, `{"a":nul`, `{"a":truee}`, `{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\ud83d\ude00\ud83d"}`,
	`{"a":"` + "\xff\xc3" + `"}`, `{"` + "\xff" + `":1}`, `{"a":"\`, `{"a":"é中😀\u00e9 long enough for eight bytes at once"}`, `{"a":[1,]}`, `{"a":[[[{}]]],"b":{"c":[null,true,false]}}`,
	`{"a":"seven\u0000","b":"12345678\"","c":"1234567\\"}`,
	`{"version":null,"hash":null}`, `{"version":-0}`, `{"version":1.0}`, `{"version":1e2}`, `{"version":4294967296}`, `{"version":-1}`, `{"version":"1"}`, `{"number":9223372036854775808}`,
	`{"blockNumber":1,"blockNumber":2}`, `{"BlockNumber":1}`, `{"status":true}`, `{"from":7}`, `{"from":{}}`, `{"from":"\u0061"}`, `{"from":null}`, `{"logEntries":{}}`, `{"logEntries":[null]}`, `{"logEntries":[7]}`,
	`{"input":"0x"}`, `{"input":""}`, `{"input":"ab"}`, `{"input":"0xAB"}`, `{"input":"0Xab"}`, `{"input":"0xa"}`, `{"input":"0xzz"}`, `{"input":"0\u0078ab"}`, `{"input":["0x"]}`,
	`{"sealerList":["0xab",null,"AB",""]}`, `{"transactionProof":[null,""],"receiptProof":[],"txReceiptProof":null}`, `{"consensusWeights":[null,1]}`, `{"extension":[-1,null,300]}`,
	`{"transactions":[null]}`, `{"transactions":["0x` + strings.Repeat("AB", 32) + `",{},{"hash":"0X` + strings.Repeat("ab", 32) + `"}]}`, `{"transactions":["0xab"]}`, `{"transactionHash":"` + strings.Repeat("ab", 32) + `"}`,
	`{"protocol":null}`, `{"protocol":{"x":1}}`, `{"protocol":[]}`, `{"groupBlockNumber":[{},null,{"a":1,"b":null}]}`, `{"groupBlockNumber":[{"a":"1"}]}`,
	`"{\"peers\": [ ], \"new\":1}\n"`, `"{"`, `""`, `{"blockNumber":"0x01"}`, `{"blockNumber":"0xffffffffffffffff"}`, `{"blockNumber":"0x10000000000000000"}`, `{"blockNumber":"1"}`, `{"blockNumber":"0x"}`,
}

func TestOddities(t *testing.T) {
	t.Parallel()
	for _, s := range structs {
		typ := reflect.TypeOf(s).Elem()
		t.Run(typ.Name(), func(t *testing.T) {
			t.Parallel()
			for _, text := range append([]string{string(must(json.Marshal(sample(typ))))}, oddities...) {
				t.Logf("%.60q", text)
				check(t, typ, []byte(text))
			}
		})
	}
}

// encoding/json reads 10,000 arrays and objects inside of each other.
func TestNesting(t *testing.T) {
	t.Parallel()
	for depth, readable := range map[int]bool{9999: true, 10000: false, 1_000_000: false} {
		data := []byte(`{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`)
		require.Equal(t, readable, json.Valid(data), depth)
		require.Equal(t, readable, new(Receipt).UnmarshalJSON(data) == nil, depth)
	}
}

func fuzz(f *testing.F, typ reflect.Type, seeds ...string) {
	f.Helper()
	f.Add(must(json.Marshal(sample(typ))))
	for _, text := range append(seeds, oddities...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, typ, data) })
}

// FuzzReceipt compares with encoding/json and looks for what is lost.
func FuzzReceipt(f *testing.F) { fuzz(f, reflect.TypeFor[Receipt](), transferReceipt) }

// FuzzTransaction compares with encoding/json and looks for what is lost.
func FuzzTransaction(f *testing.F) { fuzz(f, reflect.TypeFor[Transaction]()) }

// FuzzBlock compares with encoding/json and looks for what is lost.
func FuzzBlock(f *testing.F) { fuzz(f, reflect.TypeFor[Block]()) }

// FuzzResults does so with every type.
func FuzzResults(f *testing.F) {
	for i, s := range structs {
		f.Add(uint8(i), must(json.Marshal(sample(reflect.TypeOf(s).Elem()))))
	}
	for i, text := range oddities {
		f.Add(uint8(i), []byte(text))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		check(t, reflect.TypeOf(structs[int(which)%len(structs)]).Elem(), data)
	})
}

// FuzzResponse compares the reading of whole answers with encoding/json.
func FuzzResponse(f *testing.F) {
	for _, text := range append([]string{
		`{"id":1,"jsonrpc":"2.0","result":` + transferReceipt + `}`, `{"error":{"code":3008,"message":"no"},"id":1,"jsonrpc":"2.0"}`,
		`{"result":null}`, `{"result":{},"error":null}`, `{"result":{"status":7},"error":{}}`, `{"error":"no"}`, `{"result":{}} {}`,
	}, oddities...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if json.Valid(data) && !distinct(t, data) {
			return
		}
		var want struct {
			Result *Receipt       `json:"result"`
			Error  *jsonrpc.Error `json:"error"`
		}
		wantErr := json.Unmarshal(data, &want)
		got, err := jsonrpc.DecodeResponse[Receipt](data)
		switch {
		case wantErr == nil && want.Error != nil:
			require.Equal(t, want.Error, err)
		case wantErr == nil && want.Result != nil:
			require.NoError(t, err)
			require.Equal(t, *want.Result, got)
		default:
			require.ErrorIs(t, err, jsonrpc.ErrResponse)
		}
	})
}
