package rpc

import (
	"testing"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
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
		b.SetBytes(int64(len(answer{ID: 1, JSONRPC: "2.0", Result: receiptOf(tx, receipt)}.bytes())))
	}
}
