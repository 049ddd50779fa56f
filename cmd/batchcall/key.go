package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// keyParts is what makes two runs the same job: where it goes, as whom, what is
// called, and the bytes of the input. How fast it goes is not part of it.
type keyParts struct {
	Target   string   // name of the target
	Contract string   // address of the contract in lower case, or "" when the rows name theirs
	Function string   // as it was asked for
	Signer   string   // address, or the name under which a gateway knows the account
	Input    [32]byte // SHA-256
}

// idempotencyKey derives the key of a run that was not given one, so that
// running the same command twice finds the same job. It is made of letters,
// digits and a dash.
func idempotencyKey(p keyParts) string {
	h := sha256.New()
	for _, part := range []string{"batchcall run 1", p.Target, strings.ToLower(p.Contract), p.Function, strings.ToLower(p.Signer)} {
		// A zero byte cannot stand in any part, so that no two lists run together.
		h.Write([]byte(strings.ReplaceAll(part, "\x00", "")))
		h.Write([]byte{0})
	}
	h.Write(p.Input[:])
	return "run-" + hex.EncodeToString(h.Sum(nil)[:20])
}
