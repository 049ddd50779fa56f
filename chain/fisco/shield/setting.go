package shield

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// The settings that can end a chain (protocol §5.7, §8.1). A node writes keys in
// lower case before it looks them up.
const (
	keyExecutor      = "executor_version"
	keyCompatibility = "compatibility_version"
)

// newest is the highest compatibility version that is known.
var newest = []uint64{3, 16, 4}

// SystemConfig refuses the value of a system configuration key, in any case of
// letters, that ends a chain or has no way back: executor_version other than 0
// and 1, compatibility_version other than a.b.c up to 3.16.4. That a version is
// above that of the node's own program cannot be seen here: compare it with the
// node's before raising it.
func SystemConfig(op, key, value string) error { return border(op, systemConfig(key, value)) }

func systemConfig(key, value string) *Refusal {
	switch strings.ToLower(key) {
	case keyExecutor:
		if value != "0" && value != "1" {
			return refuse(PoisonExecutorVersion, "%s is %s, not 0 or 1", keyExecutor, quoted(value))
		}
	case keyCompatibility:
		if !isKnownVersion(value) {
			return refuse(PoisonCompatibility, "%s is %s, not a version a.b.c up to 3.16.4", keyCompatibility, quoted(value))
		}
	}
	return nil
}

// isKnownVersion takes plain decimal numbers only, which every reader reads alike.
func isKnownVersion(text string) bool {
	parts := strings.Split(text, ".")
	version := make([]uint64, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return false
		}
		version[i] = n
	}
	return len(version) == len(newest) && slices.Compare(version, newest) <= 0
}

// writers are the functions that set a system configuration, by the contract's
// address: at once, or after a vote of the committee (protocol §8.1, §8.3).
var writers = map[string]struct {
	function string
	heads    int // how many arguments there are; the first two are key and value
}{
	"0000000000000000000000000000000000001000": {"setValueByKey(string,string)", 2},
	"0000000000000000000000000000000000010001": {"createSetSysConfigProposal(string,string,uint256)", 3},
}

// setting judges a transaction or call that sets a system configuration, in the
// selectors of both suites. to is an address in any form that a node takes.
func setting(to string, input []byte) *Refusal {
	w, ok := writers[strings.TrimPrefix(to, hexPrefix)] // the addresses have no letters
	if !ok || !hasSelector(input, w.function) {
		return nil
	}
	args := input[4:]
	key, keyOK := textArgument(args, 0, w.heads)
	value, valueOK := textArgument(args, 1, w.heads)
	if !keyOK || !valueOK {
		return refuse(PoisonSetting, "the arguments of %s cannot be read", w.function)
	}
	return systemConfig(key, value)
}

func hasSelector(input []byte, function string) bool {
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		selector := s.Selector(function)
		if bytes.HasPrefix(input, selector[:]) {
			return true
		}
	}
	return false
}

const wordLen = 32

// textArgument reads the text that the i-th of some heads points to. Whatever a
// lenient reader may take for something else is not ok: offsets and lengths that
// point out of the bytes or into the heads, and texts cut off.
func textArgument(args []byte, i, heads int) (text string, ok bool) {
	if len(args) < heads*wordLen {
		return "", false
	}
	offset, ok := word(args[i*wordLen:], len(args))
	if !ok || offset < heads*wordLen || offset > len(args)-wordLen {
		return "", false
	}
	rest := args[offset+wordLen:]
	n, ok := word(args[offset:], len(rest))
	if !ok {
		return "", false
	}
	return string(rest[:n]), true
}

// word reads a number of 32 bytes that is at most limit.
func word(b []byte, limit int) (n int, ok bool) {
	const low = wordLen - 8
	v := binary.BigEndian.Uint64(b[low:wordLen])
	if !bytes.Equal(b[:low], make([]byte, low)) || v > uint64(limit) {
		return 0, false
	}
	return int(v), true
}
