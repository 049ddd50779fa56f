//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// reportKiller strikes while the report of a job that is done is written. The one
// that is there already must stay as it was.
type reportKiller struct {
	path  string // of the report
	rng   *rand.Rand
	write func() (*process, error)                  // begins to write it
	kill  func(writer *process) (now bool, _ error) // false when it was too late
}

// mostTooLate is how often a report may be written before it is struck.
const mostTooLate = 100

// run strikes n times.
func (k reportKiller) run(ctx context.Context, n int, struck func(phase)) error {
	begin := time.Now()
	writer, err := k.write()
	if err != nil {
		return err
	}
	if <-writer.ended; writer.result != nil {
		return writer.failure()
	}
	whole := time.Since(begin)
	sum, err := fileSum(k.path)
	if err != nil {
		return err
	}
	for tries := 0; n > 0; tries++ {
		if tries == mostTooLate {
			return errors.New("the report is written too fast to be struck meanwhile")
		}
		writer, err := k.write()
		if err != nil {
			return err
		}
		sleep(ctx, whole/10+upTo(k.rng, whole*8/10), writer.ended)
		now, err := k.kill(writer)
		if err != nil {
			return err
		}
		if now {
			struck(reporting)
			n--
		}
		after, err := fileSum(k.path)
		if err != nil {
			return err
		}
		if after != sum {
			return fmt.Errorf("%s is another one after a kill while it was written again", k.path)
		}
	}
	return nil
}

func fileSum(path string) ([sha256.Size]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}
