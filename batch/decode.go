package batch

import (
	"github.com/bcosgate/bcosgate/contracts"
)

// decoder reads what the functions of a job of calls return. It does not change
// and is safe for concurrent use. A nil decoder knows no function.
type decoder struct {
	functions map[[4]byte]*contracts.Method
}

// newDecoder knows the functions of the job's ABI, and the one of its spec.
func newDecoder(rec record) *decoder {
	d := &decoder{functions: map[[4]byte]*contracts.Method{}}
	var abi *contracts.ABI
	if rec.abi != "" {
		parsed, err := contracts.ParseABI([]byte(rec.abi))
		if err != nil { // it was checked when the job was created
			return d
		}
		abi = parsed
		for _, m := range abi.Methods() {
			d.functions[m.Selector()] = m
		}
	}
	if m, err := callMethod(rec.Spec.Kind, abi, rec.Spec.Function); err == nil {
		d.functions[m.Selector()] = m
	}
	return d
}

// outputs reads the data that a call returned. input is the call's: its first four
// bytes choose the function. Without values nothing is known of that function's.
func (d *decoder) outputs(input, data []byte) ([]contracts.Value, error) {
	if d == nil || len(input) < 4 {
		return nil, nil
	}
	m := d.functions[[4]byte(input[:4])]
	if m == nil {
		return nil, nil
	}
	return m.DecodeOutput(data)
}
