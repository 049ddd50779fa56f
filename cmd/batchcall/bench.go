package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bcosgate/bcosgate/internal/loadgen"
)

// benchOptions are the flags of batchcall bench.
type benchOptions struct {
	work     workOptions
	load     loadOptions
	slo      string
	report   string
	html     string
	yes      bool
	dryRun   bool
	inFlight int
	maxDelay time.Duration
	timeout  time.Duration
	presign  int
	seed     uint64
}

func (a *app) benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench [--rate N | --ramp A..B | --step A..B+S] [--duration D]",
		Short: "Put load on a chain and measure what comes of it",
		Long: `Send transactions (or, with --call, reads) at intended times, and tell how long
they took and what failed. The transactions are real: they are written to the chain.
A summary is shown before anything is sent, and a terminal is asked; scripts say --yes.

Load. --rate is steady; --ramp 100..500 goes evenly from one rate to another;
--step 100..2000+100 raises the rate by 100 with each step, until one does not hold,
and tells the last that did (the knee). A step holds when at least 90 % of the
intended rate succeed and the latencies and errors of --slo are kept; give it time
for some tens of blocks. Latency counts from the intended start, so that a stall is
seen by every request that it kept waiting. A request that cannot start within
--max-delay is dropped, and counted as an error.

What is called. Without --contract and --to a new Evidence contract is deployed and
its save(bytes32,string) called. --fn can be given more than once with weights, such
as --fn 'save(bytes32,string)=70' --fn 'get(bytes32)=30'; or --mix names a YAML file:

  - fn: save(bytes32,string)
    weight: 70
    args: ["{hash}", "note {seq}"]

Arguments are texts with placeholders: {seq} (number of the request), {hash} (0x and
32 random bytes), {rand:N} (N random bytes in hex), {int:A..B}, {text:N} (letters),
{uuid}, {address}. Without any, they are made for simple types. The same --seed gives
the same arguments.

Transactions are signed before the clock starts, and then --presign ahead of their
use, with a block limit of 500 blocks; what waited for half of them is signed anew.
With --gateway the gateway signs and sends, each transaction as a job of its own.

Objectives (--slo): p50 and other percentiles, mean and max of the whole latency,
errors and dropped (a share), rate (that succeeded a second). With --step they are
judged at the knee.

Progress is a line on a terminal, else an object a second (NDJSON) on stderr. The
first interrupt ends the sending and waits for what is in flight; the report is whole.

It ends with 2 when an objective of --slo was violated, or nothing succeeded. Errors
alone are a result and end with 0. A run that was interrupted cannot be resumed.

` + exitHelp,
		Example: `  batchcall bench --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk --rate 500 --duration 1m
  batchcall bench --config gateway.yaml --contract Evidence --fn 'save(bytes32,string)' --args '["{hash}","n {seq}"]' \
      --rate 200 --slo 'p99<200ms,errors<0.1%,rate>190' --report run.json --html run.html --yes
  batchcall bench --step 100..3000+100 --duration 20s --slo 'p99<1s' --yes
  batchcall bench --call --contract Evidence --fn 'get(bytes32)' --rate 1000 --gateway http://127.0.0.1:8080
  batchcall bench compare before.json after.json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.work.addTo(f)
	o.load.addTo(f)
	f.StringVar(&o.slo, "slo", "", "`objectives`, such as 'p99<200ms,errors<0.1%,rate>450'")
	f.StringVar(&o.report, "report", "", "write all that was measured to this JSON `file`")
	f.StringVar(&o.html, "html", "", "write a page with charts to this `file`")
	f.Uint64Var(&o.seed, "seed", 0, "`number` that arguments, mix and random arrivals come of (default: a random one, which is told)")
	f.IntVar(&o.inFlight, "in-flight", loadgen.DefaultInFlight, "most requests without an outcome")
	f.DurationVar(&o.maxDelay, "max-delay", loadgen.DefaultMaxDelay, "a request that cannot start so long after its intended start is dropped")
	f.DurationVar(&o.timeout, "timeout", loadgen.DefaultTimeout, "longest `time` of one request")
	f.IntVar(&o.presign, "presign", loadgen.DefaultAhead, "transactions that are signed ahead of their use")
	f.BoolVarP(&o.yes, "yes", "y", false, "write to the chain without being asked")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be sent, and send nothing")
	cmd.AddCommand(a.benchCompareCommand())
	return cmd
}

// config is what the flags say of the run; the functions are not known yet.
func (o benchOptions) config() (loadgen.Config, error) {
	cfg := loadgen.Config{Seed: o.seed, InFlight: o.inFlight, MaxDelay: o.maxDelay, Timeout: o.timeout, Ahead: o.presign}
	for name, value := range map[string]int64{"in-flight": int64(o.inFlight), "max-delay": int64(o.maxDelay), "timeout": int64(o.timeout), "presign": int64(o.presign)} {
		if value <= 0 {
			return cfg, usage("--%s: it must be above 0", name)
		}
	}
	var err error
	if cfg.Profile, err = o.load.profile(); err != nil {
		return cfg, err
	}
	if cfg.Goals, err = loadgen.ParseObjectives(o.slo); err != nil {
		return cfg, usage("--slo %s", err)
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64() >> 11 // 53 bits, which every reader of JSON keeps
	}
	return cfg, nil
}

// benchRun is what is known before anything is sent.
type benchRun struct {
	cfg   loadgen.Config
	calls []benchCall
	o     workOptions
}

func (a *app) bench(ctx context.Context, o benchOptions) (err error) {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	plan := benchRun{cfg: cfg, o: o.work}
	if plan.calls, err = o.work.calls(); err != nil {
		return err
	}
	for _, c := range plan.calls {
		plan.cfg.Functions = append(plan.cfg.Functions, loadgen.Function{Name: c.name, Weight: c.weight})
	}
	files, err := openBenchFiles(o.report, o.html)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.discard()) }()
	s, err := a.openBenchSubject(ctx, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := a.confirmBench(plan, s, o); err != nil || o.dryRun {
		return err
	}
	workload, err := s.workload(ctx, plan)
	if err != nil {
		return err
	}
	show := a.newBenchProgress(plan.cfg.Profile)
	result, err := loadgen.Run(ctx, plan.cfg, workload, show.second)
	show.end()
	if err != nil {
		return err
	}
	report := loadgen.NewReport(*result, s.subject(plan))
	// The files first: who reads stdout may have gone.
	if err := files.write(a, report); err != nil {
		return err
	}
	if err := a.printBench(report); err != nil {
		return err
	}
	return benchCode(report)
}

// confirmBench says what is about to be written, and wants it confirmed.
func (a *app) confirmBench(plan benchRun, s benchSubject, o benchOptions) error {
	lines := s.about(plan)
	what, most := "transactions are WRITTEN to the chain", "up to"
	if plan.o.reads {
		what = "reads"
	}
	if plan.cfg.Profile.Poisson {
		most = "about"
	}
	lines = append(lines, fmt.Sprintf("%s %d %s: %s", most, plan.cfg.Profile.Most(), what, plan.cfg.Profile))
	for _, c := range plan.calls {
		args, err := json.Marshal(c.arguments.Texts())
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%s, weight %g, arguments %s", c.name, c.weight, args))
	}
	lines = append(lines, fmt.Sprintf("seed %d", plan.cfg.Seed))
	asked := !o.yes && !o.dryRun && plan.o.writes()
	if asked && a.opt.quiet { // what is asked must be seen
		fmt.Fprintln(a.err, strings.Join(lines, "\n"))
	}
	a.note("%s", strings.Join(lines, "\n"))
	if !asked {
		return nil
	}
	in, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage("nothing was sent: say --yes to write to this chain, or --dry-run to only look")
	}
	fmt.Fprint(a.err, "Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") && !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		return exitWith(exitUsage, "nothing was sent")
	}
	return nil
}

// benchCode is the exit code of a run.
func benchCode(r loadgen.Report) error {
	var broken []string
	for _, v := range r.Verdicts {
		if !v.Kept {
			broken = append(broken, v.String())
		}
	}
	switch {
	case r.Interrupted:
		return exitWith(exitInterrupted, "interrupted; the report is of the %s until then", r.Elapsed.Round(time.Millisecond))
	case len(broken) > 0:
		return exitWith(exitFailed, "objectives were violated: %s", strings.Join(broken, "; "))
	case r.Total.Good == 0:
		return exitWith(exitFailed, "nothing succeeded: %s", failureLine(r.Total.Counts))
	}
	return nil
}
