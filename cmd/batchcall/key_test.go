package main

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdempotencyKeyStandsForWhatIsDone(t *testing.T) {
	t.Parallel()
	base := keyParts{Target: "main", Contract: "0xAb", Function: "save", Signer: "0xCd", Input: sha256.Sum256([]byte("rows"))}
	key := idempotencyKey(base)
	require.Regexp(t, `^run-[0-9a-f]{40}$`, key)
	require.Equal(t, key, idempotencyKey(base), "the same run has the same key")
	// Stores keep keys for years: what makes one must not change unnoticed.
	require.Equal(t, "run-f3a35455477154c70df2d75ed3f39ce78170bf91", key)

	same := base
	same.Contract, same.Signer = "0xaB", "0xcD"
	require.Equal(t, key, idempotencyKey(same), "addresses have no case")

	for name, change := range map[string]func(*keyParts){
		"target":   func(p *keyParts) { p.Target = "other" },
		"contract": func(p *keyParts) { p.Contract = "0xac" },
		"function": func(p *keyParts) { p.Function = "save(bytes32,string)" },
		"signer":   func(p *keyParts) { p.Signer = "0xce" },
		"input":    func(p *keyParts) { p.Input[31]++ },
		"parts that run together": func(p *keyParts) {
			p.Target, p.Contract = p.Target+p.Contract, ""
		},
	} {
		other := base
		change(&other)
		require.NotEqual(t, key, idempotencyKey(other), name)
	}
}
