package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// declared are the codes as codes.go declares them.
func declared(t *testing.T) []Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	require.NoError(t, err)
	var list []Code
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			list = append(list, Code(text))
		}
		return true
	})
	return list
}

var placeholder = regexp.MustCompile(`\{[a-z_0-9]+\}`)

func TestEveryCodeHasItsWordsInBothLanguages(t *testing.T) {
	t.Parallel()
	list := declared(t)
	require.ElementsMatch(t, list, slices.Collect(maps.Keys(vocabulary)))
	for _, code := range list {
		w, ok := vocabulary[code]
		require.True(t, ok, "%s has no words", code)
		require.Contains(t, []Level{OK, Warning, Problem}, w.level, code)
		require.NotEmpty(t, w.check, code)
		inBothLanguages(t, code, w.text)
		switch {
		case w.advice != (Text{}):
			inBothLanguages(t, code, w.advice)
		case w.level != OK:
			require.Contains(t, []Code{NoUsableNode, Interrupted}, code, "%s does not say what to do", code)
		}
	}
}

func inBothLanguages(t *testing.T, code Code, text Text) {
	t.Helper()
	require.True(t, strings.ContainsFunc(text.Zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }), "%s: %s", code, text.Zh)
	require.False(t, strings.ContainsFunc(text.En, func(r rune) bool { return unicode.Is(unicode.Han, r) }), "%s: %s", code, text.En)
	require.Equal(t, names(text.En), names(text.Zh), "%s: both languages tell the same", code)
}

// names are the placeholders of a text.
func names(text string) []string {
	list := placeholder.FindAllString(text, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

func TestWrittenReport(t *testing.T) {
	t.Parallel()
	r := Report{Verdict: NoNode, Findings: []Finding{
		find(AccountOK, Details{"account": "default"}),
		{Target: "main", Level: OK, Check: CheckFiles, Text: Text{"files", "文件"}},
		{Target: "main", Node: "127.0.0.1:1", Level: Problem, Check: CheckPort, Text: Text{"closed", "未开放"}, Advice: &Text{"open it", "请打开"}},
	}}
	var en, both strings.Builder
	require.NoError(t, r.Write(&en, English))
	require.Equal(t, `accounts
  [ok] account: Account default: the key can be used.

target main
  [ok] files: files

target main, node 127.0.0.1:1
  [PROBLEM] port: closed
      -> open it

There is a target without a usable node. Problems: 1, warnings: 0.
`, en.String())
	require.NoError(t, r.Write(&both, English, Chinese))
	require.Contains(t, both.String(), "  [PROBLEM] port: closed\n  [问题] port: 未开放\n      -> open it\n      -> 请打开\n")
	require.Contains(t, both.String(), "有目标没有可用节点。 问题 1 个，警告 0 个。\n")
}

func TestDetailsCannotSteerATerminal(t *testing.T) {
	t.Parallel()
	f := find(AccountUnreadable, Details{"account": "{file}", "file": "a\x1b[2Jb\nc", "error": strings.Repeat("x", 1000)})
	require.Contains(t, f.Text.En, "Account {file}: the file a [2Jb c cannot")
	require.Less(t, len(f.Text.En), 500)
	require.Equal(t, "a\x1b[2Jb\nc", f.Details["file"], "data stay as they are")
}
