package devchain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// The ledger on disk: one key-value store, one batch a block. The first byte of
// a key says what it is; flatstate has a, c and s, tables has t.
const (
	keyGenesis     = 'G' // -> storedGenesis
	keyHead        = 'H' // -> storedHead
	keyBlock       = 'B' // number -> storedBlock
	keyNumber      = 'N' // block hash -> number
	keyTransaction = 'T' // number, index -> storedTransaction
	keyReceipt     = 'R' // number, index -> Receipt
	keyPlace       = 'P' // transaction hash -> number, index
	keyNonces      = 'U' // number -> digests of the nonces used in that block
	keyABI         = 'I' // code hash -> ABI text
	keyHash        = 'h' // number -> block hash
	keySnapshot    = 'Z' // name -> storedSnapshot
	keyUndo        = 'V' // number -> the entries that the block overwrote, as []storedEntry
	keyVote        = 'W' // -> what this node has promised to the other nodes
)

func numberKey(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

func hashKey(kind byte, hash common.Hash) []byte { return append([]byte{kind}, hash[:]...) }

func placeKey(kind byte, number uint64, index int) []byte {
	return binary.BigEndian.AppendUint32(numberKey(kind, number), uint32(index))
}

func snapshotKey(name string) []byte { return append([]byte{keySnapshot}, name...) }

// ledger is the store. Everything it holds is also held by its snapshots, which
// are what all reads but the sealer's use.
type ledger struct {
	db *pebble.DB
}

// Sizes of the store's memory: enough that the hot part of a million accounts
// stays in memory, small enough for a laptop that runs four nodes. The block cache
// lends its memory to the memtables, of which there are two or three at a time;
// were they as large, nothing would be cached. What is left holds the filters of a
// million transactions.
const (
	blockCacheBytes = 32 << 20
	memTableBytes   = 8 << 20
	codeCacheBytes  = 32 << 20
	// filterBitsPerKey makes one read in a hundred look in vain.
	filterBitsPerKey = 10
)

func openLedger(dir string, fs vfs.FS, logger *slog.Logger) (*ledger, error) {
	if err := makeFolder(fs, dir); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	cache := pebble.NewCache(blockCacheBytes)
	defer cache.Unref()
	options := &pebble.Options{
		FS:                 fs,
		Cache:              cache,
		MemTableSize:       memTableBytes,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             storeLogger{logger},
	}
	// Most reads of the state are of entries that are not there yet; the filter says
	// so without a look into the files. The other levels follow level 0.
	options.Levels[0].FilterPolicy = bloom.FilterPolicy(filterBitsPerKey)
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fmt.Errorf("data folder %s cannot be opened (is another node using it?): %w", dir, err)
	}
	return &ledger{db: db}, nil
}

// makeFolder makes a folder and those above it that are missing, so that a crash
// does not take them away again.
func makeFolder(fs vfs.FS, dir string) error {
	var above []string // folders that get a new entry
	for path := dir; ; {
		if _, err := fs.Stat(path); err == nil {
			break
		}
		parent := fs.PathDir(path)
		if parent == path {
			break
		}
		above = append(above, parent)
		path = parent
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range above {
		folder, err := fs.OpenDir(path)
		if err != nil {
			return err
		}
		if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Get reads the newest committed entry; it is the sealer's view.
func (l *ledger) Get(key []byte) ([]byte, error) { return pebbleGet(l.db, key) }

// write puts the changes on disk: when it returns they survive a crash, all of
// them or none.
func (l *ledger) write(changes []flatstate.Change) error {
	return l.apply(changes, pebble.Sync)
}

// writeLazily is write for changes that may be lost as long as no later write is
// on disk.
func (l *ledger) writeLazily(changes []flatstate.Change) error {
	return l.apply(changes, pebble.NoSync)
}

// deleteUpTo takes away the entries of a kind that are numbered up to number.
func (l *ledger) deleteUpTo(kind byte, number uint64) error {
	return l.db.DeleteRange(numberKey(kind, 0), numberKey(kind, number+1), pebble.Sync)
}

func (l *ledger) apply(changes []flatstate.Change, how *pebble.WriteOptions) error {
	batch := l.db.NewBatch()
	defer batch.Close()
	for _, c := range changes {
		var err error
		if c.Value == nil {
			err = batch.Delete(c.Key, nil)
		} else {
			err = batch.Set(c.Key, c.Value, nil)
		}
		if err != nil {
			return err
		}
	}
	return batch.Commit(how)
}

// close frees the store. What is only in its log is flushed first, so that the next
// start does not have to read the log again.
func (l *ledger) close() error { return errors.Join(l.db.Flush(), l.db.Close()) }

// snapshot is the ledger as it was when the snapshot was taken.
type snapshot struct{ *pebble.Snapshot }

func (s snapshot) Get(key []byte) ([]byte, error) { return pebbleGet(s.Snapshot, key) }

// Scan calls each with all keys that begin with prefix, in order, until it is false.
func (l *ledger) Scan(prefix []byte, each func(key, value []byte) bool) error {
	return pebbleScan(l.db, prefix, each)
}

// Scan is that of the ledger as it was.
func (s snapshot) Scan(prefix []byte, each func(key, value []byte) bool) error {
	return pebbleScan(s.Snapshot, prefix, each)
}

// scan calls each with the values of all keys that begin with prefix, in order.
func (s snapshot) scan(prefix []byte, each func(value []byte) error) error {
	var failed error
	err := s.Scan(prefix, func(_, value []byte) bool {
		failed = each(value)
		return failed == nil
	})
	return errors.Join(failed, err)
}

func pebbleScan(from pebble.Reader, prefix []byte, each func(key, value []byte) bool) error {
	end := append([]byte{}, prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			break
		}
	}
	it, err := from.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return err
	}
	for more := it.First(); more; more = it.Next() {
		if !each(it.Key(), it.Value()) {
			break
		}
	}
	return errors.Join(it.Error(), it.Close())
}

func pebbleGet(from pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	out := append(make([]byte, 0, len(value)), value...)
	return out, closer.Close()
}

// storeLogger passes on what the store has to say.
type storeLogger struct{ logger *slog.Logger }

func (l storeLogger) Infof(format string, args ...any) {
	l.logger.Debug("ledger: " + fmt.Sprintf(format, args...))
}

func (l storeLogger) Errorf(format string, args ...any) {
	l.logger.Error("ledger: " + fmt.Sprintf(format, args...))
}

// Fatalf is called when the store cannot go on without risking its data.
func (l storeLogger) Fatalf(format string, args ...any) {
	l.logger.Error("ledger: " + fmt.Sprintf(format, args...))
	panic("ledger: " + fmt.Sprintf(format, args...))
}
