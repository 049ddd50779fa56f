package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTokensOpenTheAPI(t *testing.T) {
	t.Parallel()
	const alice, bob = "alice-0123456789abcdef", "bob-0123456789abcdef"
	r := newRig(t, func(c *Config) { c.Tokens = []Token{NewToken("alice", alice), NewToken("bob", bob)} })
	routesToTry := []string{"/v1/jobs", "/v1/chains", "/readyz", "/metrics", "/docs", "/openapi.json", "/nowhere"}
	for name, tc := range map[string]struct {
		header string
		code   string // "" lets in
	}{
		"no header":        {"", "token_missing"},
		"another scheme":   {"Basic YTpi", "token_missing"},
		"scheme only":      {"Bearer", "token_missing"},
		"empty token":      {"Bearer ", "token_missing"},
		"wrong token":      {"Bearer mallory-0123456789", "token_wrong"},
		"beginning of one": {"Bearer " + alice[:len(alice)-1], "token_wrong"},
		"one and more":     {"Bearer " + alice + "0", "token_wrong"},
		"token bare":       {alice, "token_missing"},
		"first":            {"Bearer " + alice, ""},
		"second":           {"Bearer " + bob, ""},
		"scheme in lower":  {"bearer " + bob, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range routesToTry {
				var headers []string
				if tc.header != "" {
					headers = []string{"Authorization", tc.header}
				}
				a := r.do("GET", path, "", headers...)
				if tc.code == "" {
					require.NotEqual(t, http.StatusUnauthorized, a.status, path)
					continue
				}
				r.problem(a, http.StatusUnauthorized, tc.code)
				require.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer")
			}
			require.Equal(t, http.StatusOK, r.do("GET", "/healthz", "").status, "healthz is open")
		})
	}
}

func TestLogNamesTheClientAndNeverTheToken(t *testing.T) {
	t.Parallel()
	const secret = "alice-0123456789abcdef"
	r := newRig(t, func(c *Config) { c.Tokens = []Token{NewToken("alice", secret)} })
	a := r.do("GET", "/v1/jobs?before=x", "", "Authorization", "Bearer "+secret, "X-Request-Id", "my-id_1.2")
	require.Equal(t, "my-id_1.2", a.header.Get("X-Request-Id"))
	log := r.log.String()
	require.Contains(t, log, "method=GET")
	require.Contains(t, log, "route=/v1/jobs")
	require.Contains(t, log, "status=200")
	require.Contains(t, log, "request=my-id_1.2")
	require.Contains(t, log, "client=alice")
	require.Regexp(t, `ms=\d+`, log)
	require.NotContains(t, log, secret)

	for _, id := range []string{"with blank", strings.Repeat("x", 65), "bell\u00e9"} {
		got := r.do("GET", "/healthz", "", "X-Request-Id", id).header.Get("X-Request-Id")
		require.NotEqual(t, id, got, "an id that could spoil the log is replaced")
		require.Len(t, got, 36)
	}
}

func TestParseTokens(t *testing.T) {
	t.Parallel()
	good, err := ParseTokens([]byte("# who may come in\n\nalice: 0123456789abcdef\r\nfedcba9876543210\n"))
	require.NoError(t, err)
	require.Equal(t, []Token{NewToken("alice", "0123456789abcdef"), NewToken("line4", "fedcba9876543210")}, good)
	for name, tc := range map[string]struct{ text, want string }{
		"empty":     {"# nothing\n", "no token"},
		"short":     {"alice:short\n", "line 1: the token of alice is shorter"},
		"no name":   {":0123456789abcdef\n", "line 1: there is no name"},
		"blank":     {"alice:0123456789 abcdef\n", "blanks"},
		"twice":     {"alice:0123456789abcdef\nbob:0123456789abcdef\n", "line 2: the token of bob stands in line 1"},
		"long line": {"alice:" + strings.Repeat("x", 70_000), "read tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseTokens([]byte(tc.text))
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "0123456789abcdef")
		})
	}
}
