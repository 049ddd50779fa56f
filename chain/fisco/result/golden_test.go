package result

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// codec decodes an answer into its type and encodes it again.
type codec func(data []byte) (value any, encoded []byte, err error)

func of[T any]() codec {
	return func(data []byte) (any, []byte, error) {
		v := new(T)
		if err := json.Unmarshal(data, v); err != nil {
			return nil, nil, err
		}
		encoded, err := json.Marshal(*v)
		return v, encoded, err
	}
}

// byMethod is the type of every answer of protocol §3.4.
var byMethod = map[string]codec{
	"call":                        of[Call](),
	"sendTransaction":             of[Receipt](),
	"getTransaction":              of[Transaction](),
	"getTransactionReceipt":       of[Receipt](),
	"getBlockByHash":              of[Block](),
	"getBlockByNumber":            of[Block](),
	"getBlockHashByNumber":        of[common.Hash](),
	"getBlockNumber":              of[int64](),
	"getCode":                     of[Hex](),
	"getABI":                      of[string](),
	"getSealerList":               of[[]Sealer](),
	"getObserverList":             of[[]string](),
	"getNodeListByType":           of[[]Sealer](),
	"getPbftView":                 of[int64](),
	"getPendingTxSize":            of[int64](),
	"getSyncStatus":               of[SyncStatus](),
	"getConsensusStatus":          of[ConsensusStatus](),
	"getSystemConfigByKey":        of[SystemConfig](),
	"getTotalTransactionCount":    of[TransactionCount](),
	"getPeers":                    of[Peers](),
	"getGroupPeers":               of[[]string](),
	"getGroupList":                of[GroupList](),
	"getGroupInfo":                of[*GroupInfo](),
	"getGroupInfoList":            of[[]GroupInfo](),
	"getGroupNodeInfo":            of[*GroupNode](),
	"newBlockFilter":              of[string](),
	"newPendingTransactionFilter": of[string](),
	"newFilter":                   of[string](),
	"uninstallFilter":             of[bool](),
	"getFilterChanges":            filterChanges,
	"getFilterLogs":               of[[]FilterLog](),
	"getLogs":                     of[[]FilterLog](),
}

// filterChanges is hashes or logs: what kind of filter it was is not in the answer.
func filterChanges(data []byte) (any, []byte, error) {
	if bytes.Contains(data, []byte("{")) {
		return of[[]FilterLog]()(data)
	}
	return of[[]common.Hash]()(data)
}

// seen counts what was checked.
type seen map[string]int

// lossless decodes an answer and requires that nothing is lost on the way back.
func (s seen) lossless(t *testing.T, where, kind string, data []byte, c codec) any {
	t.Helper()
	value, encoded, err := c(data)
	require.NoError(t, err, "%s: %s", where, kind)
	require.Equal(t, meaning(t, data), meaning(t, encoded), "%s: %s", where, kind)
	if golden.Whole() { // others may have members of other versions
		requireNoExtra(t, where, reflect.ValueOf(value))
	}
	s[kind]++
	return value
}

// require says what was seen, and requires of our recordings, if they are whole,
// that it was every kind.
func (s seen) require(t *testing.T, kinds ...string) {
	t.Helper()
	t.Log(s)
	require.NotEmpty(t, s)
	if golden.Whole() {
		for _, kind := range kinds {
			require.NotZero(t, s[kind], kind)
		}
	}
}

// response checks a whole answer to a method.
func (s seen) response(t *testing.T, where, method string, data []byte) any {
	t.Helper()
	var envelope struct{ Result, Error json.RawMessage }
	require.NoError(t, json.Unmarshal(data, &envelope), where)
	if envelope.Error != nil {
		s.lossless(t, where, "error", envelope.Error, of[jsonrpc.Error]())
		return nil
	}
	c := byMethod[method]
	require.NotNil(t, c, "%s: no type for the answer of %q", where, method)
	return s.lossless(t, where, method, envelope.Result, c)
}

// meaning is a JSON text with exact numbers and without an order of members.
func meaning(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), "%s", data)
	return v
}

// requireNoExtra requires that all members of an answer have fields.
func requireNoExtra(t *testing.T, where string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			requireNoExtra(t, where, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			requireNoExtra(t, where, v.Index(i))
		}
	case reflect.Struct:
		if form, ok := v.Interface().(jsonrpc.Form); ok {
			require.Empty(t, form.Extra, where)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				requireNoExtra(t, where, v.Field(i))
			}
		}
	}
}

var methodOf = regexp.MustCompile(`"method"\s*:\s*"(\w+)"`)

// lastMethod finds the method of a request, which need not be proper JSON.
func lastMethod(request string) string {
	all := methodOf.FindAllStringSubmatch(request, -1)
	if all == nil {
		return ""
	}
	return all[len(all)-1][1]
}

func TestRecordedAnswersAreLossless(t *testing.T) {
	t.Parallel()
	s := seen{}
	for _, name := range golden.Files(t, "rpc/*.txt") {
		for _, x := range golden.Exchanges(t, name) {
			switch where := name + ": " + x.Case; {
			case strings.HasPrefix(x.Response, "HTTP/"):
				s.http(t, where, x)
			case strings.Contains(x.Response, "hex digits)…"):
				s["shortened"]++
			case strings.HasPrefix(x.Response, "{"):
				s.response(t, where, lastMethod(x.Request), []byte(x.Response))
			default:
				require.Empty(t, x.Response, where)
			}
		}
	}
	s.require(t, append(slices.Collect(maps.Keys(byMethod)), "error", "http")...)
	total := 0
	for _, n := range s {
		total += n
	}
	require.Less(t, s["shortened"]*20, total, "too many answers that cannot be checked")
}

// http checks the bodies of HTTP messages, of which several may follow each other.
func (s seen) http(t *testing.T, where string, x golden.Exchange) {
	t.Helper()
	methods := methodOf.FindAllStringSubmatch(x.Request, -1)
	for i, message := range strings.Split(x.Response, "HTTP/1.")[1:] {
		_, body, found := strings.Cut(message, `\r\n\r\n`)
		require.True(t, found, where)
		if body == "" {
			continue // answers to OPTIONS and HEAD
		}
		method := ""
		if i < len(methods) {
			method = methods[i][1]
		}
		s.response(t, where, method, []byte(body))
		s["http"]++
	}
}

func TestRecordedLedgersAreLossless(t *testing.T) {
	t.Parallel()
	s := seen{}
	for _, name := range golden.Files(t, "tx/*.jsonl") {
		if strings.HasSuffix(name, ".diff.jsonl") {
			s.differences(t, name)
			continue
		}
		ledger := suite.Standard
		if golden.GM(name) {
			ledger = suite.GM
		}
		for _, e := range golden.Ledger(t, name) {
			where := name + ": " + e.Note
			if e.Request != nil {
				s.response(t, where, lastMethod(string(e.Request)), e.Response)
				continue
			}
			s.response(t, where, "sendTransaction", e.Response)
			if e.Receipt != nil {
				s.receipt(t, where, &e)
			}
			if e.Transaction != nil {
				s.transaction(t, where, ledger, e.Transaction)
			}
		}
	}
	s.require(t, "sendTransaction", "getTransactionReceipt", "getTransaction", "call", "error", "rebuilt")
}

// receipt checks that the answers to sending and to asking are the same but for
// the hash of failed transactions (protocol §5.6).
func (s seen) receipt(t *testing.T, where string, e *golden.Entry) {
	t.Helper()
	asked := s.response(t, where, "getTransactionReceipt", e.Receipt).(*Receipt)
	sent, err := jsonrpc.DecodeResponse[Receipt](e.Response)
	require.NoError(t, err, where)
	require.True(t, asked.HasHash(), where)
	require.Equal(t, sent.Succeeded(), sent.HasHash(), where)
	sent.Hash, sent.Form, asked.Form = asked.Hash, jsonrpc.Form{}, jsonrpc.Form{}
	require.Equal(t, asked, &sent, where)
}

// transaction checks that a transaction can be built again from its members.
func (s seen) transaction(t *testing.T, where string, ledger suite.Suite, response []byte) {
	t.Helper()
	shown := s.response(t, where, "getTransaction", response).(*Transaction)
	s.rebuild(t, where, ledger, shown)
}

func (s seen) rebuild(t *testing.T, where string, ledger suite.Suite, shown *Transaction) {
	t.Helper()
	rebuilt, err := shown.Rebuild(ledger)
	require.NoError(t, err, where)
	require.Equal(t, shown.Hash, rebuilt.Hash, where)
	s["rebuilt"]++
}

// differences checks a file of answers that differ between two chains: whole
// results of reads, single members of others.
func (s seen) differences(t *testing.T, name string) {
	t.Helper()
	for _, line := range golden.Lines(t, name) {
		var e struct {
			Note      string
			Request   json.RawMessage
			Std, Here json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &e), name)
		kind := "getTransactionReceipt"
		if e.Request != nil {
			kind = lastMethod(string(e.Request))
		}
		for _, side := range []json.RawMessage{e.Std, e.Here} {
			where := name + ": " + e.Note
			if bytes.HasPrefix(side, []byte(`{"result":`)) || bytes.HasPrefix(side, []byte(`{"error":`)) {
				s.response(t, where, kind, side)
			} else {
				s.lossless(t, where, kind, side, byMethod[kind])
			}
		}
	}
}

func TestRecordedBlocksAreLossless(t *testing.T) {
	t.Parallel()
	s := seen{}
	for _, name := range golden.Files(t, "blocks/*.jsonl") {
		ledger := suite.Standard
		if golden.GM(name) {
			ledger = suite.GM
		}
		for _, b := range golden.Blocks(t, name) {
			block := s.response(t, name, "getBlockByNumber", b.Response).(*Block)
			require.Equal(t, b.Number, block.Number)
			for i := range block.Transactions {
				require.Equal(t, block.Transactions[i].Full.Hash, block.Transactions[i].Hash)
				s.rebuild(t, name, ledger, block.Transactions[i].Full)
			}
		}
	}
	s.require(t, "getBlockByNumber", "rebuilt")
}

// Types of frames (protocol §2.2).
var byFrame = map[uint16]codec{
	0x0100: of[Handshake](),
	0x0101: of[BlockNotify](),
	0x0103: of[GroupInfo](),
	0x0120: of[EventReply](),
	0x0121: of[EventReply](),
	0x0122: of[EventPush](),
}

var frameNames = map[uint16]string{
	0x0100: "handshake", 0x0101: "block", 0x0103: "group", 0x0120: "subscribed", 0x0121: "unsubscribed", 0x0122: "push",
}

func TestRecordedFramesAreLossless(t *testing.T) {
	t.Parallel()
	s := seen{}
	for _, name := range golden.Files(t, "ws/*.txt") {
		methods := map[string]string{} // of requests, by peer and seq
		for _, m := range golden.Messages(t, name) {
			f := cutFrame(m.Data)
			where, key := name+": "+m.Case, m.Peer+" "+f.seq
			method, asked := methods[key]
			switch {
			case m.Sent && f.kind == 0x0102:
				methods[key] = lastMethod(string(f.payload))
			case m.Sent:
			case f.kind == 0 && asked:
				s.response(t, where, method, f.payload)
				s["rpc"]++
			case byFrame[f.kind] != nil:
				s.lossless(t, where, frameNames[f.kind], f.payload, byFrame[f.kind])
			default:
				require.True(t, f.kind == 0 || f.kind >= 0x0110 && f.kind <= 0x0113, "%s: %#x", where, f.kind)
				s["AMOP"]++ // it carries bytes
			}
		}
	}
	s.require(t, "handshake", "block", "subscribed", "unsubscribed", "push", "rpc") // an Air node never tells of groups
}

type frame struct {
	kind    uint16
	seq     string
	payload []byte
}

// cutFrame takes the head off a frame (protocol §2.1). A malformed one is empty.
func cutFrame(data []byte) frame {
	if len(data) < 10 {
		return frame{}
	}
	end := 8 + int(binary.BigEndian.Uint16(data[6:]))
	if len(data) < end+2 {
		return frame{}
	}
	return frame{kind: binary.BigEndian.Uint16(data[2:]), seq: string(data[8:end]), payload: data[end+2:]}
}
