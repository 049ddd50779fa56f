package fisco

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// judgeSend tells the truth about a sendTransaction from the node's answer
// (protocol §5.2, §5.5). It is the only place that does.
//
//   - an error: what the table says;
//   - status 0 with a receipt hash: executed;
//   - status 0 with hash "0x": a false success, the pool dropped the transaction
//     (KindDropped), and the same bytes may be sent again;
//   - another status: executed and failed, which is a result; its hash is "0x" always;
//   - a pool status in a result: what the table says about it;
//   - a result for another transaction: KindProtocol.
func judgeSend(sent common.Hash, answer []byte) (chain.Receipt, error) {
	result, err := jsonrpc.DecodeResponse[receiptJSON](answer)
	if err != nil {
		return chain.Receipt{}, answerError(opSend, err)
	}
	if result.Status >= 10000 {
		return chain.Receipt{}, nodeError(opSend, &jsonrpc.Error{Code: result.Status, Message: result.Message})
	}
	receipt, err := result.receipt()
	switch {
	case err != nil:
		return chain.Receipt{}, brokenAnswer(opSend, "the receipt cannot be read", err)
	case receipt.TxHash != sent:
		return chain.Receipt{}, brokenAnswer(opSend, fmt.Sprintf("the receipt is of transaction %s, sent was %s", receipt.TxHash, sent), nil)
	case result.Status == 0 && !result.hasHash():
		return chain.Receipt{}, &chain.Error{Kind: chain.KindDropped, Sent: chain.SentMaybe, Op: opSend, Code: 10010,
			Msg: "the node dropped the transaction from its pool: it waited too long, or its block limit passed"}
	case receipt.BlockNumber == 0:
		return chain.Receipt{}, brokenAnswer(opSend, "the receipt names block 0", nil)
	}
	if result.Status == 0 {
		if _, err := parseHash(result.Hash); err != nil {
			return chain.Receipt{}, brokenAnswer(opSend, "the receipt hash cannot be read", err)
		}
	}
	return receipt, nil
}
