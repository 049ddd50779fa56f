package discovery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressesHaveOneForm(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:20200":         "127.0.0.1:20200",
		"Node-1.Example.COM:1":    "node-1.example.com:1",
		"node.example.com.:65535": "node.example.com:65535",
		"my_node:020200":          "my_node:20200",
		"[0:0:0:0:0:0:0:1]:80":    "[::1]:80",
		"[fe80::1%eth0]:80":       "[fe80::1%eth0]:80",
	} {
		got, err := canonical(address)
		require.NoError(t, err, address)
		require.Equal(t, want, got)
		again, err := canonical(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
}

func TestMalformedAddressesAreRefused(t *testing.T) {
	t.Parallel()
	for address, why := range map[string]string{
		"":                                "is no address",
		"node":                            "is no address",
		"::1:80":                          "is no address",
		"http://node:80":                  "is no address",
		"node:0":                          "no usable port",
		"node:65536":                      "no usable port",
		"node:-1":                         "no usable port",
		"node:http":                       "no usable port",
		"node:":                           "no usable port",
		":20200":                          "no usable host",
		".:20200":                         "no usable host",
		"a..b:20200":                      "no usable host",
		"two words:20200":                 "no usable host",
		"user@node:20200":                 "no usable host",
		strings.Repeat("a", 64) + ":1":    "no usable host",
		strings.Repeat("a.", 127) + "a:1": "no usable host",
	} {
		_, err := canonical(address)
		require.ErrorContains(t, err, why, address)
	}
	_, err := canonical(strings.Repeat("x", 1<<20))
	require.Less(t, len(err.Error()), 300, "a message stays short")
}
