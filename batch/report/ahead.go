package report

import (
	"context"

	"github.com/bcosgate/bcosgate/batch"
)

// A group of items is read while the one before is written: enough of them that
// handing over costs nothing, and bounded in bytes, because rows may be large.
const (
	groupItems = 128
	groupBytes = 1 << 20
)

// ahead is a source that reads on while what it has read is written, which takes
// about as long. One group waits at most; then reading waits.
type ahead struct{ source }

func (a ahead) Items(ctx context.Context, f func(batch.TimedItem) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	groups := make(chan []batch.TimedItem, 1)
	var readErr error // of the reader, once groups is closed
	go func() {
		defer close(groups)
		readErr = a.read(ctx, groups)
	}()
	err := eachOf(groups, f)
	stop()
	for range groups { // until the reader has ended
	}
	if err != nil {
		return err
	}
	return readErr
}

func eachOf(groups <-chan []batch.TimedItem, f func(batch.TimedItem) error) error {
	for group := range groups {
		for _, it := range group {
			if err := f(it); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a ahead) read(ctx context.Context, groups chan<- []batch.TimedItem) error {
	var group []batch.TimedItem
	bytes := 0
	hand := func() error {
		select {
		case groups <- group:
			group, bytes = make([]batch.TimedItem, 0, groupItems), 0
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := a.source.Items(ctx, func(it batch.TimedItem) error {
		group = append(group, it)
		bytes += len(it.Input) + len(it.Output) + len(it.Error)
		if len(group) < groupItems && bytes < groupBytes {
			return nil
		}
		return hand()
	})
	if err != nil || len(group) == 0 {
		return err
	}
	return hand()
}
