package fisco

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded is a connection that keeps what is written, write by write.
type recorded struct {
	net.Conn
	writes []string
	err    error
}

func (r *recorded) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func TestCorkGathersWritesInOrder(t *testing.T) {
	t.Parallel()
	to := &recorded{}
	c := &cork{Conn: to}
	write := func(held bool, p string) {
		c.held.Store(held)
		n, err := c.Write([]byte(p))
		require.NoError(t, err)
		require.Equal(t, len(p), n)
	}
	write(false, "a")
	require.Equal(t, []string{"a"}, to.writes, "nothing is kept")
	write(true, "b")
	write(true, "c")
	require.Len(t, to.writes, 1, "kept")
	write(false, "d")
	require.Equal(t, []string{"a", "bcd"}, to.writes)
	write(false, "e")
	require.Equal(t, []string{"a", "bcd", "e"}, to.writes, "kept no longer")
}

func TestCorkIsBounded(t *testing.T) {
	t.Parallel()
	to := &recorded{}
	c := &cork{Conn: to}
	var want, got bytes.Buffer
	for i, size := range []int{corkSize - 1, 2, 10, corkSize, corkSize + 1, 3, corkSize, 1} {
		p := bytes.Repeat([]byte{'a' + byte(i)}, size)
		want.Write(p)
		c.held.Store(i < 7)
		n, err := c.Write(p)
		require.NoError(t, err)
		require.Equal(t, size, n)
		require.LessOrEqual(t, len(c.kept), corkSize)
	}
	for _, w := range to.writes {
		got.WriteString(w)
	}
	require.Equal(t, want.String(), got.String(), "all of it, in order")
}

func TestCorkTellsOfABrokenConnection(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, size := range []int{1, corkSize} {
		c := &cork{Conn: &recorded{err: broken}}
		c.held.Store(true)
		_, err := c.Write([]byte("a"))
		require.NoError(t, err, "not written yet")
		c.held.Store(false)
		_, err = c.Write(make([]byte, size))
		require.ErrorIs(t, err, broken)
	}
}
