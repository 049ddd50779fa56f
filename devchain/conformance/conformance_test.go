package conformance

import (
	"path"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a real node answered, and what this chain answers to the same.
func TestConformance(t *testing.T) {
	tb := newTable(t)
	t.Run("ledgers", func(t *testing.T) {
		if golden.Small() {
			t.Skipf("the small part of the recordings has no whole ledger; %s names the folder of all of them", golden.Variable)
		}
		for _, file := range golden.Files(t, "tx/*.jsonl") {
			t.Run(path.Base(file), func(t *testing.T) {
				t.Parallel()
				if strings.HasSuffix(file, ".diff.jsonl") {
					playLedger(t, tb, file, variantOf(t, file))
					return
				}
				playLedger(t, tb, file, golden.Ledger(t, file)).compareBlocks()
			})
		}
	})
	t.Run("web3", func(t *testing.T) {
		for _, file := range golden.Files(t, "web3/*.txt") {
			t.Run(path.Base(file), func(t *testing.T) {
				t.Parallel()
				playWeb3(t, tb, file)
			})
		}
	})
	all := &ledgers{replayed: map[string]replayed{}, root: t.TempDir()}
	for _, kind := range []struct {
		pattern string
		play    func(*testing.T, string, *ledgers, *table)
	}{{"rpc/*.txt", playRPC}, {"ws/*.txt", playWS}} {
		t.Run(path.Dir(kind.pattern), func(t *testing.T) {
			for _, file := range golden.Files(t, kind.pattern) {
				t.Run(path.Base(file), func(t *testing.T) {
					t.Parallel()
					kind.play(t, file, all, tb)
				})
			}
		})
	}
	tb.print(t)
}
