package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/bcosgate/bcosgate/internal/buildinfo"
)

// ReportFormat names the form of a Report; another form has another name.
const ReportFormat = "bcosgate bench 1"

// Report is a Result with what one has to know to judge it and to run it again.
type Report struct {
	Format  string         `json:"format"`
	Program buildinfo.Info `json:"program"`
	Machine Machine        `json:"machine"`
	Subject Subject        `json:"subject"`
	Result
}

// Machine is where the load came from.
type Machine struct {
	CPUs  int `json:"cpus"`
	Procs int `json:"procs"` // that Go used
}

// Subject is what the load was put on.
type Subject struct {
	Via      string              `json:"via"` // "direct" or "gateway"
	Target   string              `json:"target"`
	ChainID  string              `json:"chainId,omitempty"`
	Group    string              `json:"group,omitempty"`
	Account  string              `json:"account,omitempty"` // that signed
	Contract string              `json:"contract"`          // address
	Reads    bool                `json:"reads"`             // calls, not transactions
	Args     map[string][]string `json:"args"`              // the texts that arguments were made of, by function
}

// NewReport makes the report of a run on this machine.
func NewReport(r Result, s Subject) Report {
	return Report{
		Format: ReportFormat, Program: buildinfo.Read(), Machine: Machine{CPUs: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0)},
		Subject: s, Result: r,
	}
}

// Write writes the report as JSON.
func (r Report) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// maxReport is the size of a report of a week: 100 bytes a second, and histograms.
const maxReport = 256 << 20

// ReadReport reads what Write wrote.
func ReadReport(from io.Reader) (Report, error) {
	var r Report
	if err := json.NewDecoder(io.LimitReader(from, maxReport)).Decode(&r); err != nil {
		return Report{}, fmt.Errorf("not a report of batchcall bench: %w", err)
	}
	if r.Format != ReportFormat {
		return Report{}, fmt.Errorf("not a report of batchcall bench, or of another version: its format is %q, not %q", r.Format, ReportFormat)
	}
	return r, r.check()
}

// check finds parts that are missing.
func (r Report) check() error {
	measures := []Measure{r.Total}
	for _, f := range r.Functions {
		measures = append(measures, f.Measure)
	}
	for _, s := range r.Steps {
		measures = append(measures, s.Measure)
	}
	for _, m := range measures {
		if m.Latency.Delay == nil || m.Latency.Answer == nil || m.Latency.Whole == nil {
			return errors.New("a report of batchcall bench without its histograms")
		}
	}
	if len(r.Steps) == 0 || r.Knee != nil && (*r.Knee < 0 || *r.Knee >= len(r.Steps)) {
		return errors.New("a report of batchcall bench without its steps")
	}
	return nil
}
