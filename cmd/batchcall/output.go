package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// Output formats of -o.
const (
	outTable = "table"
	outJSON  = "json"
	outYAML  = "yaml"
	outCSV   = "csv"
)

func outputFormats() []string { return []string{outTable, outJSON, outYAML, outCSV} }

// view is one answer in all the forms that -o can ask for.
type view struct {
	value  any        // for json and yaml: written with its JSON names
	header []string   // of csv, and of table unless pairs is set
	rows   [][]string // for csv and table
	pairs  bool       // the table has one row: a line for each of its columns
}

// print writes v to w in the format.
func (v view) print(w io.Writer, format string) error {
	switch format {
	case outJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v.value)
	case outYAML:
		return printYAML(w, v.value)
	case outCSV:
		return v.printCSV(w, true)
	}
	return v.printTable(w)
}

func (v view) printCSV(w io.Writer, header bool) error {
	out := csv.NewWriter(w)
	if header {
		if err := out.Write(v.header); err != nil {
			return err
		}
	}
	return out.WriteAll(v.rows)
}

func (v view) printTable(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if v.pairs {
		for _, row := range v.rows {
			for i, cell := range row {
				if cell != "" {
					fmt.Fprintf(tab, "%s\t%s\n", v.header[i], oneLine(cell))
				}
			}
		}
		return tab.Flush()
	}
	fmt.Fprintln(tab, strings.ToUpper(strings.Join(v.header, "\t")))
	for _, row := range v.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = oneLine(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tab, strings.Join(cells, "\t"))
	}
	return tab.Flush()
}

// oneLine keeps texts of contracts and nodes from breaking the table or
// reaching the terminal as control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return '\uFFFD'
		}
		return r
	}, s)
}

// printYAML goes by way of JSON, so that names and order are the same in both.
func printYAML(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil { // JSON is YAML
		return err
	}
	plain(&node)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	return enc.Close()
}

// plain takes JSON's braces and quotes away; the encoder puts quotes back where
// a text would be read as something else. Texts that begin like a number keep
// theirs, because readers differ in what they take for one: an address is not.
func plain(n *yaml.Node) {
	if n.Tag != "!!str" || n.Value == "" || !strings.ContainsRune("0123456789+-.", rune(n.Value[0])) {
		n.Style = 0
	}
	for _, child := range n.Content {
		plain(child)
	}
}

// text writes any decoded value of a contract on one line.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(b.String())
}
