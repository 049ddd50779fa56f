package report

import (
	"bufio"
	"context"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

var attemptColumns = []string{"row", "id", "number", "generation", "tx_hash", "nonce", "block_limit", "created", "kind", "text", "landed", "block"}

func writeAttempts(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	out := newJSONWriter(w)
	return s.Attempts(ctx, func(a batch.AttemptRecord) error { return out.Encode(a) })
}

func writeAttemptsCSV(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	out := csvWriter{w, ','}
	if err := out.line(attemptColumns); err != nil {
		return err
	}
	return s.Attempts(ctx, func(a batch.AttemptRecord) error {
		block := ""
		if a.Landed {
			block = strconv.FormatUint(a.Block, 10)
		}
		return out.line([]string{strconv.FormatInt(a.Row, 10), a.ID, strconv.Itoa(a.Number), strconv.Itoa(a.Generation), a.TxHash.Hex(), a.Nonce,
			strconv.FormatUint(a.BlockLimit, 10), a.Created.Format(time.RFC3339Nano), a.Kind, cleanText(a.Text), strconv.FormatBool(a.Landed), block})
	})
}
