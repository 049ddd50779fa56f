package reconcile

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
)

// receipts are what nodes say of one transaction.
type receipts = []chain.Testimony[chain.Receipt]

const noReceipt = "no receipt"

// field is one thing that a receipt tells. The nodes must agree on it, and where the
// store has it too, with the store.
type field struct {
	name   string
	kind   Kind // when the nodes agree on something else than the store; "" is not in the store
	stored string
	told   func(*chain.Receipt) (value string, ok bool) // not ok: the node does not tell
}

// fieldsOf lists what is compared of an item that is in a block. event is the topic
// that a success must have logged; nil expects none.
func fieldsOf(job *batch.Job, it *batch.Item, event *common.Hash) []field {
	fields := []field{
		{"block", WrongBlock, number(it.Block), func(r *chain.Receipt) (string, bool) { return number(r.BlockNumber), true }},
		{"status", WrongStatus, statusText(it.State, it.Status), func(r *chain.Receipt) (string, bool) { return resultText(r), true }},
		{"contract", WrongContract, addressText(it.Contract), func(r *chain.Receipt) (string, bool) { return addressText(r.Contract), true }},
		{"gasUsed", WrongGasUsed, number(it.GasUsed), func(r *chain.Receipt) (string, bool) { return number(r.GasUsed), true }},
		{"output", WrongOutput, it.Output, func(r *chain.Receipt) (string, bool) { return hexutil.Encode(r.Output), true }},
		// A node does not tell the sender when its second look-up failed.
		{"from", WrongSender, job.Signer.Hex(), func(r *chain.Receipt) (string, bool) { return r.From.Hex(), r.From != common.Address{} }},
		{"to", WrongRecipient, addressText(it.To), func(r *chain.Receipt) (string, bool) { return addressText(r.To), true }},
		{"logs", "", "", func(r *chain.Receipt) (string, bool) { return logsText(r.Logs), true }},
	}
	if event != nil && it.State == batch.ItemConfirmed {
		emitter := it.To
		if emitter == nil {
			emitter = it.Contract
		}
		fields = append(fields, field{"event", MissingEvent, "emitted", func(r *chain.Receipt) (string, bool) { return eventText(r.Logs, emitter, *event), true }})
	}
	return fields
}

// compareLanded compares a transaction that the store says is in a block.
func compareLanded(fields []field, answers receipts, at Mismatch) []Mismatch {
	at.Stored = "in block " + number(at.Block)
	found := slices.DeleteFunc(slices.Clone(answers), func(a chain.Testimony[chain.Receipt]) bool { return !a.Found })
	if len(found) < len(answers) {
		return []Mismatch{presence(at, MissingReceipt, len(found), answers)}
	}
	var list []Mismatch
	for _, f := range fields {
		if kind, said := f.judge(found); kind != "" {
			m := at
			m.Kind, m.Field, m.Stored, m.Nodes = kind, f.name, short(f.stored), said
			list = append(list, m)
		}
	}
	return list
}

// compareAbsent compares a transaction that the store says never landed.
func compareAbsent(state batch.ItemState, answers receipts, at Mismatch) []Mismatch {
	found := 0
	for _, a := range answers {
		if a.Found {
			found++
		}
	}
	if found == 0 {
		return nil
	}
	at.Stored = string(state)
	return []Mismatch{presence(at, UnexpectedReceipt, len(answers)-found, answers)}
}

// presence is the difference when nodes have a receipt and should not, or the other
// way round. against is how many nodes take the store's side.
func presence(at Mismatch, kind Kind, against int, answers receipts) Mismatch {
	at.Kind, at.Field = kind, ""
	if against > 0 {
		at.Kind, at.Field = NodesDisagree, "receipt"
	}
	for _, a := range answers {
		says := noReceipt
		if a.Found {
			says = fmt.Sprintf("in block %d, %s", a.Answer.BlockNumber, resultText(&a.Answer))
		}
		at.Nodes = append(at.Nodes, Said{a.Node, says})
	}
	return at
}

// judge gives no kind when all who tell agree, with the store too.
func (f *field) judge(found receipts) (Kind, []Said) {
	said := make([]Said, 0, len(found))
	values := make([]string, 0, len(found))
	for i := range found {
		value, ok := f.told(&found[i].Answer)
		if ok {
			values = append(values, value)
			said = append(said, Said{found[i].Node, short(value)})
		}
	}
	if len(values) == 0 {
		return "", nil
	}
	if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		return NodesDisagree, said
	}
	if f.kind != "" && values[0] != f.stored {
		return f.kind, said
	}
	return "", nil
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func statusText(state batch.ItemState, status *int) string {
	if status == nil {
		return string(state) + ", no status"
	}
	return string(state) + ", status " + strconv.Itoa(*status)
}

func resultText(r *chain.Receipt) string {
	if r.Succeeded {
		return statusText(batch.ItemConfirmed, &r.Status)
	}
	return statusText(batch.ItemReverted, &r.Status)
}

func addressText(a *common.Address) string {
	if a == nil {
		return "none"
	}
	return a.Hex()
}

func eventText(logs []chain.Log, emitter *common.Address, topic common.Hash) string {
	for _, l := range logs {
		if len(l.Topics) > 0 && l.Topics[0] == topic && (emitter == nil || l.Address == *emitter) {
			return "emitted"
		}
	}
	return fmt.Sprintf("not among %d logs", len(logs))
}

// logsText is the same for the same logs. Nodes are only compared with each other:
// a short sum does.
func logsText(logs []chain.Log) string {
	h := fnv.New64a()
	for _, l := range logs {
		fmt.Fprintf(h, "%x %x %x\n", l.Address, l.Topics, l.Data)
	}
	return fmt.Sprintf("%d logs, sum %s", len(logs), hex.EncodeToString(h.Sum(nil)))
}

// short keeps the beginning of a long output, which is enough to recognise it.
func short(s string) string {
	const most = 138 // a selector and two words in hex
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d characters)", s[:most], len(s))
}
