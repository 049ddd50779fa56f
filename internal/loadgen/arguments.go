package loadgen

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/bcosgate/bcosgate/contracts"
)

// Arguments makes the arguments of a function anew for each request, from texts
// with placeholders:
//
//	{seq}       the number of the request in its run, from 0
//	{hash}      0x and 32 random bytes
//	{rand:N}    N random bytes as hex, without 0x
//	{int:A..B}  a random integer from A to B
//	{text:N}    N random letters
//	{uuid}      a random UUID
//	{address}   0x and 20 random bytes
//
// All else stays as it is. What is random comes of the seed of the run and the
// number of the request.
type Arguments struct {
	method *contracts.Method
	texts  []string
	values [][]part
}

// part is a text, or what makes one.
type part func(r *rand.Rand, n uint64) string

var placeholder = regexp.MustCompile(`\{([a-z]+)(?::([^{}]*))?\}`)

// maxRandom bounds what one placeholder makes; a transaction is at most a few hundred KB.
const maxRandom = 1 << 16

// ParseArguments reads the texts, one for each argument of the method, and tries
// them out. Without any it takes DefaultArguments.
func ParseArguments(method *contracts.Method, texts []string) (*Arguments, error) {
	if len(texts) == 0 {
		var err error
		if texts, err = DefaultArguments(method); err != nil {
			return nil, err
		}
	}
	a := &Arguments{method: method, texts: texts}
	for _, text := range texts {
		parts, err := parseTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		a.values = append(a.values, parts)
	}
	if _, err := a.Encode(0, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", method.Signature(), err)
	}
	return a, nil
}

// DefaultArguments are texts for a method whose arguments are integers, bytes,
// strings, booleans and addresses; for others somebody has to think of some.
func DefaultArguments(method *contracts.Method) ([]string, error) {
	var texts []string
	for _, input := range method.Inputs() {
		text, ok := defaultArgument(input.Type)
		if !ok {
			return nil, fmt.Errorf("%s: there is no default for argument %s of type %s: give the arguments", method.Signature(), input.Name, input.Type)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func defaultArgument(typ string) (string, bool) {
	switch typ {
	case "bool":
		return "true", true
	case "string":
		return "bench {seq}", true
	case "address":
		return "{address}", true
	case "bytes":
		return "0x{rand:32}", true
	}
	if strings.ContainsAny(typ, "[(") {
		return "", false
	}
	if size, ok := strings.CutPrefix(typ, "bytes"); ok {
		return "0x{rand:" + size + "}", true
	}
	if strings.HasPrefix(typ, "uint") || strings.HasPrefix(typ, "int") {
		return "{int:0..100}", true // fits the smallest, int8
	}
	return "", false
}

// Values are the arguments of request n of a run with that seed, as texts.
func (a *Arguments) Values(seed, n uint64) []any {
	r := rand.New(rand.NewPCG(seed, n))
	values := make([]any, len(a.values))
	for i, parts := range a.values {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(p(r, n))
		}
		values[i] = b.String()
	}
	return values
}

// Encode gives the input of request n of a run with that seed.
func (a *Arguments) Encode(seed, n uint64) ([]byte, error) { return a.method.Encode(a.Values(seed, n)) }

// Texts are those that the arguments are made of.
func (a *Arguments) Texts() []string { return a.texts }

func parseTemplate(text string) ([]part, error) {
	var parts []part
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		parts = append(parts, literal(text[at:m[0]]))
		option := ""
		if m[4] >= 0 {
			option = text[m[4]:m[5]]
		}
		p, err := parsePlaceholder(text[m[2]:m[3]], option)
		if err != nil {
			return nil, fmt.Errorf("%s %w", text[m[0]:m[1]], err)
		}
		parts, at = append(parts, p), m[1]
	}
	return append(parts, literal(text[at:])), nil
}

func literal(text string) part { return func(*rand.Rand, uint64) string { return text } }

func parsePlaceholder(name, option string) (part, error) {
	switch name {
	case "rand", "text":
		size, err := strconv.Atoi(option)
		if err != nil || size < 0 || size > maxRandom {
			return nil, fmt.Errorf("needs a number from 0 to %d, such as {%s:8}", maxRandom, name)
		}
		if name == "text" {
			return func(r *rand.Rand, _ uint64) string { return letters(r, size) }, nil
		}
		return func(r *rand.Rand, _ uint64) string { return hex.EncodeToString(randomBytes(r, size)) }, nil
	case "int":
		return parseInt(option)
	}
	plain, known := plainPlaceholders[name]
	switch {
	case !known:
		return nil, fmt.Errorf("is no placeholder; there are {seq}, {hash}, {rand:N}, {int:A..B}, {text:N}, {uuid} and {address}")
	case option != "":
		return nil, fmt.Errorf("takes nothing behind a colon")
	}
	return plain, nil
}

// plainPlaceholders have no options.
var plainPlaceholders = map[string]part{
	"seq":     func(_ *rand.Rand, n uint64) string { return strconv.FormatUint(n, 10) },
	"hash":    func(r *rand.Rand, _ uint64) string { return "0x" + hex.EncodeToString(randomBytes(r, 32)) },
	"address": func(r *rand.Rand, _ uint64) string { return "0x" + hex.EncodeToString(randomBytes(r, 20)) },
	"uuid": func(r *rand.Rand, _ uint64) string {
		id := uuid.UUID(randomBytes(r, 16))
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, as RFC 9562 marks it
		return id.String()
	},
}

func parseInt(option string) (part, error) {
	low, high, _ := strings.Cut(option, "..")
	a, errA := strconv.ParseInt(low, 10, 64)
	b, errB := strconv.ParseInt(high, 10, 64)
	if errA != nil || errB != nil || a > b {
		return nil, fmt.Errorf("needs a range of integers, such as {int:1..100}")
	}
	width := new(big.Int).Sub(big.NewInt(b), big.NewInt(a)).Uint64()
	return func(r *rand.Rand, _ uint64) string {
		v := r.Uint64()
		if width < math.MaxUint64 {
			v = r.Uint64N(width + 1)
		}
		return strconv.FormatInt(int64(uint64(a)+v), 10) // wraps to the right value
	}, nil
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}
