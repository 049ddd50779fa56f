package contracts

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

func TestMethodFromSignatureReadsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sig, canonical string
		inputs         []Argument
		outputs        string
		readOnly       bool
	}{
		{"save(bytes32,string)", "save(bytes32,string)", []Argument{{"arg0", "bytes32"}, {"arg1", "string"}}, "()", false},
		{"save(bytes32 digest, string memo)", "save(bytes32,string)", []Argument{{"digest", "bytes32"}, {"memo", "string"}}, "()", false},
		{" function save ( bytes32 digest , string calldata memo ) external ", "save(bytes32,string)", []Argument{{"digest", "bytes32"}, {"memo", "string"}}, "()", false},
		{"count()", "count()", []Argument{}, "()", false},
		{"count()(uint256)", "count()", []Argument{}, "(uint256)", false},
		{"get(bytes32) external view returns (address owner, uint blockNumber, string memory text)", "get(bytes32)", []Argument{{"arg0", "bytes32"}}, "(address,uint256,string)", true},
		{"f(uint,int[],uint[2][] memory x)", "f(uint256,int256[],uint256[2][])", []Argument{{"arg0", "uint256"}, {"arg1", "int256[]"}, {"x", "uint256[2][]"}}, "()", false},
		{"f((uint256,address)[] items)", "f((uint256,address)[])", []Argument{{"items", "(uint256,address)[]"}}, "()", false},
		{"f(tuple(uint a,(bool,bytes)[2] b) x,bool)", "f((uint256,(bool,bytes)[2]),bool)", []Argument{{"x", "(uint256,(bool,bytes)[2])"}, {"arg1", "bool"}}, "()", false},
		{"pay(address payable to)", "pay(address)", []Argument{{"to", "address"}}, "()", false},
		{"f(function cb, uint8[ 3 ] x)", "f(function,uint8[3])", []Argument{{"cb", "function"}, {"x", "uint8[3]"}}, "()", false},
		{"_f$1(bytes1 $x)", "_f$1(bytes1)", []Argument{{"$x", "bytes1"}}, "()", false},
		{"function(uint8)", "function(uint8)", []Argument{{"arg0", "uint8"}}, "()", false},
	}
	for _, tt := range tests {
		m, err := MethodFromSignature(tt.sig)
		require.NoError(t, err, tt.sig)
		require.Equal(t, tt.canonical, m.Signature(), tt.sig)
		require.Equal(t, strings.Split(tt.canonical, "(")[0], m.Name(), tt.sig)
		require.Equal(t, tt.inputs, m.Inputs(), tt.sig)
		require.Equal(t, tt.outputs, m.outputs.name, tt.sig)
		require.Equal(t, tt.readOnly, m.ReadOnly(), tt.sig)
		require.Equal(t, crypto.Keccak256([]byte(tt.canonical))[:4], m.selector, tt.sig)
	}
}

func TestMethodFromSignatureSaysWhere(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                             `function signature "": at character 1: a function name is expected`,
		"(uint8)":                      "at character 1: a function name is expected",
		"save":                         `at character 5: ( is expected behind the name "save", as in save(bytes32,string)`,
		"save(bytes32":                 "at character 13: a closing parenthesis is missing",
		"save(bytes32,)":               "at character 14: a type is expected",
		"save(,bytes32)":               "at character 6: a type is expected",
		"save(bytes32 a b)":            "at character 16: a comma or a closing parenthesis is expected, not 'b'",
		"save(bytes33)":                `at character 6: unknown type "bytes33": it holds 1 to 32 bytes`,
		"save(bytes32,uint7)":          `at character 14: unknown type "uint7": the bits are a multiple of 8 up to 256`,
		"save(uint08)":                 `unknown type "uint08"`,
		"save(uint264)":                `unknown type "uint264"`,
		"save(fixed128x18)":            `unknown type "fixed128x18"`,
		"save(ufixed)":                 "fixed point numbers cannot be passed",
		"save(Color c)":                `at character 6: unknown type "Color": write an enum as uint8, a contract as address and a struct as its parts in parentheses`,
		"save(mapping(uint8=>bool) x)": "a mapping cannot be passed",
		"save(uint8[0])":               "an array has at least one element",
		"save(uint8[x])":               `array size "x" is not a whole number in range`,
		"save(uint8[-1])":              `array size "-1" is not a whole number in range`,
		"save(uint8[99999999999999])":  "is not a whole number in range",
		"save(uint8[65537])":           "is too large: 65536 values in fixed arrays are the most",
		"save(uint8[65536][65536])":    "is too large",
		"save(string[65536],uint8)":    "is too large",
		"save(uint8[)":                 "at character 11: a closing bracket is missing",
		"save(())":                     "at character 6: a tuple has at least one part",
		"save(uint8 a,bool a)":         `two arguments are called "a"`,
		"save((uint8 a,bool a))":       `two parts of the tuple are called "a"`,
		"save(uint8) nonsense":         `at character 13: the end is expected, not "nonsense"`,
		"save(uint8))":                 `the end is expected, not ")"`,
		"save(uint8) returns uint8":    "at character 21: ( is expected behind returns",
		"save(uint8)(bool)(bool)":      "the end is expected",
		"sa-ve(uint8)":                 "( is expected behind the name",
		"存(uint8)":                     "at character 1: a function name is expected",
		"f" + strings.Repeat("(", 100) + strings.Repeat(")", 100): "nested deeper than 32 levels",
		"f(uint8" + strings.Repeat("[]", 100) + ")":               "nested deeper than 32 levels",
		"f(" + strings.Repeat("uint8,", 20000) + "bool)":          "function signature is longer than",
	}
	for sig, want := range tests {
		_, err := MethodFromSignature(sig)
		require.ErrorContains(t, err, want, cut(sig))
		require.Less(t, len(err.Error()), 600)
	}
}

func TestEventTopic(t *testing.T) {
	t.Parallel()
	want := common.HexToHash("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef") // ERC-20
	for _, sig := range []string{"Transfer(address,address,uint256)", " event Transfer(address indexed from, address indexed to, uint value)"} {
		topic, err := EventTopic(sig)
		require.NoError(t, err)
		require.Equal(t, want, topic)
	}
	_, err := EventTopic("event Transfer(")
	require.Error(t, err)
}

// FuzzMethodFromSignature holds that no text breaks the parser, and that what
// it makes of a text stays the same when read again.
func FuzzMethodFromSignature(f *testing.F) {
	for _, s := range []string{"save(bytes32,string)", "f((uint a,(bool,bytes)[2] b)[] x) view returns (uint8)", "f(uint8[3][],function)", "f(", "f(tuple())", "f(uint8[99999])"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sig string) {
		m, err := MethodFromSignature(sig)
		if err != nil {
			return
		}
		again, err := MethodFromSignature(m.Signature())
		require.NoError(t, err)
		require.Equal(t, m.Signature(), again.Signature())
		named, err := MethodFromSignature(m.describe())
		require.NoError(t, err)
		require.Equal(t, m.Inputs(), named.Inputs())
	})
}
