package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

// uploadStub keeps one upload as a gateway does; fail may answer a request
// instead, or cut its connection.
type uploadStub struct {
	mu      sync.Mutex
	stored  bytes.Buffer
	loaded  bool
	parts   int
	queries []string
	fail    func(w http.ResponseWriter, r *http.Request) (done bool)
}

func (s *uploadStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil && s.fail(w, r) {
		return
	}
	switch r.Method {
	case http.MethodHead:
		w.Header().Set("Upload-Complete", map[bool]string{true: "?1", false: "?0"}[s.loaded])
		w.Header().Set("Upload-Offset", strconv.Itoa(s.stored.Len()))
	case http.MethodPatch:
		if r.Header.Get("Upload-Offset") != strconv.Itoa(s.stored.Len()) {
			writeProblem(w, Problem{Status: http.StatusConflict, Code: "upload_offset"})
			return
		}
		s.parts++
		_, _ = io.Copy(&s.stored, r.Body) // what arrived of a broken part is kept
		w.Header().Set("Upload-Offset", strconv.Itoa(s.stored.Len()))
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost:
		s.queries = append(s.queries, r.URL.RawQuery)
		s.loaded = true
		sum := sha256.Sum256(s.stored.Bytes())
		_ = json.NewEncoder(w).Encode(batch.Job{ID: "j", State: batch.JobReady, InputSHA256: fmt.Sprintf("%x", sum)})
	}
}

func uploadOf(text string) Upload {
	return Upload{File: strings.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text)), Format: "csv"}
}

func TestUploadGoesOnWhereTheGatewayIs(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcde\n", (2*uploadPart+1000)/16)
	cut := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	once := func(f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		done := false
		return func(w http.ResponseWriter, r *http.Request) bool {
			if done {
				return false
			}
			done = true
			return f(w, r)
		}
	}
	on := func(method string, f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		f = once(f)
		return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == method && f(w, r) }
	}
	problem := func(p Problem) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { writeProblem(w, p); return true }
	}
	for name, tc := range map[string]struct {
		begin int
		stub  func(*uploadStub)
		parts int
	}{
		"nothing happens":     {0, func(*uploadStub) {}, 3},
		"some is there":       {uploadPart + 7, func(*uploadStub) {}, 2},
		"all is there":        {len(text), func(*uploadStub) {}, 0},
		"all is loaded":       {0, func(s *uploadStub) { s.loaded = true; s.stored.WriteString(text) }, 0},
		"the question breaks": {0, func(s *uploadStub) { s.fail = on(http.MethodHead, cut) }, 3},
		"a part breaks":       {0, func(s *uploadStub) { s.fail = on(http.MethodPatch, cut) }, 3},
		"the answer to a part": {0, func(s *uploadStub) {
			s.fail = on(http.MethodPatch, func(_ http.ResponseWriter, r *http.Request) bool {
				_, _ = io.CopyN(&s.stored, r.Body, 100)
				panic(http.ErrAbortHandler)
			})
		}, 3},
		"loading breaks": {0, func(s *uploadStub) { s.fail = on(http.MethodPost, cut) }, 3},
		"loaded, but not answered": {0, func(s *uploadStub) {
			s.fail = on(http.MethodPost, func(http.ResponseWriter, *http.Request) bool { s.loaded = true; panic(http.ErrAbortHandler) })
		}, 3},
		"another request is at work": {0, func(s *uploadStub) {
			s.fail = on(http.MethodPatch, problem(Problem{Status: http.StatusConflict, Code: "upload_busy"}))
		}, 3},
		"the gateway stops": {0, func(s *uploadStub) {
			s.fail = on(http.MethodPatch, problem(Problem{Status: http.StatusServiceUnavailable, Code: "stopping"}))
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := &uploadStub{}
			stub.stored.WriteString(text[:tc.begin])
			tc.stub(stub)
			c := gatewayStub(t, stub.ServeHTTP)
			u := uploadOf(text)
			var told []int64
			u.Progress = func(n int64) { told = append(told, n) }
			job, err := c.UploadRows(t.Context(), "j", u)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%x", u.SHA256), job.InputSHA256)
			require.Equal(t, tc.parts, stub.parts)
			require.Equal(t, fmt.Sprintf("format=csv&size=%d&start=false", len(text)), stub.queries[len(stub.queries)-1])
			require.EqualValues(t, len(text), told[len(told)-1])
			require.IsIncreasing(t, dropSame(told))
		})
	}
}

func dropSame(list []int64) (out []int64) {
	for _, n := range list {
		if len(out) == 0 || out[len(out)-1] != n {
			out = append(out, n)
		}
	}
	return out
}

func TestUploadEndsWhereItCannotGoOn(t *testing.T) {
	t.Parallel()
	answer := func(method string, p Problem) *uploadStub {
		return &uploadStub{fail: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method {
				return false
			}
			writeProblem(w, p)
			return true
		}}
	}
	for name, tc := range map[string]struct {
		stub *uploadStub
		code string
	}{
		"no token":     {answer(http.MethodPatch, Problem{Status: http.StatusUnauthorized, Code: "unauthorized"}), "unauthorized"},
		"too large":    {answer(http.MethodPatch, Problem{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large"}), "body_too_large"},
		"other bytes":  {answer(http.MethodPost, Problem{Status: http.StatusConflict, Code: "upload_damaged"}), "upload_damaged"},
		"refused rows": {answer(http.MethodPost, Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_rows", FaultCount: 1}), "invalid_rows"},
	} {
		_, err := gatewayStub(t, tc.stub.ServeHTTP).UploadRows(t.Context(), "j", uploadOf("a\n1\n"))
		var p *Problem
		require.ErrorAs(t, err, &p, name)
		require.Equal(t, tc.code, p.Code)
	}

	for _, offset := range []string{"", "x", "-1", "5"} {
		stub := &uploadStub{fail: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Upload-Offset", offset)
			return true
		}}
		_, err := gatewayStub(t, stub.ServeHTTP).UploadRows(t.Context(), "j", uploadOf("a\n1\n"))
		require.ErrorContains(t, err, "Upload-Offset")
	}

	ctx, cancel := context.WithCancel(t.Context())
	stub := &uploadStub{fail: func(http.ResponseWriter, *http.Request) bool {
		time.AfterFunc(time.Millisecond, cancel)
		panic(http.ErrAbortHandler)
	}}
	_, err := gatewayStub(t, stub.ServeHTTP).UploadRows(ctx, "j", uploadOf("a\n1\n"))
	require.ErrorIs(t, err, context.Canceled)
}
