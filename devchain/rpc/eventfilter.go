package rpc

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// maxTopicPositions of a filter; further ones are not looked at.
const maxTopicPositions = 4

// eventRequest is a subscription as it was asked for.
type eventRequest struct {
	id, group string
	from, to  int64 // negative: the head; no end
	filter    eventFilter
}

// parseSubscribe reads an EVENT_SUBSCRIBE payload (protocol §7.1); false means
// invalid params.
func parseSubscribe(payload []byte) (r eventRequest, ok bool) {
	members, ok := object(payload)
	if !ok {
		return r, false
	}
	if r.id, r.group, ok = idAndGroup(members); !ok {
		return r, false
	}
	asked, ok := object(members["params"])
	if !ok {
		return r, false
	}
	r.from, r.to = -1, -1
	for name, into := range map[string]*int64{"fromBlock": &r.from, "toBlock": &r.to} {
		if text, found := asked[name]; found {
			n, wrong := asInt64(text)
			if wrong != nil {
				return r, false
			}
			*into = n
		}
	}
	r.filter = newEventFilter(asked["addresses"], asked["topics"])
	return r, true
}

// parseUnsubscribe reads an EVENT_UNSUBSCRIBE payload; false means invalid params.
func parseUnsubscribe(payload []byte) (id string, ok bool) {
	members, ok := object(payload)
	if !ok {
		return "", false
	}
	id, _, ok = idAndGroup(members)
	return id, ok
}

func object(text []byte) (map[string]json.RawMessage, bool) {
	v, err := nodejson.First(text)
	if err != nil || v[0] != '{' {
		return nil, false
	}
	var members map[string]json.RawMessage
	err = json.Unmarshal(v, &members)
	return members, err == nil
}

func idAndGroup(members map[string]json.RawMessage) (id, group string, ok bool) {
	idText, hasID := members["id"]
	groupText, hasGroup := members["group"]
	id, idOK := asString(idText)
	group, groupOK := asString(groupText)
	return id, group, hasID && hasGroup && idOK && groupOK
}

// eventFilter says which logs a subscription wants. All texts are hex without
// 0x; a text that is no lower-case hex matches nothing, as on a node.
type eventFilter struct {
	addresses []string                    // empty: any
	topics    [maxTopicPositions][]string // each: empty: any
}

// newEventFilter reads the lists of a request. What is no list is not looked at,
// that is, it means any (protocol §7.1).
func newEventFilter(addresses, topics json.RawMessage) eventFilter {
	var f eventFilter
	for _, v := range list(addresses) {
		if text, ok := asString(v); ok {
			f.addresses = append(f.addresses, strings.TrimPrefix(text, "0x"))
		}
	}
	for i, v := range list(topics) {
		if i == maxTopicPositions {
			break
		}
		if len(v) > 0 && v[0] == '"' {
			// A lone string is compared as it is; only lists are put in order.
			text, _ := asString(v)
			f.topics[i] = []string{text}
			continue
		}
		for _, alternative := range list(v) {
			if text, ok := asString(alternative); ok {
				f.topics[i] = append(f.topics[i], strings.ToLower(strings.TrimPrefix(text, "0x")))
			}
		}
	}
	return f
}

func list(v json.RawMessage) []json.RawMessage {
	var items []json.RawMessage
	if len(v) == 0 || v[0] != '[' || json.Unmarshal(v, &items) != nil {
		return nil
	}
	return items
}

func (f *eventFilter) matches(log *devchain.Log) bool {
	if len(f.addresses) > 0 && !slices.Contains(f.addresses, hex.EncodeToString(log.Address[:])) {
		return false
	}
	for i, wanted := range f.topics {
		if len(wanted) == 0 {
			continue
		}
		if i >= len(log.Topics) || !slices.Contains(wanted, hex.EncodeToString(log.Topics[i][:])) {
			return false
		}
	}
	return true
}
