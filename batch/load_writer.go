package batch

import "sync"

// itemWriter stores items in groups while the next group is being read. One
// group is on its way and one waits; then add blocks.
type itemWriter struct {
	store *Store
	seq   int64
	group []newItem
	bytes int
	queue chan []newItem
	done  chan struct{}
	once  sync.Once

	mu    sync.Mutex
	err   error      // the first one; nothing is stored after it
	found []RowFault // since the last call of refused
}

func newItemWriter(s *Store, seq int64) *itemWriter {
	w := &itemWriter{store: s, seq: seq, queue: make(chan []newItem, 1), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *itemWriter) run() {
	defer close(w.done)
	for group := range w.queue {
		if w.failed() != nil {
			continue
		}
		refused, err := w.store.insertItems(w.seq, group)
		w.mu.Lock()
		w.err = err
		for _, f := range refused {
			w.found = append(w.found, RowFault{Row: f.item.row, Line: f.item.line, Column: f.column, Reason: f.reason})
		}
		w.mu.Unlock()
	}
}

func (w *itemWriter) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// add takes one item, and gives the error of an earlier one.
func (w *itemWriter) add(it newItem) error {
	w.group = append(w.group, it)
	w.bytes += len(it.input) + len(it.source) + len(it.ref)
	if len(w.group) < loadRows && w.bytes < loadBytes {
		return nil
	}
	w.queue <- w.group
	w.group, w.bytes = make([]newItem, 0, loadRows), 0
	return w.failed()
}

// refused gives the rows that others do not let in, found since the last call.
func (w *itemWriter) refused() []RowFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := w.found
	w.found = nil
	return found
}

// flush stores what is left and ends the writer.
func (w *itemWriter) flush() error {
	if len(w.group) > 0 {
		w.queue <- w.group
		w.group = nil
	}
	w.stop()
	return w.failed()
}

// stop ends the writer and waits for it.
func (w *itemWriter) stop() {
	w.once.Do(func() { close(w.queue) })
	<-w.done
}
