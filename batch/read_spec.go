package batch

import (
	"context"
	"fmt"

	"github.com/bcosgate/bcosgate/chain"
)

// readFault says what of a spec belongs to reads only, or is not for them.
func readFault(spec Spec) error {
	switch {
	case spec.Kind.Reads() && spec.Deploy:
		return &SpecError{"deploy", "calls change nothing: they cannot deploy, nor simulate it"}
	case spec.Kind.Reads() && spec.Signed != nil:
		return &SpecError{"signed", "a job of calls sends nothing: it takes no signed transactions"}
	case spec.Kind.Reads() && spec.Event != "":
		return &SpecError{"event", "calls emit no events"}
	case !spec.Kind.Reads() && spec.Block != nil:
		return &SpecError{"block", "is for jobs of kind \"call\" and \"plan\" only: a transaction cannot choose its block"}
	case !spec.Kind.Reads() && spec.SameBlock:
		return &SpecError{"sameBlock", "is for jobs of kind \"call\" and \"plan\" only: a transaction cannot choose its block"}
	case spec.Block != nil && spec.SameBlock:
		return &SpecError{"sameBlock", "does not go with block, which says already that all rows are read at one"}
	}
	return nil
}

// checkBlock refuses a block that no row could be read at. It gives KindUnsupported
// where nodes of the family read at their newest block only, and have passed it.
func checkBlock(ctx context.Context, spec Spec, t *target) error {
	if spec.Block == nil {
		return nil
	}
	head, err := t.Chain.Head(ctx)
	if err != nil {
		return fmt.Errorf("ask target %s for its newest block: %w", spec.Target, err)
	}
	switch n := *spec.Block; {
	case n > head.Number:
		return &SpecError{"block", fmt.Sprintf("%d is not there yet: the newest block of target %q is %d", n, spec.Target, head.Number)}
	case n < head.Number && !t.Info.Family.ReadsPast():
		return &chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: "call", Msg: fmt.Sprintf(
			"block %d cannot be read any more: nodes of a chain of family %s read at their newest block only, which is %d", n, t.Info.Family, head.Number)}
	}
	return nil
}
