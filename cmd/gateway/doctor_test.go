package main

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/doctor"
)

func TestDoctorExitCodesAndOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Second).serve()
	args := func(more ...string) []string {
		return append([]string{"doctor", "--config", w.path("gateway.yaml")}, more...)
	}

	code, out, text := command(t, args("--lang", "en")...)
	require.Equal(t, exitOK, code, out)
	require.Empty(t, text)
	require.Contains(t, out, "All is well.")
	require.Contains(t, out, "target main, node "+w.net.Nodes[1])
	require.NoFileExists(t, w.path("account.pem"), "it makes no file")

	code, out, _ = command(t, args("--lang", "both", "--target", "main", "--probe")...)
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, "refuses a transaction whose block limit")
	require.Contains(t, out, "一切正常。")
	require.Zero(t, w.net.Chain.Head().Number)

	key, err := os.ReadFile(w.path("sdk.key"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.path("sdk.key")))
	code, out, _ = command(t, args("--lang", "en")...)
	require.Equal(t, exitNoNode, code, out)
	require.Contains(t, out, "sdk.key does not exist")
	w.write("sdk.key", string(key))

	// A port that nobody listens on, and that nobody can get.
	peer, err := net.Dial("tcp", w.net.Nodes[0])
	require.NoError(t, err)
	defer peer.Close()
	closed := peer.LocalAddr().String()
	w.write("gateway.yaml", strings.Replace(w.config(""), w.net.Nodes[1], closed, 1))
	code, out, text = command(t, args("--lang", "zh")...)
	require.Equal(t, exitProblems, code, out)
	require.Empty(t, text, "the report has said it")
	require.Contains(t, out, "端口未开放")
	require.NotContains(t, out, "port is closed")

	w.write("gateway.yaml", strings.Replace(w.config(""), "nodes: ["+strings.Join(w.net.Nodes, ", ")+"]", "nodes: ["+closed+"]", 1))
	code, out, _ = command(t, args("-o", "json")...)
	require.Equal(t, exitNoNode, code, out)
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, doctor.NoNode, report.Verdict)
	var found doctor.Finding
	for _, f := range report.Findings {
		if f.Code == doctor.PortClosed {
			found = f
		}
	}
	require.Equal(t, closed, found.Node)
	require.Equal(t, "main", found.Target)
	require.NotEmpty(t, found.Advice.En)
	require.NotEmpty(t, found.Advice.Zh)
}

func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Second)
	for want, args := range map[string][]string{
		"no target is named":      {"--target", "other"},
		"neither en, zh nor both": {"--lang", "fr"},
		"neither text nor json":   {"-o", "xml"},
		"not more than 0":         {"--timeout", "0s"},
		"nowhere.yaml":            {"--config", w.path("nowhere.yaml")},
	} {
		code, out, text := command(t, append([]string{"doctor", "--config", w.path("gateway.yaml")}, args...)...)
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, text, want)
	}
	code, out, _ := command(t, "doctor", "--help")
	require.Equal(t, exitOK, code)
	for _, want := range []string{"Examples:", "Exit codes:", "  0  ", "  1  ", "  2  ", "  5  ", "--probe", "--lang"} {
		require.Contains(t, out, want)
	}
}

func TestDoctorLanguage(t *testing.T) {
	t.Parallel()
	en, zh := []doctor.Language{doctor.English}, []doctor.Language{doctor.Chinese}
	for _, c := range []struct {
		lang string
		env  map[string]string
		want []doctor.Language
	}{
		{"", nil, en},
		{"", map[string]string{"LANG": "zh_CN.UTF-8"}, zh},
		{"", map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, en},
		{"", map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, zh},
		{"", map[string]string{"LANG": "de_DE.UTF-8"}, en},
		{"en", map[string]string{"LANG": "zh_CN.UTF-8"}, en},
		{"zh", nil, zh},
		{"both", nil, []doctor.Language{doctor.English, doctor.Chinese}},
	} {
		got, err := languagesOf(c.lang, func(name string) string { return c.env[name] })
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%v", c)
	}
}
