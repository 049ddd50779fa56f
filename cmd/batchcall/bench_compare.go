package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/internal/loadgen"
)

func (a *app) benchCompareCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compare OLD.json NEW.json",
		Short: "Compare the reports of two runs",
		Long: `Compare two reports that batchcall bench --report wrote: rate, latency and errors as
ratios, and whether the difference is more than noise.

Old and new are of the whole runs. The bounds (95 %, by resampling blocks of seconds)
and p (Mann-Whitney) come from the seconds of each run. Seconds of one run are alike
more than samples should be, and two runs differ by more than their seconds do: a
difference is called one only below p 0.01, and only several runs of each prove it.`,
		Example: `  batchcall bench compare before.json after.json
  batchcall bench compare before.json after.json -o json`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, args []string) error { return a.benchCompare(args[0], args[1]) },
	}
}

func (a *app) benchCompare(oldFile, newFile string) error {
	before, err := readBench(oldFile)
	if err != nil {
		return err
	}
	after, err := readBench(newFile)
	if err != nil {
		return err
	}
	c := loadgen.Compare(before, after)
	for _, warning := range c.Warnings {
		a.note("not the same in both runs: %s", oneLine(warning))
	}
	return a.print(comparisonView(c))
}

func readBench(file string) (loadgen.Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return loadgen.Report{}, usage("%s", err)
	}
	defer f.Close()
	r, err := loadgen.ReadReport(f)
	if err != nil {
		return r, usage("%s: %s", file, err)
	}
	return r, nil
}

func comparisonView(c loadgen.Comparison) view {
	v := view{value: c, header: []string{"metric", "unit", "old", "new", "ratio", "bounds", "p", "seconds", "verdict"}}
	for _, m := range c.Metrics {
		ratio, bounds, p := "", "", ""
		if m.Ratio != 0 {
			ratio = fmt.Sprintf("%.3f", m.Ratio)
		}
		if m.High != 0 {
			bounds = fmt.Sprintf("%.3f to %.3f", m.Low, m.High)
		}
		if m.Verdict != loadgen.TooFew {
			p = fmt.Sprintf("%.2g", m.P)
		}
		v.rows = append(v.rows, []string{m.Name, m.Unit, fmt.Sprintf("%.4g", m.Old), fmt.Sprintf("%.4g", m.New), ratio, bounds, p,
			fmt.Sprintf("%d and %d", m.Samples[0], m.Samples[1]), string(m.Verdict)})
	}
	return v
}
