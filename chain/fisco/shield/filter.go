package shield

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// maxPositions is how many topics a log can have.
const maxPositions = 4

// Filter refuses the filter object of getLogs and newFilter, given as any value
// that encoding/json takes, unless it has the members fromBlock, toBlock, address
// and topics in the forms of protocol §3.7 and at most blockhash besides.
// Addresses have 20 bytes and topics 32, with or without 0x, at most 1000 in a
// list and 4 positions of topics.
func Filter(op string, filter any) error {
	v, r := value(PoisonFilter, filter)
	if r == nil {
		r = logFilter(v)
	}
	return border(op, r)
}

func logFilter(v any) *Refusal {
	object, r := asObject(PoisonFilter, v, "fromBlock", "toBlock", "address", "topics", "blockhash")
	if r != nil {
		return r
	}
	for _, name := range []string{"fromBlock", "toBlock"} {
		if text, ok := object[name].(string); !ok || !isBlockTag(text) {
			return refuse(PoisonFilter, "%s is neither the name of a block nor 0x and hex digits", name)
		}
	}
	if hash, there := object["blockhash"]; there && !isTextOf(hash, isHash) {
		return refuse(PoisonFilter, "blockhash is no hash of 32 bytes")
	}
	if !isTextOf(object["address"], isAddress) {
		if r := listOf(PoisonFilter, "address", object["address"], isAddress); r != nil {
			return r
		}
	}
	return positions(PoisonFilter, object["topics"])
}

// isBlockTag knows the names of blocks and their numbers below 2^63.
func isBlockTag(s string) bool {
	if slices.Contains([]string{"", "earliest", "latest", "pending", "safe", "finalized"}, s) {
		return true
	}
	digits, ok := strings.CutPrefix(s, hexPrefix)
	if !ok || !isHex(digits) { // ParseInt takes signs
		return false
	}
	_, err := strconv.ParseInt(digits, 16, 64)
	return err == nil
}

// Subscription refuses the payload of an event subscription unless it has id,
// group and params in the forms of protocol §7.1, numbers as numbers, and lists
// within the limits of Filter. A range that ends before it begins, which would
// stay open for ever and tell nothing, is refused.
func Subscription(op string, payload []byte) error { return border(op, subscription(payload)) }

func subscription(payload []byte) *Refusal {
	object, r := decodeObject(PoisonSubscription, payload, "id", "group", "params")
	if r != nil {
		return r
	}
	if r := names(object); r != nil {
		return r
	}
	params, r := asObject(PoisonSubscription, object["params"], "fromBlock", "toBlock", "addresses", "topics")
	if r != nil {
		return r
	}
	from, fromOK := blockNumber(params, "fromBlock")
	to, toOK := blockNumber(params, "toBlock")
	switch {
	case !fromOK || !toOK:
		return refuse(PoisonSubscription, "fromBlock or toBlock is no whole number")
	case 0 < to && to < from:
		return refuse(PoisonSubscription, "the range from %d to %d ends before it begins", from, to)
	}
	if addresses, there := params["addresses"]; there {
		if r := listOf(PoisonSubscription, "addresses", addresses, isAddress); r != nil {
			return r
		}
	}
	if topics, there := params["topics"]; there {
		return positions(PoisonSubscription, topics)
	}
	return nil
}

// Unsubscription refuses the payload that ends an event subscription unless it
// has id and group and nothing else (protocol §7.3).
func Unsubscription(op string, payload []byte) error { return border(op, unsubscription(payload)) }

func unsubscription(payload []byte) *Refusal {
	object, r := decodeObject(PoisonSubscription, payload, "id", "group")
	if r != nil {
		return r
	}
	return names(object)
}

// names checks the members that every message about a subscription has.
func names(object map[string]any) *Refusal {
	for _, name := range []string{"id", "group"} {
		if text, ok := object[name].(string); !ok || text == "" || len(text) > maxText {
			return refuse(PoisonSubscription, "%s is no text of 1 to %d bytes", name, maxText)
		}
	}
	return nil
}

// blockNumber reads an optional number; -1 is what its absence means.
func blockNumber(params map[string]any, name string) (n int64, ok bool) {
	v, there := params[name]
	if !there {
		return -1, true
	}
	return wholeNumber(v)
}

func wholeNumber(v any) (n int64, ok bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	return n, err == nil
}

// positions checks topics by position: null, a topic, or a list of alternatives.
func positions(p Poison, v any) *Refusal {
	topics, ok := v.([]any)
	if !ok || len(topics) > maxPositions {
		return refuse(p, "topics are no list of at most %d positions", maxPositions)
	}
	for _, position := range topics {
		if position == nil || isTextOf(position, isHash) {
			continue
		}
		if r := listOf(p, "a position of topics", position, isHash); r != nil {
			return r
		}
	}
	return nil
}

func isTextOf(v any, form func(string) bool) bool {
	text, ok := v.(string)
	return ok && form(text)
}

func listOf(p Poison, name string, v any, form func(string) bool) *Refusal {
	list, ok := v.([]any)
	if !ok || len(list) > maxList {
		return refuse(p, "%s is no list of at most %d", name, maxList)
	}
	for _, entry := range list {
		if !isTextOf(entry, form) {
			return refuse(p, "%s has an entry of the wrong form", name)
		}
	}
	return nil
}
