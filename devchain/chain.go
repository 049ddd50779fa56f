package devchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// The values that an official config.ini has.
const (
	DefaultMinSealTime  = 500 * time.Millisecond
	DefaultBlockLimit   = 1000
	DefaultPoolLimit    = 15000
	DefaultTxExpiration = 10 * time.Minute
)

// Config says which chain it is and how its blocks are made.
type Config struct {
	Genesis Genesis
	DataDir string // made when missing; one chain uses it at a time

	// NodeKeys are the consensus keys that are held here, of the chain's suite.
	// Each must belong to a sealer of the genesis; all sign every block.
	NodeKeys []*suite.Key

	// MinSealTime is how long the oldest waiting transaction waits for company,
	// and the least time between two blocks. 0 is DefaultMinSealTime; below 0
	// nothing waits.
	MinSealTime time.Duration
	// SealFull makes a block at once when TxCountLimit transactions wait, as a
	// real node does. Otherwise MinSealTime counts for full blocks, too.
	SealFull bool

	// Manual makes blocks only when Mine is called; MinSealTime and SealFull do
	// not count then. SetSealing changes it.
	Manual bool
	// Clock tells the time stamps of blocks and of arriving transactions; nil is
	// time.Now. How long a transaction waits is told by the machine's clock.
	Clock func() time.Time
	// Skew is asked for each block and added to the time of the clock; nil is none.
	Skew func() time.Duration
	// Deterministic makes the same blocks with the same hashes of the same
	// transactions in the same order: each transaction gets a block of its own as
	// soon as it arrives, unless only Mine makes blocks, and each block is a second
	// younger than the one before. MinSealTime and SealFull do not count, and a nil
	// Clock stands still at DeterministicStart.
	Deterministic bool

	// Gossip is set when several nodes agree on the blocks: the chain makes none by
	// itself then (Propose). It gets every transaction that a client sent here and
	// must not block.
	Gossip func(raw []byte)

	BlockLimit   int64         // window of the block limit, in blocks; 0 is DefaultBlockLimit, at most 5000
	PoolLimit    int           // most transactions in no block yet; 0 is DefaultPoolLimit
	TxExpiration time.Duration // how long a transaction may wait for a block; 0 is DefaultTxExpiration
	Logger       *slog.Logger  // nil discards

	fs vfs.FS // nil is the disk; tests crash it
}

func (cfg Config) withDefaults() Config {
	if cfg.MinSealTime == 0 {
		cfg.MinSealTime = DefaultMinSealTime
	}
	if cfg.BlockLimit == 0 {
		cfg.BlockLimit = DefaultBlockLimit
	}
	if cfg.PoolLimit == 0 {
		cfg.PoolLimit = DefaultPoolLimit
	}
	if cfg.TxExpiration == 0 {
		cfg.TxExpiration = DefaultTxExpiration
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
		if cfg.Deterministic {
			cfg.Clock = func() time.Time { return DeterministicStart }
		}
	}
	if cfg.Skew == nil {
		cfg.Skew = func() time.Duration { return 0 }
	}
	if cfg.fs == nil {
		cfg.fs = vfs.Default
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// Validate lists everything that is wrong with the configuration.
func (cfg Config) Validate() error {
	errs := []error{cfg.Genesis.Validate()}
	if cfg.DataDir == "" {
		errs = append(errs, errors.New("the data folder is not named"))
	}
	if cfg.BlockLimit < 0 || cfg.BlockLimit > 5000 {
		errs = append(errs, fmt.Errorf("chain.block_limit %d is out of range: 1 to 5000", cfg.BlockLimit))
	}
	if cfg.PoolLimit < 0 {
		errs = append(errs, fmt.Errorf("txpool.limit %d is negative", cfg.PoolLimit))
	}
	if cfg.TxExpiration < 0 {
		errs = append(errs, fmt.Errorf("txpool.txs_expiration_time %s is negative", cfg.TxExpiration))
	}
	if cfg.Gossip != nil && len(cfg.NodeKeys) > 1 {
		errs = append(errs, errors.New("a node that agrees on blocks with others has one consensus key"))
	}
	if cfg.Gossip != nil && (cfg.Manual || cfg.Deterministic) {
		errs = append(errs, errors.New("blocks on request are not available where several nodes agree on them"))
	}
	_, err := placeKeys(cfg.Genesis.Suite, cfg.NodeKeys, cfg.Genesis.sortedSealers())
	return errors.Join(append(errs, err)...)
}

// Chain is one group of one chain with its ledger on disk. All methods are safe
// for concurrent use. Reads see whole blocks that are safely on disk, and go on
// while a block is made or written.
type Chain struct {
	cfg      Config
	sealers  []Sealer
	keys     []nodeKey
	block0   *Block
	builtIns *builtIns
	ledger   *ledger
	codes    *flatstate.CodeCache
	pool     *pool
	subs     *subscriptions
	logger   *slog.Logger
	orders   chan order    // what the sealer does between two blocks
	stopping chan struct{} // closed by Stop
	hard     context.Context
	halt     context.CancelFunc // ends the execution of the block that is being made
	done     chan struct{}      // closed when the sealer has ended
	manual   atomic.Bool        // written by the sealer only, once it runs
	undoing  bool               // blocks are written so that they can be undone; the sealer's

	inForce atomic.Pointer[system.Config] // in the next block
	readers sync.WaitGroup                // reads under way
	mu      sync.Mutex
	view    *view // the newest; nil when closed
	started bool
	stopped bool
	saved   []Snapshot // in the order of their numbers; written by the sealer only
}

// Open opens the ledger in the data folder, or begins a new one. It starts
// nothing: reads work at once, transactions after Start. The caller must Close it.
// ErrOtherGenesis means that the folder holds another chain.
func Open(cfg Config) (*Chain, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("devchain: %w", err)
	}
	cfg = cfg.withDefaults()
	c := &Chain{
		cfg:      cfg,
		sealers:  cfg.Genesis.sortedSealers(),
		codes:    flatstate.NewCodeCache(codeCacheBytes),
		pool:     newPool(cfg.PoolLimit, cfg.BlockLimit),
		subs:     newSubscriptions(),
		logger:   cfg.Logger,
		orders:   make(chan order),
		stopping: make(chan struct{}),
		done:     make(chan struct{}),
	}
	c.builtIns = newBuiltIns(cfg.Genesis.Suite)
	c.pool.nonceUsed = c.nonceUsed
	c.manual.Store(cfg.Manual)
	c.hard, c.halt = context.WithCancel(context.Background())
	var err error
	if c.keys, err = placeKeys(cfg.Genesis.Suite, cfg.NodeKeys, c.sealers); err != nil {
		return nil, fmt.Errorf("devchain: %w", err)
	}
	if c.block0, err = cfg.Genesis.Block(); err != nil {
		return nil, fmt.Errorf("devchain: %w", err)
	}
	if c.ledger, err = openLedger(cfg.DataDir, cfg.fs, cfg.Logger); err != nil {
		return nil, fmt.Errorf("devchain: %w", err)
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("devchain: data folder %s: %w", cfg.DataDir, err), c.ledger.close())
	}
	return c, nil
}

// load takes up the chain where the ledger ends.
func (c *Chain) load() error {
	want := storedGenesis{Format: recordFormat, Hash: c.block0.Hash, Text: c.block0.ExtraData, BlockLimit: uint64(c.cfg.BlockLimit)}
	data, err := c.ledger.Get([]byte{keyGenesis})
	if err != nil {
		return err
	}
	if data == nil {
		if err := c.ledger.write(slices.Concat(genesisChanges(c.block0, want), c.cfg.Genesis.tables(c.block0.Version))); err != nil {
			return err
		}
	} else {
		var have storedGenesis
		if err := decodeRecord(data, &have); err != nil {
			return err
		}
		if err := sameGenesis(have, want); err != nil {
			return err
		}
	}
	view, err := c.newView()
	if err != nil {
		return err
	}
	c.view = view
	if c.pool.consumed, err = c.readNonces(view); err != nil {
		return err
	}
	c.pool.head = view.head.Number
	return c.loadSnapshots(view)
}

func genesisChanges(block0 *Block, record storedGenesis) []flatstate.Change {
	return []flatstate.Change{
		{Key: []byte{keyGenesis}, Value: encodeRecord(&record)},
		{Key: []byte{keyHead}, Value: encodeRecord(&storedHead{})},
		{Key: numberKey(keyBlock, 0), Value: encodeBlock(block0)},
		{Key: numberKey(keyHash, 0), Value: block0.Hash[:]},
		{Key: hashKey(keyNumber, block0.Hash), Value: numberKey(keyNumber, 0)[1:]},
	}
}

func sameGenesis(have, want storedGenesis) error {
	switch {
	case have.Format != want.Format:
		return fmt.Errorf("its records have format %d, this program writes format %d: use the program that made it, or another folder", have.Format, want.Format)
	case have.Hash != want.Hash || !bytes.Equal(have.Text, want.Text):
		return fmt.Errorf("%w: it has %s, config.genesis gives %s; give back the old file, or use another data folder", ErrOtherGenesis, have.Hash, want.Hash)
	case have.BlockLimit != want.BlockLimit:
		return fmt.Errorf("%w: its block_limit is %d, now it is %d; give back the old value, or use another data folder", ErrOtherGenesis, have.BlockLimit, want.BlockLimit)
	}
	return nil
}

// readNonces fills a window from the blocks in it.
func (c *Chain) readNonces(v *view) (*nonceWindow, error) {
	head, used := v.head.Number, newNonceWindow(c.cfg.BlockLimit)
	first := uint64(0)
	if window := uint64(c.cfg.BlockLimit); head >= window {
		first = head - window + 1
	}
	for number := first; number <= head; number++ {
		data, err := v.Get(numberKey(keyNonces, number))
		if err != nil {
			return nil, err
		}
		used.add(number, splitDigests(data))
	}
	return used, nil
}

// Start begins to take transactions and to make blocks; it returns at once. A
// chain is started once.
func (c *Chain) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopped || c.view == nil {
		return errors.New("devchain: the chain was started or stopped before")
	}
	c.started = true
	c.pool.start()
	if c.agreed() {
		close(c.done) // blocks are made elsewhere
	} else {
		go c.sealBlocks()
	}
	return nil
}

// Stop takes no more transactions, ends the wait of those that are in no block
// with ErrStopped, and waits for the block that is being made. When ctx ends first
// that block is given up, and the error is that of ctx. Reads go on until Close.
func (c *Chain) Stop(ctx context.Context) error {
	c.mu.Lock()
	started, first := c.started, !c.stopped
	c.stopped = true
	c.mu.Unlock()
	if first {
		close(c.stopping)
		c.pool.stop(ErrStopped)
	}
	if !started {
		return nil
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		c.halt()
		<-c.done
		return ctx.Err()
	}
}

// Close stops the chain at once when it still runs, ends all subscriptions, waits
// for the reads that are under way and frees the ledger. Later reads get
// ErrStopped. It may be called more than once.
func (c *Chain) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.Stop(now) // the only error is that it had no time
	c.halt()
	c.subs.close()
	c.mu.Lock()
	last := c.view
	c.view = nil
	c.mu.Unlock()
	if last == nil {
		return nil
	}
	c.readers.Wait()
	c.drop(last)
	return c.ledger.close()
}

// Genesis is what the chain was opened with.
func (c *Chain) Genesis() Genesis { return c.cfg.Genesis }

// GenesisHash is the hash of block 0.
func (c *Chain) GenesisHash() common.Hash { return c.block0.Hash }

// Sealers are the members of the consensus in the order of the block headers.
func (c *Chain) Sealers() []Sealer { return append([]Sealer(nil), c.sealers...) }

// BlockLimit is the length of the window in which a block limit must lie.
func (c *Chain) BlockLimit() int64 { return c.cfg.BlockLimit }

// Subscribe tells of committed blocks from now on. It must be closed by the caller.
func (c *Chain) Subscribe() *Subscription { return c.subs.add() }

// PendingCount is the number of transactions that are in no block yet.
func (c *Chain) PendingCount() int { return c.pool.size() }
