package discovery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const (
	// etcdTimeout bounds one request, its connection included: etcd gives up on a
	// request after 5 s by itself, plus twice its election time-out of 1 s.
	etcdTimeout = 7 * time.Second

	// etcdReread is how often the keys are read without any event. The client mends
	// a broken watch by itself and in silence, so this is what tells of an outage.
	etcdReread = 30 * time.Second

	// keepAlive is how often a silent connection is probed. etcd ends connections
	// that are probed more often than each 5 s.
	keepAlive = 10 * time.Second
)

// EtcdConfig names keys in etcd (v3).
type EtcdConfig struct {
	Endpoints []string // host:port or http(s)://host:port of the members, all in the same form

	// Prefix begins the keys; the value of each is one host:port. All keys that begin
	// with it count, so it should end with a separator: /nodes/chain1 takes the keys of
	// /nodes/chain10 too.
	Prefix string

	TLS                *tls.Config // nil is plain text, or the system's roots for https://
	Username, Password string      // both or none
}

// Validate says everything that is wrong.
func (c EtcdConfig) Validate() error {
	var wrong []error
	if len(c.Endpoints) == 0 {
		wrong = append(wrong, errors.New("etcd: no endpoints"))
	}
	for _, endpoint := range c.Endpoints {
		scheme, address := splitScheme(endpoint)
		if _, err := canonical(address); err != nil {
			wrong = append(wrong, fmt.Errorf("etcd: endpoint: %w", err))
		}
		first, _ := splitScheme(c.Endpoints[0])
		switch { // the client takes the scheme of the first for all, and http:// for a wish to drop TLS
		case scheme != first:
			wrong = append(wrong, fmt.Errorf("etcd: endpoints %q and %q must begin alike", c.Endpoints[0], endpoint))
		case scheme != "" && scheme != "http" && scheme != "https":
			wrong = append(wrong, fmt.Errorf("etcd: endpoint %q: write host:port, http://host:port or https://host:port", endpoint))
		case scheme == "http" && c.TLS != nil:
			wrong = append(wrong, fmt.Errorf("etcd: endpoint %q is plain text, and there are TLS settings", endpoint))
		}
	}
	if c.Prefix == "" {
		wrong = append(wrong, errors.New("etcd: no prefix"))
	}
	if (c.Username == "") != (c.Password == "") {
		wrong = append(wrong, errors.New("etcd: username and password belong together: give both or none"))
	}
	return errors.Join(wrong...)
}

func splitScheme(endpoint string) (scheme, address string) {
	if scheme, address, found := strings.Cut(endpoint, "://"); found {
		return scheme, address
	}
	return "", endpoint
}

// Etcd lists the values of the keys with a prefix. It reads them all, follows
// their changes from the revision that it read, and reads all again 100 ms after
// a change, each 30 s, and when etcd has compacted the revisions in between. Reads
// are linearizable: a member that is cut off from the others answers with a
// failure, not with an old list.
//
// No keys is an empty list.
func Etcd(cfg EtcdConfig) (Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &etcd{EtcdConfig: cfg}
	e.dial = e.newClient
	return e, nil
}

// etcdClient is what is used of a client of etcd.
type etcdClient interface {
	Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error)
	Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan
	Close() error
}

type etcd struct {
	EtcdConfig
	dial func(ctx context.Context) (etcdClient, error)
}

func (e *etcd) String() string {
	return fmt.Sprintf("etcd %s prefix %s", strings.Join(e.Endpoints, ","), e.Prefix)
}

// Watch takes a new client each time. The old one would wait up to 2 min before it
// connects again.
func (e *etcd) Watch(ctx context.Context, emit func([]Entry)) error {
	client, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		if err := e.follow(ctx, client, emit); err != nil {
			return err
		}
	}
}

// follow reads the keys, and reads them again whenever they change, until the watch
// breaks. It gives nil when the revisions between two events are compacted, so that
// a watch must begin at a newer one.
func (e *etcd) follow(ctx context.Context, client etcdClient, emit func([]Entry)) error {
	revision, err := e.read(ctx, client, emit)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	changes := client.Watch(ctx, e.Prefix, clientv3.WithPrefix(), clientv3.WithRev(revision+1))
	reread := time.NewTicker(etcdReread)
	defer reread.Stop()
	for {
		select {
		case change, open := <-changes:
			if change.CompactRevision != 0 {
				return nil
			}
			if err := change.Err(); err != nil {
				return fmt.Errorf("watch keys: %w", err)
			}
			if !open {
				return errors.New("watch keys: etcd ended it")
			}
			if err := settled(ctx, changes); err != nil {
				return err
			}
		case <-reread.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if _, err := e.read(ctx, client, emit); err != nil {
			return err
		}
	}
}

func (e *etcd) read(ctx context.Context, client etcdClient, emit func([]Entry)) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, etcdTimeout)
	defer cancel()
	answer, err := client.Get(ctx, e.Prefix, clientv3.WithPrefix(), clientv3.WithLimit(maxNodes+1))
	if err != nil {
		return 0, fmt.Errorf("read keys: %w", err)
	}
	entries := make([]Entry, len(answer.Kvs))
	for i, kv := range answer.Kvs {
		entries[i] = Entry{Where: "key " + string(kv.Key), Address: strings.TrimSpace(string(kv.Value))}
	}
	emit(entries)
	return answer.Header.Revision, nil
}

func (e *etcd) newClient(ctx context.Context) (etcdClient, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: e.Endpoints, TLS: e.TLS, Username: e.Username, Password: e.Password,
		Context: ctx, DialTimeout: etcdTimeout, DialKeepAliveTime: keepAlive, DialKeepAliveTimeout: keepAlive / 2,
		MaxUnaryRetries: 2, // the second with a new token; the watcher does the rest
		DialOptions:     []grpc.DialOption{grpc.WithChainUnaryInterceptor(failFast)},
		Logger:          zap.NewNop(), // what it would say is in the errors
	})
}

// failFast lets a request fail as soon as no member can be reached. The client's
// own way is to wait for one until the deadline, whose error hides the reason: a
// refused connection, a certificate that is not trusted.
func failFast(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, conn, append(opts, grpc.WaitForReady(false))...)
}
