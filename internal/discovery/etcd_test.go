package discovery

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// fakeEtcd is a client whose keys, failures and events the test sets.
type fakeEtcd struct {
	t  *testing.T
	mu sync.Mutex

	// Under mu.
	keys     []string // values; their keys are /n/0, /n/1 …
	revision int64
	fail     error
	changes  chan clientv3.WatchResponse
	gets     int
	watches  []int64 // the revision that each began at
	dials    int
	closed   int
}

func newFakeEtcd(t *testing.T, keys ...string) (*etcd, *fakeEtcd) {
	source, err := Etcd(EtcdConfig{Endpoints: []string{"127.0.0.1:2379"}, Prefix: "/n/"})
	require.NoError(t, err)
	f := &fakeEtcd{t: t, keys: keys, revision: 7, changes: make(chan clientv3.WatchResponse)}
	e := source.(*etcd)
	e.dial = func(context.Context) (etcdClient, error) {
		f.do(func() { f.dials++ })
		return f, nil
	}
	return e, f
}

func (f *fakeEtcd) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeEtcd) Get(ctx context.Context, key string, _ ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	deadline, bounded := ctx.Deadline()
	require.True(f.t, bounded)
	require.Equal(f.t, etcdTimeout, time.Until(deadline))
	require.Equal(f.t, "/n/", key)
	if f.fail != nil {
		return nil, f.fail
	}
	answer := &clientv3.GetResponse{Header: &pb.ResponseHeader{Revision: f.revision}}
	for i, value := range f.keys {
		answer.Kvs = append(answer.Kvs, &mvccpb.KeyValue{Key: []byte{'/', 'n', '/', byte('0' + i)}, Value: []byte(value)})
	}
	return answer, nil
}

func (f *fakeEtcd) Watch(_ context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches = append(f.watches, clientv3.OpGet(key, opts...).Rev())
	return f.changes
}

func (f *fakeEtcd) Close() error {
	f.do(func() { f.closed++ })
	return nil
}

func TestEtcdKeysAreReadOnceAfterABurstOfEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, client := newFakeEtcd(t, "b:2\n", "a:1", "c")
		w, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
		require.Equal(t, 1, h.count("key /n/2: "), h.text())
		synctest.Wait()
		require.Equal(t, []int64{8}, client.watches, "behind what was read")

		began := time.Now()
		client.do(func() { client.keys = []string{"d:4"} })
		for range 5 {
			client.changes <- clientv3.WatchResponse{}
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, []string{"d:4"}, h.next(t))
		require.Equal(t, settle, time.Since(began))
		require.Equal(t, 2, client.gets)

		stopWatcher(t, w)
		require.Equal(t, 1, client.dials)
		require.Equal(t, 1, client.closed)
	})
}

func TestEtcdKeysAreReadWithoutAnyEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, client := newFakeEtcd(t, "a:1")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		synctest.Wait()
		began := time.Now()
		client.do(func() { client.keys = []string{"b:2"} })
		require.Equal(t, []string{"b:2"}, <-h.lists)
		require.Equal(t, etcdReread, time.Since(began))
	})
}

func TestEtcdThatHasCompactedIsReadAndWatchedAgainAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, client := newFakeEtcd(t, "a:1")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		synctest.Wait()
		began := time.Now()
		client.do(func() { client.keys, client.revision = []string{"b:2"}, 40 })
		client.changes <- clientv3.WatchResponse{Canceled: true, CompactRevision: 30}
		require.Equal(t, []string{"b:2"}, h.next(t))
		synctest.Wait()
		require.Zero(t, time.Since(began))
		require.Equal(t, []int64{8, 41}, client.watches)
		require.Equal(t, 1, client.dials)
		require.Zero(t, h.count("WARN"), h.text())
	})
}

func TestEtcdThatFailsKeepsTheListAndGetsANewClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail func(*fakeEtcd)
		told string
	}{
		"keys cannot be read": {func(f *fakeEtcd) {
			f.do(func() { f.fail = errors.New("no leader") })
			time.Sleep(etcdReread)
		}, "read keys: no leader"},
		"the watch is ended": {func(f *fakeEtcd) {
			f.changes <- clientv3.WatchResponse{Canceled: true, CancelReason: "go away"}
		}, "go away"},
		"the watch breaks": {func(f *fakeEtcd) {
			f.do(func() {
				close(f.changes)
				f.changes = make(chan clientv3.WatchResponse)
			})
		}, "etcd ended it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source, client := newFakeEtcd(t, "a:1")
				_, h := startWatcher(t, source)
				require.Equal(t, []string{"a:1"}, h.next(t))
				synctest.Wait()
				test.fail(client)
				synctest.Wait()
				require.Empty(t, h.lists)
				require.Equal(t, 1, client.closed)
				require.Equal(t, 1, h.count(test.told), h.text())

				client.do(func() { client.fail, client.keys = nil, []string{"b:2"} })
				require.Equal(t, []string{"b:2"}, <-h.lists)
				require.Greater(t, client.dials, 1)
				synctest.Wait()
				require.Equal(t, 1, h.count(test.told), "once")
			})
		})
	}
}

func TestEtcdThatAcceptsAndSaysNothingDoesNotHoldUpStop(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	source, err := Etcd(EtcdConfig{Endpoints: []string{listener.Addr().String()}, Prefix: "/n/"})
	require.NoError(t, err)
	w, h := startWatcher(t, source)
	conn, err := listener.Accept()
	require.NoError(t, err)
	defer conn.Close()
	began := time.Now()
	stopWatcher(t, w)
	require.Less(t, time.Since(began), etcdTimeout/2, "it does not wait for the deadline")
	require.Empty(t, h.lists)
}

func TestEtcdConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := EtcdConfig{Endpoints: []string{"http://a:2379", "http://[::1]:2379"}, Prefix: "/n/", Username: "u", Password: "p"}
	require.NoError(t, good.Validate())
	require.NoError(t, EtcdConfig{Endpoints: []string{"https://a:2379"}, Prefix: "/n/", TLS: &tls.Config{}}.Validate())
	require.NoError(t, EtcdConfig{Endpoints: []string{"a:2379"}, Prefix: "/n/", TLS: &tls.Config{}}.Validate())
	for want, spoil := range map[string]func(*EtcdConfig){
		"no endpoints":         func(c *EtcdConfig) { c.Endpoints = nil },
		"no prefix":            func(c *EtcdConfig) { c.Prefix = "" },
		"username and passwor": func(c *EtcdConfig) { c.Password = "" },
		"must begin alike":     func(c *EtcdConfig) { c.Endpoints = []string{"http://a:1", "https://b:1"} },
		"is no address":        func(c *EtcdConfig) { c.Endpoints = []string{"a"} },
		"write host:port":      func(c *EtcdConfig) { c.Endpoints = []string{"ftp://a:1"} },
		"is plain text":        func(c *EtcdConfig) { c.TLS = &tls.Config{} },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(), want)
		_, err := Etcd(bad)
		require.Error(t, err)
	}
}
