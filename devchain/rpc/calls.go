package rpc

import (
	"context"
	"strings"

	"github.com/bcosgate/bcosgate/devchain"
)

func (s *Server) call(ctx context.Context, p params) (any, error) {
	input, wrong := decodeData(p.text(3))
	if wrong != nil {
		return nil, wrong
	}
	args := devchain.CallArgs{To: p.text(2), Input: input}
	if len(p) > 4 {
		sign := strings.TrimPrefix(p.text(4), "0x")
		if sign == "" {
			return nil, &fault{Code: codeInvalidRequest}
		}
		if args.Sign, wrong = decodeData(sign); wrong != nil {
			return nil, wrong
		}
	}
	res, err := s.ledger.Call(ctx, args)
	if err != nil {
		return nil, err
	}
	return struct {
		BlockNumber uint64          `json:"blockNumber"`
		Output      string          `json:"output"`
		Status      devchain.Status `json:"status"`
	}{res.BlockNumber, hex0x(res.Output), res.Status}, nil
}

func (s *Server) sendTransaction(ctx context.Context, p params) (any, error) {
	switch group := p.text(0); group {
	case s.genesis.GroupID:
	case "":
		return nil, &fault{Code: codeNoSendGroup, Message: "The group  does not exist!"}
	default:
		return nil, s.noGroup("sendTransaction", group)
	}
	proof, wrong := p.boolean(3, false)
	if wrong != nil {
		return nil, wrong
	}
	raw, wrong := decodeData(p.text(2))
	if wrong != nil {
		return nil, dumped(wrong)
	}
	res, err := s.ledger.SendTransaction(ctx, raw)
	if err != nil {
		return nil, err
	}
	var out receiptResult
	if res.Dropped {
		out = droppedReceipt(s.genesis.Suite, res.Transaction)
	} else {
		out = receiptOf(s.genesis.Suite, res.Transaction, res.Receipt)
		if proof {
			path, err := s.ledger.ReceiptProof(res.Transaction.Hash)
			if err != nil {
				return nil, err
			}
			out.ReceiptProof, out.TxReceiptProof = &path, &path
		}
		if res.Receipt.Status != devchain.StatusNone {
			out.Hash = "0x" // protocol §6.1
		}
	}
	if !s.cfg.ReturnInputParams {
		out.Input, out.ExtraData = nil, nil
	}
	return out, nil
}
