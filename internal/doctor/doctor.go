// Package doctor examines every node of a configuration and says in plain
// English and Chinese what is wrong: with the files, the port, the protocol, TLS,
// the chain and the node itself.
//
// It changes no file and, unless a probe is asked for, nothing on a chain: it
// connects, asks and compares. It knows no flags and does not decide what a
// program ends with.
package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/configs"
)

// Options say how to examine. The zero value is good.
type Options struct {
	// Timeout is for each node, all nodes being examined at the same time; the
	// comparison of the nodes that follows, and a probe, may take as long again. 0 is 10 s.
	Timeout time.Duration
	// Probe sends each node one transaction that it must refuse, to see whether it
	// checks block limits (see the file probe.go for what it is).
	Probe bool
}

const defaultTimeout = 10 * time.Second

// Verdict is the outcome of an examination.
type Verdict string

// The verdicts, the best first.
const (
	Well     Verdict = "well"     // no problem; there may be warnings
	Problems Verdict = "problems" // something is wrong, but each target has a usable node
	NoNode   Verdict = "no_node"  // some target has no usable node
)

// Report is all that was found, in the order of the configuration: the accounts,
// then each target with its files, its nodes, and what their comparison showed.
type Report struct {
	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// Examine looks at the accounts, the targets and all their nodes. It does not
// wait longer than the options allow, and ends early, with what it has, when ctx
// does. The configuration need not be right: files that are missing or wrong are
// findings.
func Examine(ctx context.Context, cfg configs.Config, options Options) Report {
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	accounts, findings := readAccounts(cfg.Accounts)
	targets := make([]*target, len(cfg.Targets))
	var examining sync.WaitGroup
	for i, c := range cfg.Targets {
		targets[i] = &target{cfg: c, options: options, account: accounts[c.Account]}
		examining.Go(func() { targets[i].examine(ctx) })
	}
	examining.Wait()

	report := Report{Verdict: Well, Findings: findings}
	usable := true
	for _, t := range targets {
		report.Findings = append(report.Findings, t.findings()...)
		usable = usable && len(t.usable()) > 0
	}
	for _, f := range report.Findings {
		if f.Level == Problem {
			report.Verdict = Problems
		}
	}
	if !usable {
		report.Verdict = NoNode
	}
	return report
}
