package gateway

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// minTokenLength keeps out tokens that can be guessed.
const minTokenLength = 16

// Token is one bearer token that opens the API. It holds a hash only.
type Token struct {
	Name string // who has it, for the access log
	hash [sha256.Size]byte
}

// NewToken makes a token for a client of that name.
func NewToken(name, secret string) Token {
	return Token{Name: name, hash: sha256.Sum256([]byte(secret))}
}

// ParseTokens reads tokens, one a line, as name:token or only the token; empty
// lines and lines that begin with # are left out. A token has at least 16
// characters without blanks. Errors name the line, never the token.
func ParseTokens(data []byte) ([]Token, error) {
	var tokens []Token
	seen := map[[sha256.Size]byte]int{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, secret, named := strings.Cut(line, ":")
		if !named {
			name, secret = fmt.Sprintf("line%d", n), line
		}
		name, secret = strings.TrimSpace(name), strings.TrimSpace(secret)
		switch {
		case name == "":
			return nil, fmt.Errorf("line %d: there is no name before the colon", n)
		case len(secret) < minTokenLength:
			return nil, fmt.Errorf("line %d: the token of %s is shorter than %d characters", n, name, minTokenLength)
		case strings.ContainsAny(secret, " \t"):
			return nil, fmt.Errorf("line %d: the token of %s has blanks in it", n, name)
		}
		t := NewToken(name, secret)
		if before, ok := seen[t.hash]; ok {
			return nil, fmt.Errorf("line %d: the token of %s stands in line %d already", n, name, before)
		}
		seen[t.hash] = n
		tokens = append(tokens, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("there is no token: write one a line, as name:token")
	}
	return tokens, nil
}

// authenticate lets a request pass that shows one of the tokens, where there
// are any. Only /healthz is open to everybody.
func (g *Gateway) authenticate(c *gin.Context) {
	if len(g.cfg.Tokens) == 0 || c.FullPath() == pathHealth {
		return
	}
	scheme, secret, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		c.Header("WWW-Authenticate", `Bearer realm="bcosgate"`)
		g.abort(c, newProblem(http.StatusUnauthorized, "token_missing", "this gateway asks for a token: send the header Authorization: Bearer TOKEN"))
		return
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(secret)))
	found := -1
	for i := range g.cfg.Tokens {
		// All are compared, so that the time tells nothing about which came close.
		if subtle.ConstantTimeCompare(hash[:], g.cfg.Tokens[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		c.Header("WWW-Authenticate", `Bearer realm="bcosgate", error="invalid_token"`)
		g.abort(c, newProblem(http.StatusUnauthorized, "token_wrong", "this gateway does not know the token"))
		return
	}
	requestOf(c).client = g.cfg.Tokens[found].Name
}
