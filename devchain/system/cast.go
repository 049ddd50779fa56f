package system

import (
	"strconv"

	"github.com/holiman/uint256"
)

// Cast, 0x100f.
func (c *Contracts) cast() contract {
	return contract{
		name: "CastPrecompiled",
		methods: c.functions(map[string]method{
			"stringToS256(string)": func(_ *context, args *arguments) ([]byte, error) {
				n, ok := parseInteger(args.string())
				if !ok {
					return nil, errInternal
				}
				out, _ := uint256.FromBig(n)
				return encode(unsigned(out)), nil
			},
			"stringToS64(string)": func(_ *context, args *arguments) ([]byte, error) {
				n, err := strconv.ParseInt(args.string(), 10, 64)
				if err != nil {
					return nil, errInternal
				}
				return code(n)
			},
			"stringToU256(string)": func(_ *context, args *arguments) ([]byte, error) {
				n, ok := parseUnsigned(args.string())
				if !ok {
					return nil, errInternal
				}
				return encode(unsigned(n)), nil
			},
			"stringToAddr(string)": func(_ *context, args *arguments) ([]byte, error) {
				a, err := parseHexAddress(args.string())
				if err != nil {
					return nil, err
				}
				return encode(address(a)), nil
			},
			"stringToBytes32(string)": func(_ *context, args *arguments) ([]byte, error) {
				var w [wordSize]byte
				copy(w[:], args.bytes())
				return encode(word(w)), nil
			},
			"s256ToString(int256)":  func(_ *context, args *arguments) ([]byte, error) { return encode(text(args.int256().String())), nil },
			"u256ToString(uint256)": func(_ *context, args *arguments) ([]byte, error) { return encode(text(args.uint256().Dec())), nil },
			"s64ToString(int64)": func(_ *context, args *arguments) ([]byte, error) {
				return encode(text(strconv.FormatInt(int64(args.uint64()), 10))), nil
			},
			"addrToString(address)": func(_ *context, args *arguments) ([]byte, error) { return encode(text(hexText(args.address()))), nil },
			"bytes32ToString(bytes32)": func(_ *context, args *arguments) ([]byte, error) {
				w := args.bytes32()
				return encode(text(string(w[:]))), nil
			},
		}),
	}
}
