package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Client asks the control endpoint of a node. All methods are safe for concurrent
// use. Their error is an *Error when the node refuses, an *UnreachableError when
// there is none, and that of ctx when it ends; then the request may still be
// carried out.
type Client struct {
	address string
	base    string
	http    *http.Client
}

// NewClient makes a client of "unix:PATH" or "host:port". It opens nothing. The
// caller must Close it.
func NewClient(address string) (*Client, error) {
	network, place, err := split(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, place)
	}}
	base := "http://localhost"
	if network == "tcp" {
		base = "http://" + place
	}
	return &Client{address: address, base: base, http: &http.Client{Transport: transport}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status is the state of the node.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

// AddFault arms a fault and gives it as it is listed.
func (c *Client) AddFault(ctx context.Context, f faults.Fault) (faults.Fault, error) {
	return ask[faults.Fault](ctx, c, http.MethodPost, "/v1/faults", f)
}

// Faults lists all faults, with how often each has struck.
func (c *Client) Faults(ctx context.Context) ([]faults.Fault, error) {
	return ask[[]faults.Fault](ctx, c, http.MethodGet, "/v1/faults", nil)
}

// RemoveFault takes one fault away and gives it as it was.
func (c *Client) RemoveFault(ctx context.Context, id int) (faults.Fault, error) {
	return ask[faults.Fault](ctx, c, http.MethodDelete, "/v1/faults/"+strconv.Itoa(id), nil)
}

// ClearFaults takes all faults away and gives their number.
func (c *Client) ClearFaults(ctx context.Context) (int, error) {
	answer, err := ask[clearAnswer](ctx, c, http.MethodDelete, "/v1/faults", nil)
	return answer.Cleared, err
}

// Snapshot names the newest block; an empty name lets the node choose.
func (c *Client) Snapshot(ctx context.Context, name string) (Snapshot, error) {
	return ask[Snapshot](ctx, c, http.MethodPost, "/v1/snapshots", snapshotRequest{name})
}

// Snapshots lists all snapshots in the order of their blocks.
func (c *Client) Snapshots(ctx context.Context) ([]Snapshot, error) {
	return ask[[]Snapshot](ctx, c, http.MethodGet, "/v1/snapshots", nil)
}

// DeleteSnapshot forgets a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, name string) error {
	_, err := ask[struct{}](ctx, c, http.MethodDelete, "/v1/snapshots/"+url.PathEscape(name), nil)
	return err
}

// Revert undoes all blocks after a snapshot (devchain.Chain.Revert) and gives the
// newest block.
func (c *Client) Revert(ctx context.Context, name string) (Block, error) {
	return ask[Block](ctx, c, http.MethodPost, "/v1/snapshots/"+url.PathEscape(name)+"/revert", struct{}{})
}

// Mine makes a block of what waits, or none when nothing does, and gives the newest.
func (c *Client) Mine(ctx context.Context) (Block, error) {
	return ask[Block](ctx, c, http.MethodPost, "/v1/mine", mineRequest{})
}

// MineBlocks makes n blocks, at least one, also empty ones, and gives the newest.
func (c *Client) MineBlocks(ctx context.Context, n int) (Block, error) {
	return ask[Block](ctx, c, http.MethodPost, "/v1/mine", mineRequest{max(n, 1)})
}

// SetSealing lets the chain make blocks by itself or not.
func (c *Client) SetSealing(ctx context.Context, on bool) error {
	_, err := ask[sealingRequest](ctx, c, http.MethodPut, "/v1/sealing", sealingRequest{on})
	return err
}

// Time is the clock of the chain.
func (c *Client) Time(ctx context.Context) (Time, error) {
	return ask[Time](ctx, c, http.MethodGet, "/v1/time", nil)
}

// ChangeTime sets the clock of the chain.
func (c *Client) ChangeTime(ctx context.Context, change TimeChange) (Time, error) {
	return ask[Time](ctx, c, http.MethodPost, "/v1/time", change)
}

func ask[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var answer T
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(text(body))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return answer, fmt.Errorf("control: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return answer, ctx.Err()
		}
		return answer, &UnreachableError{c.address, err}
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return answer, &UnreachableError{c.address, err}
	}
	if res.StatusCode != http.StatusOK {
		failure := &Error{}
		if json.Unmarshal(data, failure) != nil || failure.Kind == "" {
			return answer, &UnreachableError{c.address, fmt.Errorf("it is no control endpoint: HTTP status %d", res.StatusCode)}
		}
		return answer, failure
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, &UnreachableError{c.address, errors.New("it is no control endpoint: what it answers cannot be read")}
	}
	return answer, nil
}
