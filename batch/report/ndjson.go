package report

import (
	"bufio"
	"context"
	"encoding/json"

	"github.com/bcosgate/bcosgate/batch"
)

// result is an item whose row and input stand beside it.
type result struct {
	batch.Item
	Row   any `json:"row,omitempty"`
	Input any `json:"input,omitempty"`
}

// entry is a line of an NDJSON report.
type entry struct {
	Row    int64           `json:"row"`
	Input  json.RawMessage `json:"input"`
	Result result          `json:"result"`
}

func newJSONWriter(w *bufio.Writer) *json.Encoder {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out
}

func writeNDJSON(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	out := newJSONWriter(w)
	return s.Items(ctx, func(it batch.TimedItem) error {
		return out.Encode(entry{it.Row, it.Input, result{Item: it.Item}})
	})
}
