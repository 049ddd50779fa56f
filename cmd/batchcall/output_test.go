package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func inFormat(t *testing.T, v view, format string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, v.print(&b, format))
	return b.String()
}

func TestOneAnswerInEveryFormat(t *testing.T) {
	t.Parallel()
	type answer struct {
		Name string `json:"name"`
		Text string `json:"text"`
		N    int64  `json:"n"`
	}
	v := view{
		value:  []answer{{"a<b", "0x10", 1}, {"", "two\nlines", 2}},
		header: []string{"name", "text", "n"},
		rows:   [][]string{{"a<b", "0x10", "1"}, {"", "two\nlines", "2"}},
	}
	require.Equal(t, "NAME  TEXT       N\na<b   0x10       1\n-     two lines  2\n", inFormat(t, v, outTable))
	require.Equal(t, "name,text,n\na<b,0x10,1\n,\"two\nlines\",2\n", inFormat(t, v, outCSV))
	require.JSONEq(t, `[{"name":"a<b","text":"0x10","n":1},{"name":"","text":"two\nlines","n":2}]`, inFormat(t, v, outJSON))
	require.Contains(t, inFormat(t, v, outJSON), "a<b")

	text := inFormat(t, v, outYAML)
	require.Contains(t, text, `text: "0x10"`, "a text that looks like a number has quotes")
	var back []map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &back))
	require.Equal(t, []map[string]any{{"name": "a<b", "text": "0x10", "n": 1}, {"name": "", "text": "two\nlines", "n": 2}}, back)
}

func TestOneRowIsPairs(t *testing.T) {
	t.Parallel()
	v := view{header: []string{"name", "empty", "long_name"}, rows: [][]string{{"a", "", "b"}}, pairs: true}
	require.Equal(t, "name       a\nlong_name  b\n", inFormat(t, v, outTable))
	require.Equal(t, "name,empty,long_name\na,,b\n", inFormat(t, v, outCSV))
}

func TestTextsOfOthersDoNotReachTheTerminalAsCommands(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\uFFFD[2Jb c", oneLine("a\x1b[2Jb\nc"))
	require.Equal(t, "\uFFFDx", oneLine("\u009bx"))
	require.Equal(t, "数据 ä", oneLine("数据 ä"))
}

func TestTextOfValues(t *testing.T) {
	t.Parallel()
	require.Equal(t, "hello", text("hello"))
	require.Equal(t, "true", text(true))
	require.Equal(t, `["1",{"a":"<2>"}]`, text([]any{"1", map[string]any{"a": "<2>"}}))
}
