package nodeconf

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const web3Off = "[web3_rpc]\n    enable=false"

func TestWeb3PortIsClosedUnlessItIsEnabled(t *testing.T) {
	t.Parallel()
	for _, text := range []string{web3Off, "[web3_rpc]", "[section]\nlisten_port=x"} {
		n, err := ReadNode(node(t, readText(t, "config.ini", web3Off, text)))
		require.NoError(t, err)
		require.Nil(t, n.Web3)
	}
}

func TestWeb3PortTakesEveryKeyItPromises(t *testing.T) {
	t.Parallel()
	read := func(keys string) Web3 {
		n, err := ReadNode(node(t, readText(t, "config.ini", web3Off, "[web3_rpc]\nenable=true\n"+keys)))
		require.NoError(t, err)
		require.NotNil(t, n.Web3)
		return *n.Web3
	}
	cors := CORS{Credentials: true, Origins: "*", Methods: "GET, POST, OPTIONS", Headers: "Content-Type, Authorization, X-Requested-With", MaxAge: 86400}
	plain := Web3{
		Listen: "127.0.0.1:8545", FilterTimeout: 5 * time.Minute, FilterBlocks: 10, BatchLimit: 8, BodyLimit: 10_240_000, CORS: &cors,
	}
	require.Equal(t, plain, read(""))
	for keys, change := range map[string]func(*Web3){
		"filter_timeout=7":              func(w *Web3) { w.FilterTimeout = 7 * time.Second },
		"filter_max_process_block=100":  func(w *Web3) { w.FilterBlocks = 100 },
		"batch_request_size_limit=1":    func(w *Web3) { w.BatchLimit = 1 },
		"request_body_size_limit=1000":  func(w *Web3) { w.BodyLimit = 1000 },
		"http_body_size_limit=1000":     func(*Web3) {}, // the GM script misspells it, and a node does not read it
		"sync_transaction=true":         func(w *Web3) { w.SyncTransaction = true },
		"enable_cors=false":             func(w *Web3) { w.CORS = nil },
		"cors_allow_credentials=false":  func(w *Web3) { w.CORS.Credentials = false },
		"cors_allowed_origins=http://a": func(w *Web3) { w.CORS.Origins = "http://a" },
		"cors_allowed_headers=X":        func(w *Web3) { w.CORS.Headers = "X" },
		"cors_max_age=0":                func(w *Web3) { w.CORS.MaxAge = 0 },
	} {
		want, headers := plain, cors
		want.CORS = &headers
		change(&want)
		require.Equal(t, want, read(keys), keys)
	}
}

func TestWeb3FaultsAreNamed(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"enable=yes":                                "[web3_rpc] enable=yes: must be true or false",
		"enable=true\nfilter_timeout=0":             "[web3_rpc] filter_timeout=0: must be between 1",
		"enable=true\nbatch_request_size_limit=all": "[web3_rpc] batch_request_size_limit=all: must be a whole number",
		"enable=true\nsync_transaction=2":           "[web3_rpc] sync_transaction=2: must be true or false",
	} {
		_, err := ReadNode(node(t, readText(t, "config.ini", web3Off, "[web3_rpc]\n"+keys)))
		require.ErrorContains(t, err, want)
	}
}
