package doctor

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// poolLarge is how many waiting transactions are worth a warning: half of what a
// node takes by default (protocol §5.3).
const poolLarge = 7500

// node is one node of a target while it is examined.
type node struct {
	target   *target
	address  string
	conf     *tls.Config // nil is plain
	seen     peer
	findings []Finding

	client *fisco.Client // nil when it cannot be used
	mute   bool          // it stopped answering

	id     string      // 128 hex digits
	sync   syncState   // what it told of itself
	header *blockState // its newest block, nil when it could not be read
	head   uint64      // its head when the nodes were compared
	behind bool        // it was found to be behind
	hash   common.Hash // of the block that it was compared by
}

// syncState is what a node says about how far it is; known is false when it
// could not be asked.
type syncState struct {
	known         bool
	head, highest uint64 // highest is that of the peers
	genesis       string // 64 hex digits
}

// blockState is what a block tells of clocks.
type blockState struct {
	number uint64
	made   time.Time // as its sealer says
	read   time.Time // on our clock
	sealer string    // id of the node that made it; empty when it is not said
}

func (n *node) add(code Code, details Details) { n.put(find(code, details)) }

func (n *node) put(f Finding) {
	f.Node = n.address
	n.findings = append(n.findings, f)
}

// examine connects and asks everything that concerns this node alone. The client
// stays open for the comparison.
func (n *node) examine(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.target.options.Timeout)
	defer cancel()
	conf, blind := n.target.tls, false
	if conf == nil && !n.target.cfg.TLS.Disabled {
		// The files are not in order. What the port is can still be found out; nothing
		// is believed of the node, so its certificate is not checked.
		conf, blind = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true}, true
	}
	n.conf = watched(conf, &n.seen)
	client, err := fisco.Dial(ctx, fisco.DialConfig{
		Address: n.address, TLS: n.conf, ChainID: n.target.cfg.Chain, Group: n.target.cfg.Group,
		Timeout:     n.target.options.Timeout / 2, // leaves time to find out what else it is
		ReadTimeout: n.target.options.Timeout,
	})
	if err != nil {
		n.dialFailed(ctx, err)
		return
	}
	n.add(PortOpen, nil)
	if blind {
		_ = client.Close()
		n.add(NotExamined, nil)
		return
	}
	n.tlsSeen()
	n.add(ProtocolOK, nil)
	n.client = client
	n.add(GroupOK, Details{"chain": n.target.cfg.Chain, "group": n.target.cfg.Group})
	n.look(ctx)
}

// look asks the node about itself.
func (n *node) look(ctx context.Context) {
	n.lookAtGroup()
	n.lookAtSync(ctx)
	n.lookAtConsensus(ctx)
	n.lookAtPool(ctx)
	n.header = n.readHeader(ctx, n.sync.head)
}

// ask reports a request that fails, and asks no more of a node that does not answer.
func ask[T any](n *node, method string, do func() (T, error)) (T, bool) {
	var none T
	if n.mute {
		return none, false
	}
	answer, err := do()
	if err == nil {
		return answer, true
	}
	details := Details{"method": method, "error": err.Error()}
	if chain.Is(err, chain.KindTimeout, chain.KindUnavailable, chain.KindCanceled) {
		n.mute = true
		n.add(NodeSilent, details)
	} else {
		n.add(RequestFailed, details)
	}
	return none, false
}

// lookAtGroup reads what the handshake told of the node.
func (n *node) lookAtGroup() {
	group := n.client.Group()
	if len(group.NodeList) == 0 {
		return
	}
	self := group.NodeList[0] // a node of the Air edition lists itself only
	ini, err := self.Ini()
	if err != nil {
		n.add(RequestFailed, Details{"method": "getGroupInfo", "error": err.Error()})
		return
	}
	code := NodeStandard
	if n.client.Suite() == suite.GM {
		code = NodeGM
	}
	n.add(code, Details{"version": ini.BinaryInfo.Version, "data": dataVersion(self.Protocol.CompatibilityVersion)})
}

// dataVersion writes 0xMMmmpp00 as M.m.p.
func dataVersion(v uint32) string {
	return strconv.Itoa(int(v>>24)) + "." + strconv.Itoa(int(v>>16&0xff)) + "." + strconv.Itoa(int(v>>8&0xff))
}

func (n *node) lookAtSync(ctx context.Context) {
	status, ok := ask(n, "getSyncStatus", func() (result.SyncStatus, error) { return n.client.GetSyncStatus(ctx) })
	if !ok {
		return
	}
	n.id = status.NodeID
	n.sync = syncState{known: true, head: uint64(max(status.BlockNumber, 0)), highest: uint64(max(status.KnownHighestNumber, 0)), genesis: status.GenesisHash}
}

// lookAtConsensus finds out what the node is in the group, and whether enough
// nodes are connected to make blocks.
func (n *node) lookAtConsensus(ctx context.Context) {
	status, ok := ask(n, "getConsensusStatus", func() (result.ConsensusStatus, error) { return n.client.GetConsensusStatus(ctx) })
	if !ok {
		return
	}
	if n.id == "" {
		n.id = status.NodeID
	}
	if !status.IsConsensusNode {
		n.lookForObserver(ctx)
		return
	}
	details := Details{
		"connected": strconv.FormatUint(status.ConnectedNodeList, 10), "sealers": strconv.FormatUint(status.ConsensusNodesNum, 10),
		"quorum": strconv.FormatUint(status.MinRequiredQuorum, 10),
	}
	switch {
	case reachable(status) < status.MinRequiredQuorum:
		n.add(NoQuorum, details)
	case status.ConnectedNodeList < status.ConsensusNodesNum:
		n.add(PeersMissing, details)
	default:
		n.add(SealerOK, details)
	}
}

// reachable is the most weight that the connected sealers can have together: the
// node tells how many they are, itself among them, and not which.
func reachable(status result.ConsensusStatus) uint64 {
	weights := make([]uint64, 0, len(status.ConsensusNodeList))
	for _, sealer := range status.ConsensusNodeList {
		weights = append(weights, uint64(max(sealer.Weight, 0)))
	}
	slices.Sort(weights)
	slices.Reverse(weights)
	sum := uint64(0)
	for _, w := range weights[:min(uint64(len(weights)), status.ConnectedNodeList)] {
		sum += w
	}
	return sum
}

// lookForObserver is for a node that makes no blocks.
func (n *node) lookForObserver(ctx context.Context) {
	observers, ok := ask(n, "getObserverList", func() ([]string, error) { return n.client.GetObserverList(ctx) })
	switch {
	case !ok:
	case slices.Contains(observers, n.id):
		n.add(ObserverOK, nil)
	default:
		n.add(NotMember, nil)
	}
}

func (n *node) lookAtPool(ctx context.Context) {
	size, ok := ask(n, "getPendingTxSize", func() (int64, error) { return n.client.GetPendingTxSize(ctx) })
	if !ok {
		return
	}
	code := PoolOK
	if size > poolLarge {
		code = PoolLarge
	}
	n.add(code, Details{"pending": strconv.FormatInt(size, 10)})
}

// shortened is the beginning of a node id, by which people know it.
func shortened(id string) string { return id[:min(len(id), 16)] + "…" }

// readHeader reads what a block tells of clocks. Block 0 has no time.
func (n *node) readHeader(ctx context.Context, number uint64) *blockState {
	if number == 0 {
		return nil
	}
	block, ok := ask(n, "getBlockByNumber", func() (result.Block, error) { return n.client.GetBlockByNumber(ctx, number, fisco.BlockHeader) })
	if !ok {
		return nil
	}
	state := &blockState{number: number, made: time.UnixMilli(block.Timestamp), read: time.Now()}
	if i := block.Sealer; i >= 0 && i < int64(len(block.SealerList)) {
		state.sealer = shortened(hex.EncodeToString(block.SealerList[i]))
	}
	return state
}
