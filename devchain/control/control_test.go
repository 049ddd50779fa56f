package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// world is a chain with a control endpoint.
type world struct {
	chain  *devchain.Chain
	faults *faults.Set
	clock  *Clock
	*Client
	address string
}

func newWorld(t *testing.T, address string) *world {
	t.Helper()
	key, err := suite.NewKey(suite.Standard, [32]byte([]byte(strings.Repeat("k", 32))))
	require.NoError(t, err)
	genesis := devchain.DefaultGenesis()
	genesis.Sealers = []devchain.Sealer{{PublicKey: key.PublicKey(), Weight: 1}}
	w := &world{faults: &faults.Set{}, clock: &Clock{}}
	w.chain, err = devchain.Open(devchain.Config{
		Genesis: genesis, DataDir: t.TempDir(), NodeKeys: []*suite.Key{key}, MinSealTime: -1, Clock: w.clock.Now, Skew: w.faults.Skew,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.chain.Close()) })
	require.NoError(t, w.chain.Start(t.Context()))

	l, err := Listen(t.Context(), address, false)
	require.NoError(t, err)
	server := NewServer(Config{Ledger: w.chain, Faults: w.faults, Clock: w.clock, Nodes: []string{"node0"}})
	server.Start(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
		require.NoError(t, server.Stop(ctx))
	})
	w.address = Address(l)
	w.Client, err = NewClient(w.address)
	require.NoError(t, err)
	t.Cleanup(w.Client.Close)
	return w
}

func failed(t *testing.T, err error, kind Kind, text string) {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, kind, refused.Kind)
	require.Contains(t, refused.Message, text)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t, "127.0.0.1:0"), t.Context()
	added, err := w.AddFault(ctx, faults.Fault{Action: faults.Delay, Delay: faults.Duration(time.Second), Times: 3})
	require.NoError(t, err)
	require.Equal(t, faults.Fault{ID: 1, Action: faults.Delay, On: faults.Any, Times: 3, Delay: faults.Duration(time.Second)}, added)
	require.NotNil(t, w.faults.Strike(faults.Point{On: "call"}))
	list, err := w.Faults(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, list[0].Struck)

	_, err = w.AddFault(ctx, faults.Fault{Action: "explode"})
	failed(t, err, Invalid, `action "explode" is not known`)
	_, err = w.AddFault(ctx, faults.Fault{Action: faults.Drop, Node: "node9"})
	failed(t, err, Invalid, `no node "node9"`)
	_, err = w.RemoveFault(ctx, 9)
	failed(t, err, NotFound, "fault 9")
	gone, err := w.RemoveFault(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, 1, gone.Struck)
	for range 2 {
		_, err = w.AddFault(ctx, faults.Fault{Action: faults.Drop, Node: "node0"})
		require.NoError(t, err)
	}
	n, err := w.ClearFaults(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	list, err = w.Faults(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestLedger(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "control.sock")
	w, ctx := newWorld(t, "unix:"+socket), t.Context()
	info, err := os.Stat(socket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	zero, err := w.Snapshot(ctx, "")
	require.NoError(t, err)
	require.Equal(t, "1", zero.Name)
	require.Zero(t, zero.Number)
	block, err := w.Mine(ctx)
	require.NoError(t, err)
	require.Zero(t, block.Number, "nothing waits")
	block, err = w.MineBlocks(ctx, 5)
	require.NoError(t, err)
	require.EqualValues(t, 5, block.Number)
	require.Equal(t, w.chain.Head().Hash.Hex(), block.Hash)
	five, err := w.Snapshot(ctx, "five")
	require.NoError(t, err)
	list, err := w.Snapshots(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"1", "five"}, []string{list[0].Name, list[1].Name})
	require.Equal(t, block.Hash, five.Hash)
	require.True(t, five.Taken.Equal(list[1].Taken))

	_, err = w.Snapshot(ctx, "five")
	failed(t, err, Conflict, "of that name")
	_, err = w.Snapshot(ctx, "a b")
	failed(t, err, Invalid, "1 to 64 letters")
	_, err = w.Revert(ctx, "none of/these")
	failed(t, err, NotFound, `"none of/these"`)
	require.NoError(t, w.DeleteSnapshot(ctx, "five"))
	failed(t, w.DeleteSnapshot(ctx, "five"), NotFound, "five")
	block, err = w.Revert(ctx, "1")
	require.NoError(t, err)
	require.Equal(t, Block{Hash: zero.Hash}, block)

	require.NoError(t, w.SetSealing(ctx, false))
	s, err := w.Status(ctx)
	require.NoError(t, err)
	require.False(t, s.Sealing)
	require.NoError(t, w.SetSealing(ctx, true))
	s, err = w.Status(ctx)
	require.NoError(t, err)
	require.True(t, s.Sealing)
	require.Equal(t, Status{
		ChainID: "chain0", GroupID: "group0", Nodes: []string{"node0"}, Block: block, Sealing: true, Time: s.Time, Snapshots: 1,
	}, s)

	require.NoError(t, w.chain.Stop(ctx))
	_, err = w.Mine(ctx)
	failed(t, err, Stopped, "not running")
	failed(t, w.SetSealing(ctx, true), Stopped, "not running")
}

func TestTimeOfTheChain(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t, "localhost:0"), t.Context()
	stamp := func() time.Time {
		t.Helper()
		block, err := w.MineBlocks(ctx, 1)
		require.NoError(t, err)
		return time.UnixMilli(block.Timestamp)
	}
	at := time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)
	got, err := w.ChangeTime(ctx, TimeChange{Stand: &at})
	require.NoError(t, err)
	require.Equal(t, Time{at, Standing}, got)
	require.True(t, at.Equal(stamp()))
	got, err = w.ChangeTime(ctx, TimeChange{Advance: faults.Duration(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, Time{at.Add(time.Hour), Standing}, got)
	_, err = w.AddFault(ctx, faults.Fault{Action: faults.ClockSkew, Skew: faults.Duration(time.Minute)})
	require.NoError(t, err)
	require.True(t, at.Add(time.Hour+time.Minute).Equal(stamp()), "a fault")

	got, err = w.ChangeTime(ctx, TimeChange{Follow: true})
	require.NoError(t, err)
	require.Equal(t, Following, got.Mode)
	got, err = w.Time(ctx)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), got.Now, time.Minute)

	for _, change := range []TimeChange{{}, {Follow: true, Advance: 1}, {Stand: &at, Set: &at}} {
		_, err = w.ChangeTime(ctx, change)
		failed(t, err, Invalid, "exactly one")
	}
	early := time.Unix(-5, 0)
	_, err = w.ChangeTime(ctx, TimeChange{Set: &early})
	failed(t, err, Invalid, "1970")
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Clock
		start := time.Now()
		require.Equal(t, Time{start, Following}, c.Time())
		c.Advance(time.Hour)
		time.Sleep(time.Minute)
		require.Equal(t, Time{start.Add(time.Hour + time.Minute), Shifted}, c.Time())
		c.Set(start.Add(-time.Hour))
		time.Sleep(time.Minute)
		require.Equal(t, start.Add(-time.Hour+time.Minute), c.Now(), "it goes on")
		c.Stand(start)
		time.Sleep(time.Minute)
		require.Equal(t, Time{start, Standing}, c.Time())
		c.Set(start.Add(time.Second))
		time.Sleep(time.Minute)
		require.Equal(t, Time{start.Add(time.Second), Standing}, c.Time(), "it stands still as before")
		c.Follow()
		require.Equal(t, Time{time.Now(), Following}, c.Time())
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "20200", "unix:", "http://localhost:1"} {
		_, err := Listen(t.Context(), address, true)
		require.ErrorContains(t, err, "neither host:port nor unix:PATH", address)
		_, err = NewClient(address)
		require.Error(t, err, address)
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0"} {
		_, err := Listen(t.Context(), address, false)
		require.ErrorIs(t, err, ErrNotLoopback, address)
	}
	l, err := Listen(t.Context(), "0.0.0.0:0", true)
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestSocketsOfTheDead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	require.NoError(t, err)
	_, err = Listen(t.Context(), "unix:"+path, false)
	require.Error(t, err, "somebody listens")
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	l, err := Listen(t.Context(), "unix:"+path, false)
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err = Listen(t.Context(), "unix:"+path, false)
	require.Error(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data), "no other file is touched")
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	for _, address := range []string{address, "unix:" + filepath.Join(t.TempDir(), "none")} {
		c, err := NewClient(address)
		require.NoError(t, err)
		_, err = c.Status(t.Context())
		var unreachable *UnreachableError
		require.ErrorAs(t, err, &unreachable)
		require.Equal(t, address, unreachable.Address)
		require.ErrorAs(t, err, new(*net.OpError))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = c.Status(ended)
		require.ErrorIs(t, err, context.Canceled)
		c.Close()
	}
}

// Another server at the address is not taken for a node.
func TestAnotherServer(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{http.StatusOK: "<html>", http.StatusNotFound: "404 page not found"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		other := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})}
		ended := make(chan error, 1)
		go func() { ended <- other.Serve(l) }()
		c, err := NewClient(l.Addr().String())
		require.NoError(t, err)
		_, err = c.Status(t.Context())
		require.ErrorAs(t, err, new(*UnreachableError))
		require.ErrorContains(t, err, "no control endpoint")
		c.Close()
		require.NoError(t, other.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	}
}

// What a web page in a browser of this machine can send is refused.
func TestWebPagesAreKeptOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "127.0.0.1:0")
	ask := func(change func(*http.Request)) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.address+"/v1/mine", strings.NewReader(`{"blocks":1}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		change(r)
		res, err := w.Client.http.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		var body [1000]byte
		n, _ := res.Body.Read(body[:])
		return res.StatusCode, string(body[:n])
	}
	for name, change := range map[string]func(*http.Request){
		"a name that leads here": func(r *http.Request) { r.Host = "evil.example:80" },
		"a form":                 func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"a member too many": func(r *http.Request) {
			r.Body, r.ContentLength = readCloser{strings.NewReader(`{"block":1}`)}, 11
		},
		"two values": func(r *http.Request) { r.Body, r.ContentLength = readCloser{strings.NewReader(`{} {}`)}, 5 },
		"too many blocks": func(r *http.Request) {
			r.Body, r.ContentLength = readCloser{strings.NewReader(`{"blocks":1000000}`)}, 18
		},
	} {
		status, body := ask(change)
		require.Equal(t, http.StatusBadRequest, status, name)
		require.Contains(t, body, `"kind":"invalid"`)
	}
	status, body := ask(func(r *http.Request) { r.URL.Path = "/v2/mine" })
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "there is no POST /v2/mine")
	require.Zero(t, w.chain.Head().Number)
	status, _ = ask(func(r *http.Request) { r.Host = "localhost" })
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 1, w.chain.Head().Number)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	require.Equal(t, &Error{Internal, "odd"}, errorOf(errors.New("odd")))
	require.Equal(t, Conflict, errorOf(faults.ErrTooMany).Kind)
	for kind, status := range map[Kind]int{Invalid: 400, NotFound: 404, Conflict: 409, Stopped: 503, Internal: 500} {
		require.Equal(t, status, statusOf(kind))
	}
}
