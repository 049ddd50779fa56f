package guard

import (
	"context"
	"errors"

	"github.com/bcosgate/bcosgate/chain"
)

// failed gives what a pool or a connection said the form of all errors of a Guard:
// a *chain.Error that names its kind, op and node. It is called where such errors
// come in, so that every policy can judge by kind.
func failed(r *request, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*chain.Error](err); ok {
		if e.Op != "" && e.Node != "" {
			return err
		}
		known := *e
		if known.Op == "" {
			known.Op = r.op
		}
		if known.Node == "" {
			known.Node = r.nodeName()
		}
		return &known
	}
	e := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, Node: r.nodeName(), Err: err}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = chain.KindTimeout
	case errors.Is(err, context.Canceled):
		e.Kind = chain.KindCanceled
	}
	if r.class == Write {
		e.Sent = chain.SentMaybe
	}
	return e
}

// ended is the error of a call whose context ended while nothing was under way.
func ended(ctx context.Context, r *request) error {
	e := &chain.Error{Kind: chain.KindTimeout, Sent: chain.SentNo, Op: r.op, Node: r.nodeName(), Err: ctx.Err()}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Kind = chain.KindCanceled
	}
	return e
}
