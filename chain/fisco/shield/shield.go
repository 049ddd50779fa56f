// Package shield refuses requests that are known to end or stall a node, before
// a byte of them leaves this process. What is known was recorded from a real
// node of version 3.16.4 (protocol §5.7): a signature, an address or a frame of
// the wrong form ends the process or stops block production for everybody on the
// chain, and whoever sent it is not even told. What nobody has tried is refused
// as well where the protocol has no use for it: unknown methods, parameters of
// another type, members that no filter has.
//
// It looks at requests only. It never talks to a node, and says nothing about
// whether a harmless request will succeed.
//
// It cannot see what contracts do. A contract may itself call the system
// configuration (0x1000) with a value that ends the chain, and so may the
// constructor of one that is being deployed. And a node runs whatever fits the
// chain's gas limit: an endless loop with 3·10⁹ gas takes 9.5 s as a transaction
// and 9.4 s as a call (rpc/limits.txt), and 15.9 MiB of input take 3 s. No check
// of a request can foresee that; lower tx_gas_limit where it matters.
package shield

import (
	"fmt"

	"github.com/bcosgate/bcosgate/chain"
)

// Refusal is why a request does not reach a node. It is the cause of a
// *chain.Error of KindInvalid, KindUnsupported for PoisonMethod, that was not
// sent.
type Refusal struct {
	Poison Poison
	Reason string // what is wrong with the request, for people
}

// Error gives reason and effect.
func (r *Refusal) Error() string {
	if effect := r.Poison.Effect(); effect != "" {
		return r.Reason + " (a node of 3.16: " + effect + ")"
	}
	return r.Reason
}

func refuse(p Poison, format string, args ...any) *Refusal {
	return &Refusal{Poison: p, Reason: fmt.Sprintf(format, args...)}
}

// border is the error of a refusal, nil for none.
func border(op string, r *Refusal) error {
	if r == nil {
		return nil
	}
	kind := chain.KindInvalid
	if r.Poison == PoisonMethod {
		kind = chain.KindUnsupported
	}
	return &chain.Error{Kind: kind, Sent: chain.SentNo, Op: op, Msg: "not sent to the node", Err: r}
}

// quoted shortens foreign text for an error.
func quoted(s string) string {
	const enough = 80
	if len(s) > enough {
		return fmt.Sprintf("%q… (%d bytes)", s[:enough], len(s))
	}
	return fmt.Sprintf("%q", s)
}
