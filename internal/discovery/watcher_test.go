package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is told by the test what it lists and when it fails.
type fakeSource struct {
	lists chan []string
	fails chan error
	tries []time.Time // of Watch; read it when nothing runs
}

func newFakeSource() *fakeSource {
	return &fakeSource{lists: make(chan []string), fails: make(chan error)}
}

func (f *fakeSource) String() string { return "fake" }

func (f *fakeSource) Watch(ctx context.Context, emit func([]Entry)) error {
	f.tries = append(f.tries, time.Now())
	for {
		select {
		case list := <-f.lists:
			emit(entriesOf(list))
		case err := <-f.fails:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func entriesOf(addresses []string) []Entry {
	entries := make([]Entry, len(addresses))
	for i, address := range addresses {
		entries[i] = Entry{Where: fmt.Sprintf("line %d", i+1), Address: address}
	}
	return entries
}

// heard collects the lists that a watcher hands out, and what it logs.
type heard struct {
	lists chan []string // none is lost: a test that does not read them stalls
	mu    sync.Mutex
	log   bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

// count says how many log lines contain text.
func (h *heard) count(text string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// next gives the next list; 20 s are for real sources on a slow machine.
func (h *heard) next(t *testing.T) []string {
	t.Helper()
	select {
	case list := <-h.lists:
		return list
	case <-time.After(20 * time.Second):
		require.FailNow(t, "no list", "log:\n%s", h.text())
		return nil
	}
}

// until takes lists until the wanted one: real sources may be read between two
// changes.
func (h *heard) until(t *testing.T, want ...string) {
	t.Helper()
	for !slices.Equal(h.next(t), want) {
	}
}

func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// startWatcher watches source until the end of the test.
func startWatcher(t *testing.T, source Source) (*Watcher, *heard) {
	t.Helper()
	h := &heard{lists: make(chan []string, 100)}
	w, err := NewWatcher(Config{
		Source: source, Logger: slog.New(slog.NewTextHandler(h, nil)),
		Set: func(nodes []string) error { h.lists <- nodes; return nil },
	})
	require.NoError(t, err)
	require.NoError(t, w.Start(context.Background()))
	t.Cleanup(func() { stopWatcher(t, w) })
	return w, h
}

func stopWatcher(t *testing.T, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, w.Stop(ctx))
}

func TestTheListIsHandedOnInOneFormAndOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		w, h := startWatcher(t, source)
		source.lists <- []string{"b:2", "a:1", "B.:02"}
		require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
		require.NoError(t, w.Wait(t.Context()))

		source.lists <- []string{"a:1", "b:2"}
		synctest.Wait()
		require.Empty(t, h.lists)

		source.lists <- []string{"c:3", "a:1"}
		require.Equal(t, []string{"a:1", "c:3"}, h.next(t))
	})
}

func TestAMalformedEntryIsLeftOutAndNamedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		_, h := startWatcher(t, source)
		for range 3 {
			source.lists <- []string{"a:1", "nonsense", "b:2"}
			synctest.Wait()
		}
		require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
		require.Equal(t, 1, h.count("line 2: "), h.text())
		require.Equal(t, 1, h.count("nonsense"))

		source.lists <- []string{"a:1", "b:2"} // mended
		source.lists <- []string{"a:1", "nonsense"}
		require.Equal(t, []string{"a:1"}, h.next(t))
		synctest.Wait()
		require.Equal(t, 2, h.count("nonsense"), "it is there again")
	})
}

func TestTheLastListStays(t *testing.T) {
	t.Parallel()
	tooMany := make([]string, maxNodes+1)
	for i := range tooMany {
		tooMany[i] = fmt.Sprintf("n%d:1", i)
	}
	for name, list := range map[string][]string{
		"when the source lists nothing":               nil,
		"when it lists nothing but malformed entries": {"x", "y:0"},
		"when it lists too many nodes":                tooMany,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source := newFakeSource()
				_, h := startWatcher(t, source)
				source.lists <- []string{"a:1"}
				require.Equal(t, []string{"a:1"}, h.next(t))
				for range 3 {
					source.lists <- list
					synctest.Wait()
				}
				require.Empty(t, h.lists)
				require.Equal(t, 1, h.count("the last one stays"), "told once:\n%s", h.text())

				source.lists <- []string{"a:1"}
				synctest.Wait()
				require.Empty(t, h.lists, "it is the list that stayed")
				require.Equal(t, 1, h.count("listed again"))
			})
		})
	}
}

func TestASourceThatFailsIsTriedAgainAndItsErrorsAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		_, h := startWatcher(t, source)
		source.lists <- []string{"a:1"}
		require.Equal(t, []string{"a:1"}, h.next(t))
		for range 20 {
			source.fails <- errors.New("down")
			source.fails <- errors.New("away")
		}
		source.lists <- []string{"a:1"}
		synctest.Wait()
		require.Empty(t, h.lists)
		require.Equal(t, 1, h.count("error=down"), h.text())
		require.Equal(t, 1, h.count("error=away"))
		require.Equal(t, 1, h.count("listed again"))

		source.fails <- errors.New("down")
		synctest.Wait()
		require.Equal(t, 2, h.count("error=down"), "trouble after good times is news")
	})
}

func TestASourceThatWordsItsErrorsAnewDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		_, h := startWatcher(t, source)
		for i := range 50 {
			source.fails <- fmt.Errorf("failure %d", i)
		}
		synctest.Wait()
		require.Equal(t, 10, h.count("failure"))
	})
}

func TestThePauseBetweenAttemptsGrowsToItsLimitWithFullJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		w, _ := startWatcher(t, source)
		for range 100 {
			source.fails <- errors.New("down")
		}
		synctest.Wait()
		time.Sleep(30 * time.Second) // the last pause ends
		stopWatcher(t, w)

		require.Len(t, source.tries, 101)
		limit := 500 * time.Millisecond
		shortest, longest := time.Hour, time.Duration(0)
		for i := range 100 {
			pause := source.tries[i+1].Sub(source.tries[i])
			require.Less(t, pause, limit, "attempt %d", i)
			limit = min(2*limit, 30*time.Second)
			if i >= 6 {
				shortest, longest = min(shortest, pause), max(longest, pause)
			}
		}
		// Each of 94 pauses is below or above these with a chance of a quarter.
		require.Less(t, shortest, 7500*time.Millisecond)
		require.Greater(t, longest, 22500*time.Millisecond)
	})
}

func TestThePauseIsShortAgainAfterGoodTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		w, _ := startWatcher(t, source)
		for range 50 {
			for range 10 {
				source.fails <- errors.New("down")
			}
			source.lists <- []string{"a:1"}
			time.Sleep(30 * time.Second)
			failed := time.Now()
			source.fails <- errors.New("down")
			source.lists <- []string{"a:1"} // taken by the next attempt
			require.Less(t, time.Since(failed), 500*time.Millisecond)
		}
		stopWatcher(t, w)
	})
}

func TestAListThatIsRefusedIsToldAndOfferedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		h := &heard{}
		offers, refuse := 0, true
		w, err := NewWatcher(Config{
			Source: source, Logger: slog.New(slog.NewTextHandler(h, nil)),
			Set: func([]string) error {
				if offers++; refuse {
					return errors.New("not now")
				}
				return nil
			},
		})
		require.NoError(t, err)
		require.NoError(t, w.Start(t.Context()))
		for range 2 {
			source.lists <- []string{"a:1"}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorContains(t, w.Wait(ctx), "not now")
		require.Equal(t, 2, offers)
		require.Equal(t, 1, h.count("not now"))

		refuse = false
		source.lists <- []string{"a:1"}
		require.NoError(t, w.Wait(t.Context()))
		require.Equal(t, 3, offers)
		stopWatcher(t, w)
	})
}

func TestWaitSaysWhatIsWrongAndTheSourceIsTriedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		w, h := startWatcher(t, source)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.EqualError(t, w.Wait(ctx), "discovery: no nodes from fake yet: context deadline exceeded")

		down := errors.New("down")
		source.fails <- down
		synctest.Wait()
		err := w.Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, down)
		require.EqualError(t, err, "discovery: no nodes from fake yet: down (context deadline exceeded)")

		source.lists <- nil
		synctest.Wait()
		require.ErrorIs(t, w.Wait(ctx), ErrNoNodes)

		source.lists <- []string{"a:1"}
		require.NoError(t, w.Wait(t.Context()))
		require.Equal(t, []string{"a:1"}, h.next(t))
	})
}

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, err := NewWatcher(Config{Source: Static([]string{"a:1"}), Set: func([]string) error { return nil }})
		require.NoError(t, err)
		require.NoError(t, w.Stop(t.Context()), "before Start")
		require.NoError(t, w.Start(t.Context()))
		require.Error(t, w.Start(t.Context()), "twice")
		require.NoError(t, w.Wait(t.Context()))
		require.NoError(t, w.Stop(t.Context()))
		require.NoError(t, w.Stop(t.Context()), "again")
		require.Error(t, w.Start(t.Context()), "after Stop")
	})
}

func TestAnybodyMayStopAndWaitAtAnyTime(t *testing.T) {
	t.Parallel()
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			w, err := NewWatcher(Config{Source: Static([]string{"a:1"}), Set: func([]string) error { return nil }})
			require.NoError(t, err)
			var started atomic.Int64
			for range 3 {
				go func() {
					if w.Start(t.Context()) == nil {
						started.Add(1)
					}
				}()
				go func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					_ = w.Wait(ctx)
				}()
				go func() { assert.NoError(t, w.Stop(t.Context())) }()
			}
			time.Sleep(time.Second)
			synctest.Wait()
			require.EqualValues(t, 1, started.Load())
			require.NoError(t, w.Stop(t.Context()))
		})
	}
}

func TestTheEndOfTheContextOfStartIsAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		w, err := NewWatcher(Config{Source: source, Set: func([]string) error { return nil }})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, w.Start(ctx))
		source.fails <- errors.New("down")
		synctest.Wait() // it pauses
		cancel()
		require.ErrorContains(t, w.Wait(t.Context()), "down (stopped)")
	})
}

func TestStopWaitsForASlowListenerAsLongAsItsContextAllows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		w, err := NewWatcher(Config{Source: Static([]string{"a:1"}), Set: func([]string) error { <-hold; return nil }})
		require.NoError(t, err)
		require.NoError(t, w.Start(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Stop(ctx), context.DeadlineExceeded)
		close(hold)
		require.NoError(t, w.Stop(t.Context()))
	})
}

func TestAWatcherNeedsASourceAndSomebodyToTell(t *testing.T) {
	t.Parallel()
	_, err := NewWatcher(Config{Source: Static(nil)})
	require.Error(t, err)
	_, err = NewWatcher(Config{Set: func([]string) error { return nil }})
	require.Error(t, err)
}

func TestStaticNamesTheEntryThatIsMalformed(t *testing.T) {
	t.Parallel()
	w, h := startWatcher(t, Static([]string{"b:2", "a", "a:1"}))
	require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
	require.NoError(t, w.Wait(t.Context()))
	require.Equal(t, 1, h.count("entry 2: "), h.text())
}
