package devchain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// rlpError is malformed RLP; the text is that of the node's decoder.
type rlpError struct{ what string }

func (e *rlpError) Error() string { return e.what }

var (
	errRLPShort  = &rlpError{"Input data is too short"}
	errRLPList   = &rlpError{"Unexpected list"}
	errRLPString = &rlpError{"Unexpected string"}
	errRLPLength = &rlpError{"The length of the payload is less than 56"}
)

// rlpReader reads one RLP item after another as the node's decoder does. That one
// is more lenient than Ethereum's: numbers may have leading zeros and are cut to
// their size, and what stands behind the last item is not looked at.
type rlpReader struct{ data []byte }

func (r *rlpReader) take(n int) []byte {
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

// head moves behind the head of the next item, also of one that is wrong, and
// gives the length of its payload, which is there in full.
func (r *rlpReader) head() (list bool, size int, err error) {
	if len(r.data) == 0 {
		return false, 0, errRLPShort
	}
	first := r.data[0]
	switch {
	case first < 0x80: // a byte that stands for itself
		return false, 1, nil
	case first <= 0xb7:
		r.take(1)
		size = int(first - 0x80)
		if size == 1 && len(r.data) > 0 && r.data[0] < 0x80 {
			return false, 0, &rlpError{"NonCanonicalSize"}
		}
	case first < 0xc0:
		if size, err = r.longSize(int(first - 0xb7)); err != nil {
			return false, 0, err
		}
	case first <= 0xf7:
		r.take(1)
		list, size = true, int(first-0xc0)
	default:
		list = true
		if size, err = r.longSize(int(first - 0xf7)); err != nil {
			return false, 0, err
		}
	}
	if size > len(r.data) {
		return false, 0, errRLPShort
	}
	return list, size, nil
}

// longSize reads the length of a payload that is itself digits bytes long.
func (r *rlpReader) longSize(digits int) (int, error) {
	r.take(1)
	if digits > len(r.data) {
		return 0, errRLPShort
	}
	var size uint64
	for _, b := range r.take(digits) {
		size = size<<8 | uint64(b)
	}
	if size < 56 {
		return 0, errRLPLength
	}
	if size > uint64(len(r.data)) {
		return 0, errRLPShort
	}
	return int(size), nil
}

func (r *rlpReader) bytes() ([]byte, error) {
	list, size, err := r.head()
	if err != nil {
		return nil, err
	}
	if list {
		return nil, errRLPList
	}
	return r.take(size), nil
}

// uint64 keeps the last 8 bytes of a longer number.
func (r *rlpReader) uint64() (n uint64, err error) {
	b, err := r.bytes()
	for _, digit := range b {
		n = n<<8 | uint64(digit)
	}
	return n, err
}

// uint256 keeps the last 32 bytes of a longer number.
func (r *rlpReader) uint256() (*big.Int, error) {
	b, err := r.bytes()
	return new(big.Int).SetBytes(b[max(0, len(b)-32):]), err
}

func (r *rlpReader) address() (common.Address, error) {
	b, err := r.bytes()
	return common.BytesToAddress(b), err
}

// elements reads a list; element reads one of its members.
func (r *rlpReader) elements(element func(r *rlpReader) error) error {
	list, size, err := r.head()
	if err != nil {
		return err
	}
	if !list {
		return errRLPString
	}
	for members := (&rlpReader{r.data[:size]}); len(members.data) > 0; {
		if err := element(members); err != nil {
			return err
		}
	}
	r.take(size)
	return nil
}

func (r *rlpReader) hashes() (hashes []common.Hash, err error) {
	err = r.elements(func(r *rlpReader) error {
		b, err := r.bytes()
		hashes = append(hashes, common.BytesToHash(b))
		return err
	})
	return hashes, err
}

func (r *rlpReader) accessList() (list types.AccessList, err error) {
	err = r.elements(func(r *rlpReader) error {
		entry, err := r.accessTuple()
		list = append(list, entry)
		return err
	})
	return list, err
}

func (r *rlpReader) accessTuple() (entry types.AccessTuple, err error) {
	list, size, err := r.head()
	if err != nil {
		return entry, err
	}
	if !list {
		return entry, errRLPString
	}
	behind := len(r.data) - size
	if entry.Address, err = r.address(); err != nil {
		return entry, err
	}
	if entry.StorageKeys, err = r.hashes(); err != nil {
		return entry, err
	}
	if len(r.data) != behind {
		return entry, &rlpError{"Unexpected list elements"}
	}
	return entry, nil
}
