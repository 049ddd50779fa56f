package devchain

import (
	"context"
	"strings"
)

// Call executes a read on the newest block. The end of ctx ends the execution.
// The error is an *Error for arguments that cannot be read or a wrong signature.
func (c *Chain) Call(ctx context.Context, args CallArgs) (CallResult, error) {
	s := c.cfg.Genesis.Suite
	from := args.From
	if args.Sign != nil {
		text := strings.TrimPrefix(args.To, "0x")
		hash := s.Hash([]byte(text), args.Input)
		var err error
		if from, err = s.Sender(hash, args.Sign); err != nil {
			return CallResult{}, &Error{Code: int(StatusInvalidSignature), Message: "Invalid signature"}
		}
	}
	to, err := parseAddress(args.To)
	if err != nil {
		return CallResult{}, &Error{Code: CodeInvalidRequest, Message: "std::exception"}
	}
	return read(c, func(v *view) (CallResult, error) {
		result := CallResult{BlockNumber: v.head.Number}
		m := message{from: from, to: &to, input: args.Input, value: args.Value}
		if args.To == "" { // at an address where nothing is yet
			m.to, m.create = nil, contractAddress(s, v.head.Number+1, 0, 0)
		}
		w, err := newWorld(v, c.codes)
		if err != nil {
			return CallResult{}, err
		}
		x := newExecution(blockEnv{
			suite: s, builtIns: c.builtIns, settings: v.reading, number: v.head.Number, time: v.head.Timestamp, getHash: blockHashes(v),
		}, w)
		defer x.close()
		defer context.AfterFunc(ctx, x.cancel)()
		out := x.run(m)
		if err := ctx.Err(); err != nil {
			return CallResult{}, err
		}
		if err := w.err(); err != nil {
			return CallResult{}, err
		}
		result.Status, result.Output, result.GasUsed = out.status, out.output, out.gasUsed
		return result, nil
	})
}
