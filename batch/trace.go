package batch

import (
	"context"
	"fmt"
	"log/slog"
)

// TraceID names an item of a job in logs and answers: the job, a slash and
// the row. It never changes.
func TraceID(jobID string, row int64) string { return fmt.Sprintf("%s/%d", jobID, row) }

// trace logs a step of one item. There are several for each row of a job: they cost
// nothing unless the level is debug.
func (r *run) trace(it *itemRun, step string, attrs ...slog.Attr) {
	if !r.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	all := append([]slog.Attr{slog.String("trace", TraceID(r.rec.ID, it.row))}, attrs...)
	if len(it.attempts) > 0 {
		all = append(all, slog.Int("attempt", it.last().number), slog.String("tx", it.last().hash.Hex()))
	}
	r.log.LogAttrs(context.Background(), slog.LevelDebug, step, all...)
}
