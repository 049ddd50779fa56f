package rpc

import (
	"testing"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

func BenchmarkParseFrame(b *testing.B) {
	message := unhex(b, exampleRequest)
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if _, err := parseFrame(message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRequest(b *testing.B) {
	f, err := parseFrame(unhex(b, exampleRequest))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(f.Payload)))
	for b.Loop() {
		if _, wrong := parseRequest(f.Payload); wrong != nil {
			b.Fatal(wrong)
		}
	}
}

func BenchmarkReceiptAnswer(b *testing.B) {
	tx := &devchain.Transaction{ChainID: "chain0", GroupID: "group0", Input: make([]byte, 196), ImportTime: time.Now().UnixMilli()}
	receipt := &devchain.Receipt{Logs: []devchain.Log{emitted(1, "01", "02")}}
	for b.Loop() {
		b.SetBytes(int64(len(answer{ID: 1, JSONRPC: "2.0", Result: receiptOf(suite.Standard, tx, receipt)}.bytes())))
	}
}

// One session, a thousand transactions in flight, blocks as soon as the last one
// is on disk: the way of a transaction through frame, JSON, ledger and back.
func BenchmarkSendOverWebSocket(b *testing.B) {
	w := newWorld(b, 1, -1)
	contract := w.deploy()
	p := w.endpoint(nil).dial()
	messages := make([][]byte, b.N)
	for i := range messages {
		text := rpcText("sendTransaction", "group0", "", w.signed(&contract, unhex(b, word(i)), ""), false)
		messages[i] = frame{Type: typeRPC, Seq: []byte("x"), Payload: []byte(text)}.bytes()
	}
	b.ResetTimer()
	sent := 0
	for answered := range b.N {
		for ; sent < b.N && sent < answered+1000; sent++ {
			p.sendBytes(messages[sent])
		}
		p.next(typeReply)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}
