package uploads

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	require.NoError(t, err)
	return s
}

func keyOf(owner, text string) Key { return Key{Owner: owner, SHA256: sha256.Sum256([]byte(text))} }

// readAll gives the bytes of an upload that is whole.
func readAll(t *testing.T, s *Store, key Key) string {
	t.Helper()
	var text []byte
	require.NoError(t, s.Read(t.Context(), key, func(f *os.File) (err error) {
		text, err = io.ReadAll(f)
		return err
	}))
	return string(text)
}

func TestPartsBecomeOneUploadThroughRestarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "here")
	text := strings.Repeat("0123456789", 100)
	key := keyOf("job-1", text)
	for at := 0; at < len(text); at += 300 {
		s := open(t, dir)
		stored, err := s.Offset(key)
		require.NoError(t, err)
		require.EqualValues(t, at, stored)
		stored, err = s.Append(key, stored, strings.NewReader(text[at:min(at+300, len(text))]))
		require.NoError(t, err)
		require.EqualValues(t, min(at+300, len(text)), stored)
	}
	s := open(t, dir)
	require.Equal(t, text, readAll(t, s, key))
	require.Equal(t, text, readAll(t, s, key), "reading takes nothing away")
	require.NoError(t, s.Remove(key))
	require.NoError(t, s.Remove(key))
	stored, err := s.Offset(key)
	require.NoError(t, err)
	require.Zero(t, stored)
}

func TestAPartMustBeginWhereTheStoredBytesEnd(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	key := keyOf("job", "abcdef")
	_, err := s.Append(key, 0, strings.NewReader("abc"))
	require.NoError(t, err)
	for _, offset := range []int64{0, 2, 4} {
		stored, err := s.Append(key, offset, strings.NewReader("x"))
		require.Equal(t, &OffsetError{Stored: 3}, err)
		require.EqualValues(t, 3, stored)
	}
	_, err = s.Append(key, 3, strings.NewReader("def"))
	require.NoError(t, err)
	require.Equal(t, "abcdef", readAll(t, s, key))
}

func TestWhatArrivedOfAPartThatBrokeOffIsStored(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	key := keyOf("job", "abcdef")
	broken := errors.New("connection reset")
	stored, err := s.Append(key, 0, io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.EqualValues(t, 4, stored)
	_, err = s.Append(key, 4, strings.NewReader("ef"))
	require.NoError(t, err)
	require.Equal(t, "abcdef", readAll(t, s, key))
}

func TestBytesWithoutTheirHashAreThrownAway(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	key := keyOf("job", "what was meant")
	_, err := s.Append(key, 0, strings.NewReader("what arrived"))
	require.NoError(t, err)
	err = s.Read(t.Context(), key, func(*os.File) error { panic("they are not used") })
	require.ErrorIs(t, err, ErrDamaged)
	stored, err := s.Offset(key)
	require.NoError(t, err)
	require.Zero(t, stored)
}

func TestOneAtATime(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	key, other := keyOf("job", "ab"), keyOf("job2", "ab")
	body, feed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(key, 0, body)
		done <- err
	}()
	_, err := io.WriteString(feed, "a")
	require.NoError(t, err)
	_, err = s.Append(key, 1, strings.NewReader("b"))
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorIs(t, s.Remove(key), ErrBusy)
	require.ErrorIs(t, s.Read(t.Context(), key, nil), ErrBusy)
	_, err = s.Append(other, 0, strings.NewReader("ab"))
	require.NoError(t, err, "others are not disturbed")
	_, err = s.Append(keyOf("job", "cd"), 0, strings.NewReader("cd"))
	require.NoError(t, err, "what is being written is left alone")
	_, err = io.WriteString(feed, "b")
	require.NoError(t, err)
	require.NoError(t, feed.Close())
	require.NoError(t, <-done)
	require.Equal(t, "ab", readAll(t, s, key))
}

func TestAnotherInputTakesThePlaceOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, owner := range []string{"job", "job-2"} {
		_, err := s.Append(keyOf(owner, "first"), 0, strings.NewReader("fir"))
		require.NoError(t, err)
	}
	_, err := s.Append(keyOf("job", "other"), 0, strings.NewReader("oth"))
	require.NoError(t, err)
	for key, want := range map[Key]int64{keyOf("job", "first"): 0, keyOf("job", "other"): 3, keyOf("job-2", "first"): 3} {
		stored, err := s.Offset(key)
		require.NoError(t, err)
		require.Equal(t, want, stored)
	}
}

func TestNamesCannotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, owner := range []string{"", "..", "../x", "a/b", `a\b`, "a*", "a.b", "ä"} {
		_, err := s.Append(Key{Owner: owner}, 0, strings.NewReader("x"))
		require.ErrorContains(t, err, "cannot name an upload", "%q", owner)
		_, err = s.Offset(Key{Owner: owner})
		require.Error(t, err)
		require.Error(t, s.Remove(Key{Owner: owner}))
		require.Error(t, s.Read(t.Context(), Key{Owner: owner}, nil))
	}
}

func TestSpooledBytesAreGoneBehindTheirUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var got bytes.Buffer
	require.NoError(t, s.Spool(strings.NewReader("abc"), func(f *os.File) error {
		_, err := io.Copy(&got, f)
		return err
	}))
	require.Equal(t, "abc", got.String())
	broken := errors.New("broken")
	require.ErrorIs(t, s.Spool(iotest.ErrReader(broken), nil), broken)
	require.ErrorIs(t, s.Spool(strings.NewReader("abc"), func(*os.File) error { return broken }), broken)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)

	require.NoError(t, os.WriteFile(filepath.Join(dir, spoolPrefix+"1"), nil, 0o600))
	open(t, dir)
	require.NoFileExists(t, filepath.Join(dir, spoolPrefix+"1"), "what a killed process left is removed")
}

func TestOldUploadsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	age := func(key Key, by time.Duration) {
		path, err := open(t, dir).path(key)
		require.NoError(t, err)
		at := time.Now().Add(-by)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	s := open(t, dir)
	old, young := keyOf("old", "x"), keyOf("young", "x")
	for _, key := range []Key{old, young} {
		_, err := s.Append(key, 0, strings.NewReader("x"))
		require.NoError(t, err)
	}
	age(young, Keep-time.Minute)
	age(old, Keep+time.Minute)
	s = open(t, dir)
	stored, err := s.Offset(old)
	require.NoError(t, err)
	require.Zero(t, stored, "at the start")
	stored, err = s.Offset(young)
	require.NoError(t, err)
	require.EqualValues(t, 1, stored)
}

func TestUploadsExpireWhileTheGatewayRuns(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dir)
		key := keyOf("old", "x")
		_, err := s.Append(key, 0, strings.NewReader("x"))
		require.NoError(t, err)
		path, err := s.path(key)
		require.NoError(t, err)
		require.NoError(t, os.Chtimes(path, time.Now(), time.Now())) // on the clock of the test
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Expire(ctx, func(err error) { t.Error(err) })
		}()
		time.Sleep(Keep - time.Minute)
		require.FileExists(t, path)
		time.Sleep(2 * sweepInterval)
		require.NoFileExists(t, path)
		cancel()
		<-done
	})
}
