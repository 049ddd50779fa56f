package fisco

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// HTTPClient speaks to one node over HTTP or HTTPS, on the same port as Client:
// all of Methods, and no pushes (heads, events, AMOP), which need a WebSocket.
// It keeps a few connections open and makes new ones as needed; it does not
// break. It is safe for concurrent use. Close frees the idle connections.
type HTTPClient struct {
	Methods
	http *http.Client
	url  string
}

// httpConns is how many idle connections an HTTPClient keeps.
const httpConns = 16

// errAnswer means that something came back that no node answers.
var errAnswer = errors.New("not the answer of a node")

// DialHTTP asks a node over HTTP or HTTPS what it serves, and fails as Dial does.
// Heartbeat and MaxInFlight of the configuration are not used.
func DialHTTP(ctx context.Context, cfg DialConfig) (*HTTPClient, error) {
	cfg.setDefaults()
	if cfg.ChainID == "" || cfg.Group == "" {
		return nil, dialFailure(cfg.Address, chain.KindInvalid, ReasonWrongChain, "the target needs a chain id and a group", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	c := &HTTPClient{url: "http://" + cfg.Address + "/"}
	// TLS is spoken inside of the dial function, so that its failures are told
	// apart as those of Dial are.
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				stream, err := openStream(ctx, &cfg)
				if err != nil {
					return nil, err
				}
				return stream, nil
			},
			MaxIdleConnsPerHost: httpConns,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.Methods = Methods{carrier: c, address: cfg.Address, chainID: cfg.ChainID, group: cfg.Group, readTimeout: cfg.ReadTimeout}
	groups, err := c.GetGroupInfoList(ctx)
	if err != nil {
		_ = c.Close()
		return nil, httpFailure(ctx, cfg.Address, err)
	}
	info, err := cfg.choose(groups)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	c.suite = suiteOf(&info)
	return c, nil
}

// httpFailure says why the first request of DialHTTP failed.
func httpFailure(ctx context.Context, node string, err error) error {
	if _, ok := errors.AsType[*DialError](err); ok {
		return err
	}
	if failure := timeFailure(ctx, node, "waiting for the first answer", err); failure != nil {
		return failure
	}
	return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "it does not answer as a FISCO BCOS 3.x node does: is this the native RPC port?", err)
}

// Close frees the idle connections. The error is always nil.
func (c *HTTPClient) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Head asks the node for its newest block.
func (c *HTTPClient) Head(ctx context.Context) (chain.Head, error) {
	number, err := c.GetBlockNumber(ctx)
	if err != nil {
		return chain.Head{}, err
	}
	return chain.Head{Number: number, At: time.Now()}, nil
}

// carry is the carrier of Methods: a POST. A node answers 200 to everything that
// it understands (protocol §1.1).
func (c *HTTPClient) carry(ctx context.Context, op string, params []any) ([]byte, bool, error) {
	body, err := jsonrpc.AppendRequest(nil, 1, op, params...)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errWrite, err)
	}
	if len(body) > maxMessage {
		return nil, false, fmt.Errorf("%w: %d bytes", errTooLarge, len(body))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errWrite, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		if dial, ok := errors.AsType[*chain.Error](err); ok {
			return nil, false, dial // openStream's, without what net/http puts around it
		}
		return nil, true, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
	switch {
	case err != nil:
		return nil, true, err
	case response.StatusCode != http.StatusOK:
		return nil, true, fmt.Errorf("%w: HTTP status %d", errAnswer, response.StatusCode)
	case len(answer) > maxMessage:
		return nil, true, fmt.Errorf("%w: longer than 32 MiB", errAnswer)
	}
	return answer, true, nil
}

// broken is always nil: the next request makes a new connection.
func (c *HTTPClient) broken() error { return nil }

// noteHead is not needed: each Head asks.
func (c *HTTPClient) noteHead(uint64) {}
