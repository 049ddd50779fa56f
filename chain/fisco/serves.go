package fisco

import (
	"fmt"
	"slices"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

// Serves is nil while the node serves the group, as far as its notifications tell
// (protocol §2.4), else a KindWrongChain that says why not. It never waits.
//
// It is sure of two cases only: the newest list of the group's nodes is empty, or
// the client is connected to a node that serves itself (its handshake listed just
// that one, and no microservices), and which the newest list lacks. Behind an RPC
// service of Pro or Max nodes come and go, and any that is left serves the group. A
// node that lost its place in the consensus still serves reads and passes
// transactions on.
func (c *Client) Serves() error {
	c.infoMu.Lock()
	defer c.infoMu.Unlock()
	return c.unserved
}

// unservedBy is why a group is not served according to news; first is what the
// handshake said of it.
func (c *Client) unservedBy(first, news *result.GroupInfo) error {
	var msg string
	switch {
	case news.NodeList == nil: // says nothing
		return nil
	case len(news.NodeList) == 0:
		msg = fmt.Sprintf("no node serves group %s of chain %s any more", c.group, c.chainID)
	case len(first.NodeList) == 1 && !first.NodeList[0].MicroService &&
		!slices.ContainsFunc(news.NodeList, func(n result.GroupNode) bool { return n.Name == first.NodeList[0].Name }):
		msg = fmt.Sprintf("the node is no longer among those that serve group %s of chain %s", c.group, c.chainID)
	default:
		return nil
	}
	return c.at(&chain.Error{Kind: chain.KindWrongChain, Sent: chain.SentNo, Op: "notification", Msg: msg})
}
