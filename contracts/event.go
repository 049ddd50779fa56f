package contracts

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/ethereum/go-ethereum/common"
)

// Event is a log that an ABI explains.
type Event struct {
	Name      string  `json:"name"`
	Signature string  `json:"signature"` // canonical
	Args      []Value `json:"args"`      // in the order of the declaration
}

// ErrUnknownEvent says that the ABI has no event of that topic and shape.
var ErrUnknownEvent = errors.New("the ABI does not have this event")

type event struct {
	name      string
	signature string
	topics    [2]common.Hash // keccak-256, SM3
	fields    []field
	indexed   []field // in order
	data      []field
	anonymous bool
}

func newEvent(name string, fields []field, anonymous bool) (*event, error) {
	all, err := tupleOf(fields)
	if err != nil {
		return nil, err
	}
	e := &event{name: name, signature: name + all.name, fields: fields, anonymous: anonymous}
	for i := range fields {
		if fields[i].name == "" {
			fields[i].name = fmt.Sprintf("arg%d", i)
		}
		if fields[i].indexed {
			e.indexed = append(e.indexed, fields[i])
		} else {
			e.data = append(e.data, fields[i])
		}
	}
	if name := twice(fields); name != "" {
		return nil, fmt.Errorf("two arguments are called %q", cut(name))
	}
	e.topics = hashes(e.signature)
	return e, nil
}

// DecodeLog explains a log of a receipt, of a standard chain or of a GM chain,
// whose topics are made with SM3. Two events with one signature are told
// apart by their number of indexed arguments. ErrUnknownEvent when the ABI has
// no such event; anonymous events carry no topic and are never found. A nil ABI
// knows no event.
func (a *ABI) DecodeLog(log chain.Log) (Event, error) {
	if a == nil || len(log.Topics) == 0 {
		return Event{}, ErrUnknownEvent
	}
	for _, e := range a.events {
		if e.anonymous || !slices.Contains(e.topics[:], log.Topics[0]) || len(e.indexed) != len(log.Topics)-1 {
			continue
		}
		decoded, err := e.decode(log)
		if err != nil {
			return Event{}, fmt.Errorf("decode event %s: %w", e.signature, err)
		}
		return decoded, nil
	}
	return Event{}, ErrUnknownEvent
}

func (e *event) decode(log chain.Log) (Event, error) {
	data, err := decodeFields(log.Data, e.data)
	if err != nil {
		return Event{}, err
	}
	out := Event{Name: e.name, Signature: e.signature, Args: make([]Value, 0, len(e.fields))}
	topics := log.Topics[1:]
	for _, f := range e.fields {
		if !f.indexed {
			out.Args = append(out.Args, data[0])
			data = data[1:]
			continue
		}
		topic := topics[0]
		topics = topics[1:]
		v := Value{Name: f.name, Type: f.typ.name}
		if f.typ.dynamic || f.typ.elemental() == nil {
			v.Value, v.Hashed = topic.Hex(), true
		} else if v.Value, err = word(topic[:], f.typ); err != nil {
			return Event{}, fmt.Errorf("%s (%s): %w", f.name, f.typ.name, err)
		}
		out.Args = append(out.Args, v)
	}
	return out, nil
}
