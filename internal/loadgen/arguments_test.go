package loadgen

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/contracts"
)

// values are what the arguments of a function f(string) become.
func values(t *testing.T, text string, seed uint64, n uint64) string {
	t.Helper()
	method, err := contracts.MethodFromSignature("f(string) returns (string)")
	require.NoError(t, err)
	a, err := ParseArguments(method, []string{text})
	require.NoError(t, err)
	input, err := a.Encode(seed, n)
	require.NoError(t, err)
	out, err := method.DecodeOutput(input[4:]) // the arguments are encoded as outputs are
	require.NoError(t, err)
	return out[0].Value.(string)
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{seq}":           `^7$`,
		"{hash}":          `^0x[0-9a-f]{64}$`,
		"a {rand:3}{seq}": `^a [0-9a-f]{6}7$`,
		"{rand:0}":        `^$`,
		"{text:5}":        `^[a-z]{5}$`,
		"{uuid}":          `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"{address}":       `^0x[0-9a-f]{40}$`,
		"{int:-2..-2}":    `^-2$`,
		"{int:-9223372036854775808..9223372036854775807}": `^-?[0-9]+$`,
		`{"a":{seq},"b":{}}`:                              `^\{"a":7,"b":\{\}\}$`,
		"{Not} { seq }":                                   `^\{Not\} \{ seq \}$`,
	} {
		require.Regexp(t, regexp.MustCompile(want), values(t, text, 1, 7), text)
	}
}

func TestRandomArgumentsComeOfTheSeed(t *testing.T) {
	t.Parallel()
	const text = "{hash}{uuid}{int:0..1000000000}"
	require.Equal(t, values(t, text, 1, 2), values(t, text, 1, 2))
	require.NotEqual(t, values(t, text, 1, 2), values(t, text, 1, 3))
	require.NotEqual(t, values(t, text, 1, 2), values(t, text, 2, 2))
	seen := map[string]bool{}
	for n := range uint64(300) {
		seen[values(t, "{int:1..3}", 5, n)] = true
	}
	require.Equal(t, map[string]bool{"1": true, "2": true, "3": true}, seen)
}

func TestDefaultArgumentsFit(t *testing.T) {
	t.Parallel()
	method, err := contracts.MethodFromSignature("f(bool,string,address,bytes,bytes4,bytes32,uint8,int8,uint256)")
	require.NoError(t, err)
	a, err := ParseArguments(method, nil)
	require.NoError(t, err)
	for n := range uint64(500) {
		_, err := a.Encode(9, n)
		require.NoError(t, err)
	}
	for _, typ := range []string{"uint256[]", "bytes32[2]", "(uint256,bool)"} {
		method, err := contracts.MethodFromSignature("f(" + typ + ")")
		require.NoError(t, err)
		_, err = ParseArguments(method, nil)
		require.ErrorContains(t, err, "there is no default for argument arg0")
	}
}

func TestArgumentsThatCannotBe(t *testing.T) {
	t.Parallel()
	method, err := contracts.MethodFromSignature("f(uint8)")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"{rnd:3}":      "{rnd:3} is no placeholder",
		"{seq:3}":      "takes nothing behind a colon",
		"{rand}":       "needs a number from 0 to",
		"{rand:-1}":    "needs a number from 0 to",
		"{text:99999}": "needs a number from 0 to",
		"{int:3}":      "needs a range",
		"{int:3..1}":   "needs a range",
		"{hash}":       "f(uint8): ",
	} {
		_, err := ParseArguments(method, []string{text})
		require.ErrorContains(t, err, want, text)
	}
	_, err = ParseArguments(method, []string{"1", "2"})
	require.ErrorContains(t, err, "needs 1 argument, not 2")
}
