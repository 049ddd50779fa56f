package discovery

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

// replace writes a file as it should be done: another one, renamed over it.
func replace(t *testing.T, path, content string) {
	t.Helper()
	other := path + ".new"
	require.NoError(t, os.WriteFile(other, []byte(content), 0o600))
	require.NoError(t, os.Rename(other, path))
}

// watchFile watches a real file whose poll never comes, so that only notices tell.
func watchFile(t *testing.T, path string) (*Watcher, *heard) {
	t.Helper()
	source, err := File(FileConfig{Path: path, Poll: time.Hour})
	require.NoError(t, err)
	return startWatcher(t, source)
}

func TestAFileThatIsReplacedOrWrittenInPlaceIsSeen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nodes")
	replace(t, path, "# ours\n\nb:2 # second\r\n  a:1\nb:2\n")
	_, h := watchFile(t, path)
	require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
	for i := range 3 {
		node := fmt.Sprintf("c%d:3", i)
		replace(t, path, "a:1\n"+node+"\n")
		require.Equal(t, []string{"a:1", node}, h.next(t))
	}
	require.NoError(t, os.WriteFile(path, []byte("d:4"), 0o600))
	h.until(t, "d:4")
}

func TestALinkThatIsTurnedIsSeen(t *testing.T) {
	t.Parallel()
	// nodes -> ..data/nodes, ..data -> a folder: how Kubernetes mounts a ConfigMap.
	folder := t.TempDir()
	version := func(name, content string) {
		require.NoError(t, os.Mkdir(filepath.Join(folder, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name, "nodes"), []byte(content), 0o600))
		fresh := filepath.Join(folder, "..data_tmp")
		if err := os.Symlink(name, fresh); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		require.NoError(t, os.Rename(fresh, filepath.Join(folder, "..data")))
	}
	version("..v1", "a:1\n")
	path := filepath.Join(folder, "nodes")
	require.NoError(t, os.Symlink(filepath.Join("..data", "nodes"), path))
	_, h := watchFile(t, path)
	require.Equal(t, []string{"a:1"}, h.next(t))
	version("..v2", "a:1\nb:2\n")
	require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
	version("..v3", "b:2\n")
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "..v1")))
	require.Equal(t, []string{"b:2"}, h.next(t))
}

func TestAFileThatIsMissingOrEmptyTakesNoNodeAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "below", "nodes")
	w, h := watchFile(t, path)
	h.untilLogged(t, "no such file")
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	replace(t, path, "a:1\n")
	require.NoError(t, w.Wait(t.Context()), "folder and file come later")
	require.Equal(t, []string{"a:1"}, h.next(t))

	replace(t, path, "# nobody\n")
	h.untilLogged(t, ErrNoNodes.Error())
	require.NoError(t, os.Remove(path))
	require.Eventually(t, func() bool { return h.count("no such file") >= 2 }, 20*time.Second, 5*time.Millisecond, h.text())
	require.NoError(t, os.Mkdir(path, 0o700)) // a folder is no file
	h.untilLogged(t, "is no regular file")
	require.NoError(t, os.Remove(path))
	replace(t, path, strings.Repeat("#\n", maxFile/2)+"x:1\n")
	h.untilLogged(t, "larger than")
	require.Empty(t, h.lists)

	replace(t, path, "a:1\nnot a node\nb:2\n")
	require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
	require.Equal(t, 1, h.count("line 2: "), h.text())
}

// fakeNotices is a folder whose notices the test sends.
type fakeNotices struct {
	changes chan fsnotify.Event
	errors  chan error
	opened  int
	closed  int
	fail    error
}

func (f *fakeNotices) open(string) (notices, error) {
	f.opened++
	return notices{changes: f.changes, errors: f.errors, close: func() { f.closed++ }}, f.fail
}

func fakeFile(t *testing.T, content string) (*file, *fakeNotices) {
	t.Helper()
	source, err := File(FileConfig{Path: filepath.Join(t.TempDir(), "nodes")})
	require.NoError(t, err)
	folder := &fakeNotices{changes: make(chan fsnotify.Event), errors: make(chan error)}
	f := source.(*file)
	f.notices = folder.open
	replace(t, f.Path, content)
	return f, folder
}

func TestOneChangeToldInManyNoticesIsReadOnceItHasSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, folder := fakeFile(t, "a:1")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))

		began := time.Now()
		for i := range 9 { // a deployment that takes 90 ms
			replace(t, source.Path, fmt.Sprintf("b:%d", i+1))
			folder.changes <- fsnotify.Event{}
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, []string{"b:9"}, h.next(t))
		require.Equal(t, settle, time.Since(began))
	})
}

func TestAFolderThatNeverRestsIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, folder := fakeFile(t, "a:1")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		replace(t, source.Path, "b:2")
		for range 20 {
			folder.changes <- fsnotify.Event{}
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, []string{"b:2"}, <-h.lists)
	})
}

func TestWithoutAnyNoticeTheFileIsPolled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, folder := fakeFile(t, "a:1")
		w, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		began := time.Now()
		replace(t, source.Path, "b:2")
		require.Equal(t, []string{"b:2"}, <-h.lists)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, 2, folder.opened, "the folder is watched anew, it may be another")
		stopWatcher(t, w)
		require.Equal(t, 2, folder.closed)
	})
}

func TestAFolderThatCannotBeWatchedIsToldAndTheFileStillRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, folder := fakeFile(t, "a:1")
		folder.fail = errors.New("no watches left")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		for i := range 5 {
			began := time.Now()
			node := fmt.Sprintf("b:%d", i+1)
			replace(t, source.Path, node)
			require.Equal(t, []string{node}, <-h.lists)
			require.Equal(t, 30*time.Second, time.Since(began))
		}
		require.Equal(t, 1, h.count("no watches left"), h.text())
		require.Zero(t, h.count("the last one stays"), "the list is good")
	})
}

func TestNoticesThatBreakAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source, folder := fakeFile(t, "a:1")
		_, h := startWatcher(t, source)
		require.Equal(t, []string{"a:1"}, h.next(t))
		replace(t, source.Path, "b:2")
		began := time.Now()
		folder.errors <- fsnotify.ErrEventOverflow
		require.Equal(t, []string{"b:2"}, <-h.lists)
		require.Less(t, time.Since(began), 500*time.Millisecond)
		require.Equal(t, 1, folder.closed)
	})
}

func TestFileConfigIsChecked(t *testing.T) {
	t.Parallel()
	require.NoError(t, FileConfig{Path: "nodes"}.Validate())
	err := FileConfig{Poll: -1}.Validate()
	require.ErrorContains(t, err, "no path")
	require.ErrorContains(t, err, "negative")
	_, err = File(FileConfig{})
	require.Error(t, err)
	source, err := File(FileConfig{Path: filepath.Join(t.TempDir(), "none")})
	require.NoError(t, err)
	require.ErrorIs(t, source.Watch(t.Context(), nil), fs.ErrNotExist)
}
