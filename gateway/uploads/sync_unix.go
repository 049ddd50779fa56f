//go:build unix

package uploads

import (
	"errors"
	"os"
)

// syncFolder makes the name of a new file last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
