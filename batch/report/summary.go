package report

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
)

// Summary is the report of a job in numbers, at one moment.
type Summary struct {
	Job        batch.Job   `json:"job"`
	Genesis    common.Hash `json:"genesis"`              // hash of block 0 of the chain
	Settled    int64       `json:"settled"`              // items with an outcome
	Attempts   int64       `json:"attempts"`             // signed transactions; of reads: questions to the chain
	Rate       float64     `json:"rate"`                 // settled items a second, from First to Last
	First      time.Time   `json:"first,omitzero"`       // when the first attempt was stored; of reads: when the job began
	Last       time.Time   `json:"last,omitzero"`        // when the last outcome was stored
	FirstBlock uint64      `json:"firstBlock,omitempty"` // lowest block that holds an item, or that one was read at
	LastBlock  uint64      `json:"lastBlock,omitempty"`  // highest
	GasUsed    uint64      `json:"gasUsed,omitempty"`    // by all items in blocks
	LatencyMS  Latency     `json:"latencyMs"`            // of items that are in blocks, from the first attempt to the outcome; of reads: from the first question to the answer
	Stages     []Stage     `json:"stages"`               // where the time of items that are in blocks, or were read, went
	Errors     []Cause     `json:"errors"`               // why items are not confirmed, the most frequent first
	Timeline   Timeline    `json:"timeline"`             // outcomes over time
	Merkle     Merkle      `json:"merkle"`               // over the lines of the CSV report
}

// Merkle is the commitment to every cell of a report; docs/report-proof.md
// defines it.
type Merkle struct {
	Algorithm string `json:"algorithm"` // MerkleAlgorithm
	Leaves    uint64 `json:"leaves"`    // lines of the report: the header and the rows
	Root      string `json:"root"`      // 64 hex digits
}

// MerkleAlgorithm names the tree and the form of its leaves.
const MerkleAlgorithm = "rfc6962-sha256/report-1"

// Cause is one reason for which items are not confirmed.
type Cause struct {
	Kind  string `json:"kind"`  // a chain.Kind, "reverted" or "canceled"
	Count int64  `json:"count"` // items
	Row   int64  `json:"row"`   // the first of them
	Text  string `json:"text"`  // its error, in words
}

func writeSummary(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	sum, err := summarize(ctx, s, func(batch.Item) {})
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(sum)
}

// reads reports whether the rows of a job were read, and not sent.
func reads(job batch.Job) bool { return job.Spec.Kind.Reads() }

// firstQuestion is when the chain was first asked something for the job: its first
// attempt was stored, or its first row read.
func firstQuestion(ctx context.Context, s source) (time.Time, error) {
	if job := s.Job(); reads(job) {
		if job.Started == nil {
			return time.Time{}, nil
		}
		return *job.Started, nil
	}
	return s.FirstAttempt(ctx)
}

// summarize reads all items once, and shows each to also.
func summarize(ctx context.Context, s source, also func(batch.Item)) (Summary, error) {
	sum := Summary{Job: s.Job(), Genesis: s.Genesis()}
	first, err := firstQuestion(ctx, s)
	if err != nil {
		return Summary{}, err
	}
	sum.First = first
	l := newLines(sum.Job.Columns, reads(sum.Job))
	var tree lineTree
	tree.add("", l.header())
	times, causes, line := newStopwatch(sum.Job.Started), causes{}, timeline{from: first}
	err = s.Items(ctx, func(it batch.TimedItem) error {
		cells, err := l.line(it.Item)
		if err != nil {
			return err
		}
		tree.add(l.key(it.Row, cells), cells)
		sum.count(it)
		times.add(it)
		causes.add(it.Item)
		if !it.Settled.IsZero() {
			line.add(it.Settled, it.State)
		}
		also(it.Item)
		return nil
	})
	if err != nil {
		return Summary{}, err
	}
	if sum.Settled > 0 && !sum.First.IsZero() {
		if span := sum.Last.Sub(sum.First).Seconds(); span > 0 {
			sum.Rate = float64(sum.Settled) / span
		}
	}
	sum.LatencyMS, sum.Stages = times.total.latency(), times.stages()
	sum.Errors, sum.Timeline = causes.list(), line.Timeline()
	root := tree.Root()
	sum.Merkle = Merkle{MerkleAlgorithm, tree.size, hex.EncodeToString(root[:])}
	return sum, nil
}

func (s *Summary) count(it batch.TimedItem) {
	s.Attempts += int64(it.Attempts)
	s.GasUsed += it.GasUsed
	if !it.Settled.IsZero() {
		s.Settled++
		if it.Settled.After(s.Last) {
			s.Last = it.Settled
		}
	}
	if it.Status != nil {
		if s.FirstBlock == 0 || it.Block < s.FirstBlock {
			s.FirstBlock = it.Block
		}
		s.LastBlock = max(s.LastBlock, it.Block)
	}
}
