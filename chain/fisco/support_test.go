package fisco

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// The key and a transaction of protocol §14.
const (
	vectorKey = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
	setHello  = "4ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000"
	callWire  = "1a1c2606636861696e30360667726f7570304101f5561431323334353637383930313233343536373839306628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000000b2d0000204c0b6d13fbed4e4dfdba6935b2726b0eb47f59ede421ed8b172ced13691130e43d000041b4d86de0b1fc3c30cb74f372c52c78242a93431aae499149cc53ee7810979d8b61a6cea4ea333e581ce52d899b451c1ff94561d0ad2bdab3a4ac88de4c8d3f0700"
)

func vectorSigner(t testing.TB) *tx.Signer {
	t.Helper()
	key, err := suite.ParseKey([]byte(vectorKey), suite.Standard)
	require.NoError(t, err)
	return tx.NewSigner(key, "chain0", "group0")
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	require.NoError(t, err)
	return b
}

// reasonOf is why a dial failed.
func reasonOf(t testing.TB, err error) DialReason {
	t.Helper()
	why, ok := errors.AsType[*DialError](err)
	require.True(t, ok, "%v", err)
	return why.Reason
}
