// Package contracts is being published; see the API notes.
package contracts

import "github.com/bcosgate/bcosgate/chain"

// ABI is a parsed JSON ABI.
type ABI struct{}

// Event is a decoded log.
type Event struct {
	Name      string  `json:"name"`
	Signature string  `json:"signature"`
	Args      []Value `json:"args"`
}

// ParseABI parses a JSON ABI.
func ParseABI(data []byte) (*ABI, error) { return nil, nil }

// JSON is the ABI's text.
func (a *ABI) JSON() string { return "" }

// Method finds a function.
func (a *ABI) Method(fn string) (*Method, error) { return nil, nil }

// Constructor is never nil.
func (a *ABI) Constructor() *Method { return nil }

// DecodeLog decodes an event.
func (a *ABI) DecodeLog(log chain.Log) (Event, error) { return Event{}, nil }

// RevertReason words revert data.
func (a *ABI) RevertReason(output []byte) string { return "" }

// Artifact is a contract that is built in.
type Artifact struct {
	Name     string
	ABI      *ABI
	Bytecode []byte
}

// Builtin finds a built-in contract.
func Builtin(name string) (Artifact, bool) { return Artifact{}, false }

// BuiltinNames lists the built-in contracts.
func BuiltinNames() []string { return nil }
