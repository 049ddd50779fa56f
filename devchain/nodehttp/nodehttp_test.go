package nodehttp

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

func TestWhatAsksForAWebSocket(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		header http.Header
		want   bool
	}{
		"both headers":    {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, true},
		"any case":        {http.Header{"Connection": {"upgrade"}, "Upgrade": {"WebSocket"}}, true},
		"among others":    {http.Header{"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"h2c", "websocket"}}, true},
		"nothing":         {http.Header{}, false},
		"one header":      {http.Header{"Upgrade": {"websocket"}}, false},
		"another upgrade": {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"h2c"}}, false},
		"part of a word":  {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websockets"}}, false},
	} {
		require.Equal(t, tc.want, IsUpgrade(&http.Request{Header: tc.header}), name)
	}
}

func TestUpgradeFromAnyOrigin(t *testing.T) {
	t.Parallel()
	refused := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := Upgrade(w, r)
		if err == nil {
			err = ws.Close(websocket.StatusNormalClosure, "")
		}
		refused <- err
	}))
	t.Cleanup(server.Close)
	ws, res, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://example.org"}}})
	require.NoError(t, err)
	require.Equal(t, ServerName, res.Header.Get("Server"))
	_, _, err = ws.Read(t.Context())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))
	require.NoError(t, <-refused)

	res, err = http.Post(server.URL, "", nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUpgradeRequired, res.StatusCode)
	require.Error(t, <-refused)
}
