package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
)

// jobColumns head a job in csv, and the lines of its summary.
func jobColumns() []string {
	return []string{"job", "kind", "state", "reason", "name", "target", "contract", "address", "function", "signer", "rows",
		"confirmed", "reverted", "rejected", "unknown", "submitted", "queued", "canceled", "expired", "created", "started", "finished", "took", "rate", "input_sha256", "first_block", "last_block"}
}

// jobView is the summary of one job. For people, states that a finished job
// hardly has are left out when they are empty.
func jobView(job batch.Job, format string) view {
	v := view{value: job, header: jobColumns(), rows: [][]string{jobCells(job)}, pairs: true}
	if format == outTable {
		for i, name := range v.header {
			if v.rows[0][i] == "0" && (name == "submitted" || name == "queued" || name == "canceled" || name == "expired") {
				v.rows[0][i] = ""
			}
		}
	}
	return v
}

// jobListView is a table of jobs with fewer columns than csv has.
func jobListView(jobs []batch.Job, format string) view {
	v := view{value: map[string]any{"jobs": emptyNotNil(jobs)}, header: jobColumns()}
	if format == outTable {
		v.header = []string{"job", "state", "contract", "function", "rows", "confirmed", "reverted", "rejected", "unknown", "open", "created", "name"}
	}
	for _, job := range jobs {
		c := job.Counts
		if format != outTable {
			v.rows = append(v.rows, jobCells(job))
			continue
		}
		v.rows = append(v.rows, []string{job.ID, string(job.State), contractText(job), functionText(job), number(job.Rows), number(c.Confirmed),
			number(c.Reverted), number(c.Rejected), number(c.Unknown), number(c.Queued + c.Submitted), job.Created.Local().Format(time.DateTime), job.Spec.Name})
	}
	return v
}

func jobCells(job batch.Job) []string {
	c := job.Counts
	address := ""
	if job.Address != nil {
		address = job.Address.Hex()
	}
	signer, firstBlock, lastBlock := "", "", ""
	if job.Signer != (common.Address{}) {
		signer = job.Signer.Hex()
	}
	if job.LastBlock > 0 {
		firstBlock, lastBlock = strconv.FormatUint(job.FirstBlock, 10), strconv.FormatUint(job.LastBlock, 10)
	}
	took, rate := "", ""
	if job.Started != nil && job.Finished != nil {
		d := job.Finished.Sub(*job.Started)
		took = d.Round(time.Millisecond).String()
		if d > 0 {
			rate = fmt.Sprintf("%.1f/s", float64(c.Confirmed+c.Reverted)/d.Seconds())
		}
	}
	return []string{job.ID, string(job.Spec.Kind), string(job.State), job.Reason, job.Spec.Name, job.Spec.Target, job.Spec.Contract,
		address, functionText(job), signer, number(job.Rows),
		number(c.Confirmed), number(c.Reverted), number(c.Rejected), number(c.Unknown), number(c.Submitted), number(c.Queued), number(c.Canceled), number(c.Expired),
		moment(&job.Created), moment(job.Started), moment(job.Finished), took, rate, job.InputSHA256, firstBlock, lastBlock}
}

func contractText(job batch.Job) string {
	switch {
	case job.Spec.Contract != "":
		return job.Spec.Contract
	case job.Address != nil:
		return job.Address.Hex()
	}
	return ""
}

func functionText(job batch.Job) string {
	if job.Spec.Deploy {
		return "(deploy)"
	}
	return job.Spec.Function
}

// itemsView shows rows of a job.
func itemsView(items []batch.Item) view {
	v := view{
		value:  map[string]any{"rows": emptyNotNil(items)},
		header: []string{"row", "id", "state", "block", "tx_hash", "status", "attempts", "latency_ms", "error"},
	}
	for _, it := range items {
		hash := ""
		if it.TxHash != nil {
			hash = it.TxHash.Hex()
		}
		block := ""
		if it.Block > 0 {
			block = strconv.FormatUint(it.Block, 10)
		}
		v.rows = append(v.rows, []string{number(it.Row), it.ID, string(it.State), block, hash, it.StatusName,
			strconv.Itoa(it.Attempts), number(it.LatencyMS), it.Error})
	}
	return v
}

func emptyNotNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
