package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/bcosgate/bcosgate/devchain"
)

// A message is four bytes of length, one byte of kind, and the kind's RLP.
const (
	kindHello byte = iota + 1
	kindStatus
	kindTransaction
	kindProposal
	kindVote
	kindRoundChange
	kindGetBlocks
	kindBlocks
	kindTopics
	kindAsk
	kindAnswer
	kindTell
)

const (
	// maxMessage has room for one proposal of the largest transaction that a node
	// takes (half of 32 MiB of hex) beside the smaller ones.
	maxMessage = 48 << 20
	// maxHello bounds what an unknown peer may make us read.
	maxHello = 4 << 10
	// blocksBytes is where an answer to getBlocks ends, after at least one block.
	blocksBytes = 8 << 20
)

type (
	// hello is the first message in each direction of a connection.
	hello struct {
		Version uint64
		Genesis common.Hash
		Sealer  uint64 // index of the sender
		Proof   []byte // its signature over the secret of the TLS session
	}
	// status is the sender's newest block. It is also the sign of life.
	status struct {
		Number uint64
		Hash   common.Hash
	}
	transaction struct{ Raw []byte }
	// proposal is devchain.Proposal on the wire.
	proposal struct {
		Number       uint64
		Parent       common.Hash
		Timestamp    uint64
		Sealer       uint64
		Transactions [][]byte
	}
	// proposed is a proposal in a round.
	proposed struct {
		Round    uint64
		Proposal proposal
	}
	vote struct {
		Number    uint64
		Round     uint64
		Hash      common.Hash // of the block
		Signature []byte
	}
	// roundChange promises to take no proposal of a round before Round, and says
	// which one was taken last, if any.
	roundChange struct {
		Number   uint64
		Round    uint64
		Accepted []proposed // none or one
	}
	getBlocks struct{ From uint64 }
	blocks    struct{ Blocks []finished }
	// finished is a block of the chain.
	finished struct {
		Proposal   proposal
		Hash       common.Hash
		Signatures []signature
	}
	signature struct {
		Sealer    uint64
		Signature []byte
	}
	// topics are all that clients of the sender have subscribed, within maxTopics
	// and maxTopicBytes.
	topics struct{ List []string }
	// ask is the payload of an AMOP request for a client of the receiver.
	ask struct {
		ID      uint64 // of the sender; each once in the life of a process
		Payload []byte
	}
	// answer is what became of an ask.
	answer struct {
		ID     uint64
		Status uint16 // 0: Data is the client's; else the text that belongs to the status
		Data   []byte
	}
	// tell is the payload of an AMOP broadcast for all clients of the receiver.
	tell struct{ Payload []byte }
)

// helloVersion changes when nodes of different programs no longer understand each
// other.
const helloVersion = 2

func onWire(p devchain.Proposal) proposal {
	return proposal{p.Number, p.Parent, uint64(p.Timestamp), uint64(p.Sealer), p.Transactions}
}

func (p proposal) value() devchain.Proposal {
	return devchain.Proposal{
		Number: p.Number, Parent: p.Parent, Timestamp: int64(p.Timestamp), Sealer: int(min(p.Sealer, 1<<31-1)), Transactions: p.Transactions,
	}
}

// digest tells proposals apart.
func (p proposal) digest() common.Hash { return crypto.Keccak256Hash(encode(p)) }

func encode(message any) []byte {
	data, err := rlp.EncodeToBytes(message)
	if err != nil {
		panic(fmt.Sprintf("cluster: %T cannot be encoded: %v", message, err)) // only a programming error can
	}
	return data
}

// kindOf is the kind of a message.
func kindOf(message any) byte {
	switch message.(type) {
	case hello:
		return kindHello
	case status:
		return kindStatus
	case transaction:
		return kindTransaction
	case proposed:
		return kindProposal
	case vote:
		return kindVote
	case roundChange:
		return kindRoundChange
	case getBlocks:
		return kindGetBlocks
	case blocks:
		return kindBlocks
	case topics:
		return kindTopics
	case ask:
		return kindAsk
	case answer:
		return kindAnswer
	case tell:
		return kindTell
	}
	panic(fmt.Sprintf("cluster: %T is no message", message)) // only a programming error can
}

// frame is a message as it goes over the wire.
func frame(message any) []byte {
	body := encode(message)
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 5+len(body)), uint32(1+len(body)))
	return append(append(out, kindOf(message)), body...)
}

var errMessage = errors.New("malformed message")

// readMessage reads one message of at most limit bytes.
func readMessage(r io.Reader, limit uint32) (any, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 1 || n > limit {
		return nil, fmt.Errorf("%w: %d bytes", errMessage, n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return decode(data[0], data[1:])
}

func decode(kind byte, body []byte) (any, error) {
	switch kind {
	case kindHello:
		return decodeAs[hello](body)
	case kindStatus:
		return decodeAs[status](body)
	case kindTransaction:
		return decodeAs[transaction](body)
	case kindProposal:
		return decodeAs[proposed](body)
	case kindVote:
		return decodeAs[vote](body)
	case kindRoundChange:
		m, err := decodeAs[roundChange](body)
		if err == nil && len(m.(roundChange).Accepted) > 1 {
			return nil, fmt.Errorf("%w: two proposals in a change of round", errMessage)
		}
		return m, err
	case kindGetBlocks:
		return decodeAs[getBlocks](body)
	case kindBlocks:
		return decodeAs[blocks](body)
	case kindTopics:
		if len(body) > maxTopicsBody { // many short ones would take far more memory
			return nil, fmt.Errorf("%w: a list of topics of %d bytes", errMessage, len(body))
		}
		m, err := decodeAs[topics](body)
		if err == nil && !m.(topics).areFew() {
			return nil, fmt.Errorf("%w: more topics than a node may name", errMessage)
		}
		return m, err
	case kindAsk:
		return decodeAs[ask](body)
	case kindAnswer:
		return decodeAs[answer](body)
	case kindTell:
		return decodeAs[tell](body)
	}
	return nil, fmt.Errorf("%w: kind %d", errMessage, kind)
}

func decodeAs[T any](body []byte) (any, error) {
	var m T
	if err := rlp.DecodeBytes(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return m, nil
}
