// Package client speaks the gateway's HTTP API: jobs and their rows, single
// transactions, calls, contracts and chains, in the same words and types as
// package batch.
//
// It never knows a chain, signs nothing and keeps nothing: what it is told is
// in the gateway. Requests are repeated only where that is safe, see
// [Config.Attempts].
package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where the gateway is and who asks.
type Config struct {
	// URL is the address of the gateway, for example "http://127.0.0.1:8080". A
	// path is kept as a prefix; without a scheme http:// is taken for loopback
	// addresses and https:// for all others.
	URL string
	// Token is sent as a bearer token; empty sends none. It is refused over plain
	// HTTP to anything but a loopback address, where others could read it.
	Token string
	// TLS is for https:// addresses; nil trusts the system's authorities and
	// shows no certificate.
	TLS *tls.Config
	// Attempts is how often a request that can be repeated safely is tried
	// before its error is given back; 0 is 5, 1 never repeats. Such requests are
	// all reads, calls (which are reads), creating a job or a transaction with an
	// idempotency key, sending the rows of a job, starting, pausing, resuming and canceling it,
	// cordoning and uncordoning nodes. They are repeated when no answer came, and after 429, 502, 503 and 504.
	Attempts int
	// Backoff is the pause before the second attempt; 0 is 200 ms. It doubles
	// with each attempt up to 5 s, and a random part of it is waited. The
	// gateway's Retry-After goes before it, up to 30 s.
	Backoff time.Duration
	// Logger is told of repeated requests; nil tells nobody.
	Logger *slog.Logger
}

// Client is a connection to one gateway. It is safe for concurrent use. All its
// methods block until the answer or the end of their context. Their errors are
// *Problem when the gateway refused, *UnreachableError when no answer came, and
// wrap the context's error when that ended.
type Client struct {
	base      *url.URL
	token     string
	attempts  int
	backoff   time.Duration
	log       *slog.Logger
	http      *http.Client
	transport *http.Transport
}

// New builds a client; nothing is sent. Close frees its connections.
func New(cfg Config) (*Client, error) {
	base, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Token != "" && base.Scheme == "http" && !isLoopback(base.Hostname()) {
		return nil, fmt.Errorf("gateway %s: a token is not sent over plain HTTP to another machine: use https://", base.Redacted())
	}
	c := &Client{
		base:     base,
		token:    cfg.Token,
		attempts: cfg.Attempts,
		backoff:  cfg.Backoff,
		log:      cfg.Logger,
		transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig:       cfg.TLS,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		},
	}
	if c.attempts <= 0 {
		c.attempts = 5
	}
	if c.backoff <= 0 {
		c.backoff = 200 * time.Millisecond
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	// A redirect would carry rows and token to an address that nobody configured.
	c.http = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return c, nil
}

// Close closes idle connections. Requests that are under way are not disturbed.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// URL is the address of the gateway, without a password.
func (c *Client) URL() string { return c.base.Redacted() }

func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("the address of the gateway is empty; it looks like http://127.0.0.1:8080")
	}
	if !strings.Contains(text, "://") {
		host, _, _ := strings.Cut(text, "/")
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		scheme := "https://"
		if isLoopback(host) {
			scheme = "http://"
		}
		text = scheme + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the address of the gateway: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the address of the gateway, %s, is not http://host:port or https://host:port", u.Redacted())
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the address of the gateway, %s, must not have a query or a fragment", u.Redacted())
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
