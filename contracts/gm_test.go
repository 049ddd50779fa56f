package contracts

import (
	"encoding/hex"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

func encodeHex(t *testing.T, m *Method, values ...any) string {
	t.Helper()
	input, err := m.Encode(values)
	require.NoError(t, err)
	return hex.EncodeToString(input)
}

func TestForGMChangesTheSelectorOnly(t *testing.T) {
	t.Parallel()
	// Protocol §14.1 and §14.5.
	hello := words("20", "5", "68656c6c6f.")
	set := method(t, "set(string text) view returns (uint256)")
	require.Equal(t, "3590b49f"+hello, encodeHex(t, set.ForGM(), "hello"))
	require.Equal(t, "3590b49f"+hello, encodeHex(t, set.ForGM().ForGM(), "hello"))
	require.Equal(t, "4ed3885e"+hello, encodeHex(t, set, "hello"), "the original stays as it was")
	require.Equal(t, "299f7f9d", encodeHex(t, method(t, "get()").ForGM()))

	gm := set.ForGM()
	require.Equal(t, []any{set.Name(), set.Signature(), set.Inputs(), set.ReadOnly()}, []any{gm.Name(), gm.Signature(), gm.Inputs(), gm.ReadOnly()})
	values, err := gm.DecodeOutput(unhex(t, words("7")))
	require.NoError(t, err)
	require.Equal(t, []Value{{Type: "uint256", Value: "7"}}, values)
}

func TestABIForGM(t *testing.T) {
	t.Parallel()
	a := parse(t, `[
		{"type":"constructor","inputs":[{"name":"n","type":"uint8"}]},
		{"type":"function","name":"get","inputs":[]},
		{"type":"function","name":"set","inputs":[{"name":"text","type":"string"}]},
		{"type":"event","name":"Set","inputs":[{"name":"n","type":"uint8"}]}]`)
	gm := a.ForGM()
	require.Equal(t, a.JSON(), gm.JSON())
	require.Equal(t, words("7"), encodeHex(t, gm.Constructor(), "7"), "a constructor has no selector")
	get, err := gm.Method("get")
	require.NoError(t, err)
	require.Equal(t, "299f7f9d", encodeHex(t, get))
	get, err = a.Method("get")
	require.NoError(t, err)
	require.Equal(t, "6d4ce63c", encodeHex(t, get), "the original stays as it was")

	for _, a := range []*ABI{a, gm} {
		event, err := a.DecodeLog(chain.Log{Topics: []common.Hash{sm3.Sum([]byte("Set(uint8)"))}, Data: unhex(t, words("7"))})
		require.NoError(t, err, "the topic of a GM chain")
		require.Equal(t, []Value{{Name: "n", Type: "uint8", Value: "7"}}, event.Args)
		_, err = a.DecodeLog(chain.Log{Topics: []common.Hash{sm3.Sum([]byte("Set(uint16)"))}, Data: unhex(t, words("7"))})
		require.ErrorIs(t, err, ErrUnknownEvent)
	}
}
