package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// shownFaults is how many faults of an input are listed: a screen of them.
const shownFaults = 20

// faultsOf finds the faults of rows in an error of an engine or a gateway.
func faultsOf(err error) (faults []batch.RowFault, count int64, ok bool) {
	if e, ok := errors.AsType[*batch.InvalidRowsError](err); ok {
		return e.Faults, e.Count, true
	}
	if e, ok := errors.AsType[*client.Problem](err); ok && len(e.Faults) > 0 {
		return e.Faults, e.FaultCount, true
	}
	if e, ok := errors.AsType[*rows.Fault](err); ok {
		return []batch.RowFault{{Row: e.Row, Line: e.Line, Column: e.Column, Reason: e.Reason}}, 1, true
	}
	return nil, 0, false
}

// refused lists what is wrong with the rows of an input.
func (a *app) refused(faults []batch.RowFault, count int64) error {
	count = max(count, int64(len(faults)))
	var b strings.Builder
	fmt.Fprintf(&b, "the rows were refused and nothing was sent; %s:", counted64(count, "fault"))
	for i, f := range faults {
		if i == shownFaults {
			break
		}
		b.WriteString("\n  " + oneLine(f.String()))
	}
	if more := count - int64(min(len(faults), shownFaults)); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return exitWith(exitUsage, "%s", b.String())
}

func counted64(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isConflict(err error) bool { return errors.Is(err, batch.ErrConflict) || client.IsConflict(err) }

// advise adds to an error what to do about it, where the error does not say so.
func advise(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, batch.ErrStoreInUse):
		return text + "\nanother batchcall or a gateway works with this store: wait for it, let the gateway do it (--gateway URL), or take another file (--store)"
	case errors.Is(err, batch.ErrNotFound), client.IsNotFound(err):
		return text + "\nbatchcall get lists the jobs"
	case chain.Is(err, chain.KindUnavailable):
		if e, ok := errors.AsType[*chain.Error](err); ok {
			return e.Msg + "\nis the chain running, and are address, port and certificates right?"
		}
	}
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusUnauthorized {
		return text + "\ngive a token with $" + tokenVariable + " or --token, or a certificate with --cert and --key, whichever this gateway wants"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return text + "\nname the PEM file of the authority that signed the gateway's certificate with --ca"
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return text + "\nis the gateway running, and is the address right?"
	}
	return text
}
