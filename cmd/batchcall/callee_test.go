package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/contracts"
)

func TestASignatureWithoutABIKeepsItsNames(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"save(bytes32,string)":                          "save(bytes32,string)",
		" save ( bytes32  digest , string\ttext ) ":     "save(bytes32 digest,string text)",
		"pay( (uint256 a, address b) [] items, bool x)": "pay((uint256 a,address b)[] items,bool x)",
		"f((uint256 a) p)":                              "f((uint256 a)p)",
		"sum(int256[]) view returns (int256 total)":     "sum(int256[])view returns(int256 total)",
	} {
		got, err := calleeOptions{function: given}.signature(nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
		before, err := contracts.MethodFromSignature(given)
		require.NoError(t, err)
		after, err := contracts.MethodFromSignature(got)
		require.NoError(t, err, "it is still a signature")
		require.Equal(t, before, after)
	}
}
