package devchain

import (
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// read runs f on the newest view.
func read[T any](c *Chain, f func(v *view) (T, error)) (T, error) {
	v, err := c.look()
	if err != nil {
		var none T
		return none, err
	}
	defer c.letGo(v)
	return f(v)
}

// Head is the newest block. It is the zero Head when the chain is closed.
func (c *Chain) Head() Head {
	head, _ := read(c, func(v *view) (Head, error) { return v.head, nil })
	return head
}

// Totals counts the transactions so far. It is zero when the chain is closed.
func (c *Chain) Totals() Totals {
	totals, _ := read(c, func(v *view) (Totals, error) { return v.totals, nil })
	return totals
}

// BlockByNumber reads a block; ErrNotFound when there is none (yet).
func (c *Chain) BlockByNumber(number uint64) (*Block, error) {
	return read(c, func(v *view) (*Block, error) { return c.readBlock(v, number) })
}

func (c *Chain) readBlock(v *view, number uint64) (*Block, error) {
	data, err := v.Get(numberKey(keyBlock, number))
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("block %d: %w", number, ErrNotFound)
	}
	return decodeBlock(data, c.sealers)
}

// BlockByHash reads a block; ErrNotFound when there is none.
func (c *Chain) BlockByHash(hash common.Hash) (*Block, error) {
	return read(c, func(v *view) (*Block, error) {
		data, err := v.Get(hashKey(keyNumber, hash))
		if err != nil {
			return nil, err
		}
		if len(data) != 8 {
			return nil, fmt.Errorf("block %s: %w", hash, ErrNotFound)
		}
		return c.readBlock(v, binary.BigEndian.Uint64(data))
	})
}

// BlockHash is the hash of a block; ErrNotFound when there is none (yet).
func (c *Chain) BlockHash(number uint64) (common.Hash, error) {
	return read(c, func(v *view) (common.Hash, error) {
		hash, err := hashOf(v, number)
		if err == nil && hash == (common.Hash{}) {
			err = fmt.Errorf("block %d: %w", number, ErrNotFound)
		}
		return hash, err
	})
}

// Transactions are those of a block in the order of execution; ErrNotFound when
// there is no such block (yet).
func (c *Chain) Transactions(number uint64) ([]*Transaction, error) {
	return read(c, func(v *view) ([]*Transaction, error) {
		return readAll(v, keyTransaction, number, decodeStoredTransaction)
	})
}

// Receipts are those of a block in the order of execution; ErrNotFound when there
// is no such block (yet).
func (c *Chain) Receipts(number uint64) ([]*Receipt, error) {
	return read(c, func(v *view) ([]*Receipt, error) {
		return readAll(v, keyReceipt, number, decodeReceipt)
	})
}

func readAll[T any](v *view, kind byte, number uint64, decode func([]byte, uint64, int) (*T, error)) ([]*T, error) {
	if number > v.head.Number {
		return nil, fmt.Errorf("block %d: %w", number, ErrNotFound)
	}
	var all []*T
	err := v.scan(numberKey(kind, number), func(value []byte) error {
		one, err := decode(append([]byte(nil), value...), number, len(all))
		all = append(all, one)
		return err
	})
	return all, err
}

// Transaction reads a transaction that is in a block; ErrNotFound when there is
// none (yet).
func (c *Chain) Transaction(hash common.Hash) (*Transaction, error) {
	return read(c, func(v *view) (*Transaction, error) {
		return readOne(v, keyTransaction, hash, decodeStoredTransaction)
	})
}

// Receipt reads the receipt of a transaction by the transaction's hash;
// ErrNotFound when it is in no block (yet).
func (c *Chain) Receipt(hash common.Hash) (*Receipt, error) {
	return read(c, func(v *view) (*Receipt, error) {
		return readOne(v, keyReceipt, hash, decodeReceipt)
	})
}

func readOne[T any](v *view, kind byte, hash common.Hash, decode func([]byte, uint64, int) (*T, error)) (*T, error) {
	place, err := readPlace(v, hash)
	if err != nil {
		return nil, err
	}
	data, err := v.Get(placeKey(kind, place.Number, int(place.Index)))
	if err != nil {
		return nil, err
	}
	return decode(data, place.Number, int(place.Index))
}

func readPlace(v *view, hash common.Hash) (storedPlace, error) {
	var place storedPlace
	data, err := v.Get(hashKey(keyPlace, hash))
	if err != nil {
		return place, err
	}
	if data == nil {
		return place, fmt.Errorf("transaction %s: %w", hash, ErrNotFound)
	}
	return place, decodeRecord(data, &place)
}

// TransactionProof proves a transaction against the TxsRoot of its block, as the
// words of protocol section 6.6: 64 hex digits each, without 0x.
func (c *Chain) TransactionProof(hash common.Hash) ([]string, error) {
	return read(c, func(v *view) ([]string, error) {
		place, err := readPlace(v, hash)
		if err != nil {
			return nil, err
		}
		block, err := c.readBlock(v, place.Number)
		if err != nil {
			return nil, err
		}
		return merkleProof(c.cfg.Genesis.Suite, block.TxHashes, int(place.Index)), nil
	})
}

// ReceiptProof proves the receipt of a transaction, which is named by the
// transaction's hash, against the ReceiptsRoot of its block.
func (c *Chain) ReceiptProof(hash common.Hash) ([]string, error) {
	return read(c, func(v *view) ([]string, error) {
		place, err := readPlace(v, hash)
		if err != nil {
			return nil, err
		}
		receipts, err := readAll(v, keyReceipt, place.Number, decodeReceipt)
		if err != nil {
			return nil, err
		}
		leaves := make([]common.Hash, len(receipts))
		for i, r := range receipts {
			leaves[i] = r.Hash
		}
		return merkleProof(c.cfg.Genesis.Suite, leaves, int(place.Index)), nil
	})
}

// Code is the code of a contract, nil when there is none at the address.
func (c *Chain) Code(addr common.Address) ([]byte, error) {
	return read(c, func(v *view) ([]byte, error) {
		db := flatstate.New(v, c.codes)
		account, err := db.Account(addr)
		if err != nil || account == nil {
			return nil, err
		}
		return db.Code(addr, common.BytesToHash(account.CodeHash)), nil
	})
}

// ABI is the text that was given with the first deployment of the code that
// stands at the address; empty when there was none.
func (c *Chain) ABI(addr common.Address) (string, error) {
	return read(c, func(v *view) (string, error) {
		account, err := flatstate.New(v, c.codes).Account(addr)
		if err != nil || account == nil {
			return "", err
		}
		text, err := v.Get(hashKey(keyABI, common.BytesToHash(account.CodeHash)))
		return string(text), err
	})
}
