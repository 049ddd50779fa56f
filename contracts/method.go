package contracts

// Argument is one named input of a method.
type Argument struct {
	Name string // never empty: an unnamed argument is arg0, arg1…
	Type string // canonical ABI type, tuples as "(uint256,address)[]"
}

// Value is one decoded output or event argument.
type Value struct {
	Name   string `json:"name"` // may be empty for outputs
	Type   string `json:"type"`
	Value  any    `json:"value"`
	Hashed bool   `json:"hashed,omitempty"` // an indexed dynamic event argument: Value is only its hash
}

// Method is one function of a contract, or its constructor.
type Method struct{}

// Name is the bare name.
func (m *Method) Name() string { return "" }

// Signature is the canonical signature.
func (m *Method) Signature() string { return "" }

// Inputs lists the arguments.
func (m *Method) Inputs() []Argument { return nil }

// ReadOnly reports whether the method is view or pure.
func (m *Method) ReadOnly() bool { return false }

// Arrange maps columns to arguments.
func (m *Method) Arrange(columns []string) ([]int, error) { return nil, nil }

// Encode encodes positional values.
func (m *Method) Encode(values []any) ([]byte, error) { return nil, nil }

// EncodeNamed encodes values given by argument name.
func (m *Method) EncodeNamed(values map[string]any) ([]byte, error) { return nil, nil }

// DecodeOutput decodes return data.
func (m *Method) DecodeOutput(data []byte) ([]Value, error) { return nil, nil }

// MethodFromSignature parses a human signature.
func MethodFromSignature(sig string) (*Method, error) { return nil, nil }

// ArgError says which argument is wrong and why.
type ArgError struct {
	Index                           int
	Name, Path, Type, Value, Reason string
}

func (e *ArgError) Error() string { return e.Reason }
