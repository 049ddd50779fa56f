//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// killingReader gives the bytes of an input; at some offsets it kills first.
type killingReader struct {
	io.ReaderAt
	at   []int64
	kill func()
}

func (k *killingReader) ReadAt(p []byte, off int64) (int, error) {
	if len(k.at) > 0 && off >= k.at[0] {
		k.at = k.at[1:]
		k.kill()
	}
	return k.ReaderAt.ReadAt(p, off)
}

// An upload whose gateway is killed and started again goes on by itself, and the
// job has the rows with the hash of the file.
func TestUploadGoesOnAfterTheGatewayIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String() // the gateway comes back where it was
	require.NoError(t, listener.Close())
	p := w.process("--http-listen", address)
	s := (&service{t: t, url: p.url, client: http.DefaultClient, err: p.err}).ready()
	s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	id := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save"}`)["id"].(string)

	const rows = 2500
	var text strings.Builder // rows of 10 kB, 25 MB in all: four parts
	text.WriteString("digest,text,note\n")
	for i := range rows {
		fmt.Fprintf(&text, "0x%064x,file %d,%s\n", i, i, strings.Repeat("x", 10_000))
	}
	back := make(chan *process, 3)
	input := &killingReader{ReaderAt: strings.NewReader(text.String()), at: []int64{3 << 20, 13 << 20, 20 << 20}, kill: func() {
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = p.cmd.Wait()
		p = w.process("--http-listen", address)
		back <- p
	}}
	c, err := client.New(client.Config{URL: s.url, Backoff: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told []int64
	job, err := c.UploadRows(ctx, id, client.Upload{File: input, Size: int64(text.Len()), SHA256: sha256.Sum256([]byte(text.String())),
		Progress: func(n int64) { told = append(told, n) }})
	require.NoError(t, err, "%s", p.err)
	require.Len(t, back, 3, "it was killed at each of the places")
	require.Equal(t, batch.JobReady, job.State)
	require.EqualValues(t, rows, job.Rows)
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(text.String()))), job.InputSHA256)
	for i := 1; i < len(told); i++ {
		require.GreaterOrEqual(t, told[i], told[i-1], "what was stored stays stored")
	}
	left, err := os.ReadDir(w.path("store/jobs.db.uploads"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left of the upload")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, exitOK, p.code(), "%s", p.err)
}
