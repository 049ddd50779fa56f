package guard

import (
	"errors"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// verdict is what the end of an attempt tells about its node. A node is not
// blamed for what its caller did: wrong arguments, giving up, less time than the
// class has, or more work than it can take.
func verdict(r *request, err error) pool.Result {
	switch chain.KindOf(err) {
	case chain.KindUnavailable:
		if errors.Is(err, errBehind) {
			return pool.Unknown
		}
		return pool.Failed
	case chain.KindProtocol, chain.KindNode:
		return pool.Failed
	case chain.KindTimeout:
		if r.patient {
			return pool.Failed
		}
		return pool.Unknown
	case chain.KindCanceled, chain.KindOverloaded:
		return pool.Unknown
	case "":
		if err != nil {
			return pool.Unknown
		}
	}
	return pool.Answered
}

// elsewhere reports whether the same may be asked again, which is for another
// node to answer: reads after anything that is the node's, writes when nothing
// was sent because the node was not reached. What the guard itself keeps back is
// not asked again.
func elsewhere(r *request, err error) bool {
	if errors.Is(err, errLimit) {
		return false
	}
	if r.class == Write {
		return chain.Unsent(err) && chain.Is(err, chain.KindUnavailable)
	}
	return chain.Is(err, chain.KindUnavailable, chain.KindTimeout, chain.KindOverloaded, chain.KindProtocol, chain.KindNode)
}
