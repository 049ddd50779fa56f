package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/contracts"
)

// resultColumns stand behind the columns of the input. Their underscore keeps
// them apart from arguments when a report is fed back.
var resultColumns = []string{"_state", "_error", "_tx_hash", "_block", "_status", "_gas_used", "_output", "_contract", "_attempts", "_latency_ms"}

// valuesColumn stands behind them in the report of a job of reads: what was
// returned, in words.
const valuesColumn = "_result"

// Where some of them are among resultColumns.
const (
	atState = iota
	atError
	atHash
	atBlock
	atStatus
	atGas
)

// inputColumn holds the rows of input without a header, as JSON.
const inputColumn = "_input"

// lines makes the cells of a report's lines, the header's included. What it
// gives is valid until the next call.
type lines struct {
	columns []string // of the input; nil when it has no header
	reads   bool     // the job made calls: no row has a transaction, and each has what was returned
	width   int      // how many cells come from the input
	id      int      // which of them is the row's _id; -1 when there is none
	cells   []string
	source  []string
	compact bytes.Buffer
}

func newLines(columns []string, reads bool) *lines {
	l := &lines{columns: columns, reads: reads, width: 1, id: -1}
	if columns != nil {
		l.width = len(columns)
	}
	for i, name := range columns {
		if name == "_id" {
			l.id = i
		}
	}
	return l
}

// header is the first line.
func (l *lines) header() []string {
	l.cells = l.cells[:0]
	if l.columns == nil {
		l.cells = append(l.cells, inputColumn)
	}
	l.cells = append(append(l.cells, l.columns...), resultColumns...)
	if l.reads {
		l.cells = append(l.cells, valuesColumn)
	}
	return l.cells
}

// line is the line of an item.
func (l *lines) line(it batch.Item) ([]string, error) {
	cells, err := l.input(it)
	if err != nil {
		return nil, err
	}
	var hash, block, status, gas, contract, latency string
	if it.TxHash != nil {
		hash = it.TxHash.Hex()
	}
	if it.Status != nil {
		block, status = strconv.FormatUint(it.Block, 10), strconv.Itoa(*it.Status)
		if !l.reads {
			gas = strconv.FormatUint(it.GasUsed, 10)
		}
	}
	if it.Contract != nil {
		contract = it.Contract.Hex()
	}
	if it.State == batch.ItemConfirmed || it.State == batch.ItemReverted || it.State == batch.ItemRejected {
		latency = strconv.FormatInt(it.LatencyMS, 10)
	}
	cells = append(cells, string(it.State), cleanText(it.Error), hash, block, status, gas, it.Output, contract, strconv.Itoa(it.Attempts), latency)
	if l.reads {
		values, err := valuesText(it.Outputs)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", it.Row, err)
		}
		cells = append(cells, values)
	}
	l.cells = cells
	return cells, nil
}

// valuesText writes what a call returned as cells of the input are written: a value
// alone is itself, arrays and structs are JSON; several are an object with their
// names, or an array where not every one has a name of its own.
func valuesText(values []contracts.Value) (string, error) {
	var all any
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		if text, ok := values[0].Value.(string); ok {
			return cleanText(text), nil
		}
		all = values[0].Value
	default:
		object, list := make(map[string]any, len(values)), make([]any, len(values))
		for i, v := range values {
			list[i] = v.Value
			if v.Name != "" {
				object[v.Name] = v.Value
			}
		}
		if all = object; len(object) < len(values) {
			all = list
		}
	}
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := out.Encode(all); err != nil {
		return "", err
	}
	return cleanText(strings.TrimSuffix(text.String(), "\n")), nil
}

// input is the part of an item's line that came from the user: the cells as
// they were, or JSON without the spaces between its tokens.
func (l *lines) input(it batch.Item) ([]string, error) {
	if l.columns == nil {
		l.compact.Reset()
		if err := json.Compact(&l.compact, it.Input); err != nil {
			return nil, fmt.Errorf("row %d: %w", it.Row, err)
		}
		return append(l.cells[:0], l.compact.String()), nil
	}
	l.source = l.source[:0]
	if err := json.Unmarshal(it.Input, &l.source); err != nil {
		return nil, fmt.Errorf("row %d: %w", it.Row, err)
	}
	if len(l.source) != l.width {
		return nil, fmt.Errorf("row %d has %d cells, the input has %d columns", it.Row, len(l.source), l.width)
	}
	return append(l.cells[:0], l.source...), nil
}

// key is the key of a row: its _id where the input has that column and the row
// has something in it, else its number.
func (l *lines) key(row int64, cells []string) string {
	if l.id >= 0 && cells[l.id] != "" {
		return cells[l.id]
	}
	return strconv.FormatInt(row, 10)
}

// cleanText makes text of a node or a contract fit for any reader of CSV. Each
// byte that is no UTF-8 becomes one replacement character, as in JSON.
func cleanText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r
	}, s)
}
