package assemble

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/discovery"
)

// ListNodes is the list of a target's nodes now: that of the configuration, or the
// first that the place gives where they are listed. It blocks until that has
// listed some, or ctx ends, and then says what is wrong with it.
func ListNodes(ctx context.Context, c configs.Target) ([]string, error) {
	source, err := NodeSource(c.Discovery)
	if err != nil || source == nil {
		return c.Nodes, err
	}
	listed := make(chan []string, 1)
	w, err := discovery.NewWatcher(discovery.Config{Source: source, Logger: slog.New(slog.DiscardHandler), Set: func(nodes []string) error {
		select {
		case listed <- nodes:
		default: // one list is enough
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	if err := w.Start(ctx); err != nil {
		return nil, err
	}
	err = w.Wait(ctx)
	if err := errors.Join(err, w.Stop(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	return <-listed, nil
}

// follow tells a pool of its nodes as they come and go; nil when the configuration
// itself lists them.
func follow(d configs.Discovery, conns *pool.Pool, log *slog.Logger) (*discovery.Watcher, error) {
	source, err := NodeSource(d)
	if err != nil || source == nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return discovery.NewWatcher(discovery.Config{Source: source, Set: conns.SetNodes, Logger: log.With("target", conns.Target().Name)})
}

// NodeSource is the place where nodes are listed; nil when the configuration
// itself lists them. It reads files, and touches no network.
func NodeSource(d configs.Discovery) (discovery.Source, error) {
	switch {
	case d.DNS.Name != "":
		return discovery.DNS(discovery.DNSConfig{Name: d.DNS.Name, Server: d.DNS.Server, Interval: d.DNS.Interval})
	case d.File.Path != "":
		return discovery.File(discovery.FileConfig{Path: d.File.Path, Poll: d.File.Poll})
	case len(d.Etcd.Endpoints) > 0:
		return etcdSource(d.Etcd)
	}
	return nil, nil
}

func etcdSource(e configs.DiscoveryEtcd) (discovery.Source, error) {
	password, err := firstLine(e.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("password of etcd: %w", err)
	}
	var security *tls.Config // nil when nothing is set
	if t := e.TLS; t != (configs.DiscoveryTLS{}) {
		if security, err = certs.LoadHTTPSClient(t.CA, t.Cert, t.Key); err != nil {
			return nil, err
		}
	}
	return discovery.Etcd(discovery.EtcdConfig{Endpoints: e.Endpoints, Prefix: e.Prefix, TLS: security, Username: e.Username, Password: password})
}

// firstLine reads the first line of a file; without a path it is empty.
func firstLine(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("the file %s has an empty first line", path)
	}
	return line, nil
}
