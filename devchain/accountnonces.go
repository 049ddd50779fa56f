package devchain

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

const (
	// nonceAhead is how far the nonce of an Ethereum transaction may be ahead of its
	// account.
	nonceAhead = 600_000
	// maxInitCode is the longest input of an Ethereum transaction, also of a call.
	maxInitCode = 2 * 0x6000
	// maxRefused bounds what is remembered about refused Ethereum transactions.
	maxRefused = 10_000
)

// accountNonces is what the pool knows about the nonces of Ethereum transactions
// besides those of the accounts. It is guarded by the mutex of the pool.
type accountNonces struct {
	// refused are nonces of transactions that were refused after their nonce had
	// been found good: a node takes these nonces as used until it ends.
	refused map[nonceDigest]struct{}
	// next is the highest nonce that was found good, plus one, of each account until
	// its account has reached it.
	next map[common.Address]uint64
}

func newAccountNonces() accountNonces {
	return accountNonces{refused: map[nonceDigest]struct{}{}, next: map[common.Address]uint64{}}
}

// digestAccountNonce keeps the nonces of accounts apart from each other and from
// those of native transactions.
func digestAccountNonce(sender common.Address, nonce uint64) nonceDigest {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("account "), sender[:]...), nonce))
	return nonceDigest(sum[:16])
}

// addWeb3 makes the node's checks of an Ethereum transaction, whose signature has
// been checked, and takes it in. Account is the nonce of its sender, chainID the
// setting web3_chain_id.
func (p *pool) addWeb3(tx *Transaction, account uint64, chainID string, now time.Time) (*pending, error) {
	nonce := tx.Ethereum.Nonce
	digest := digestAccountNonce(tx.Sender, nonce)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, refused := p.accounts.refused[digest]
	switch {
	case !p.running:
		return nil, ErrStopped
	case p.byHash[tx.Hash] != nil:
		return nil, refusal(StatusAlreadyInTxPool)
	case refused, p.byNonce[digest] != nil, p.consumed.has(digest), nonce < account, nonce > account+nonceAhead:
		return nil, refusal(StatusNonceCheckFail)
	case len(p.byHash) >= p.limit:
		return nil, refusal(StatusTxPoolIsFull)
	}
	p.noteNonce(tx.Sender, nonce)
	switch {
	case len(tx.Input) > maxInitCode:
		p.accounts.refused[digest] = struct{}{}
		return nil, refusal(StatusInitCodeTooLong)
	case chainID != "" && tx.ChainID != "0" && tx.ChainID != chainID:
		p.accounts.refused[digest] = struct{}{}
		return nil, refusal(StatusInvalidChainID)
	}
	return p.take(tx, digest, now), nil
}

func (p *pool) noteNonce(sender common.Address, nonce uint64) {
	if len(p.accounts.refused) >= maxRefused || len(p.accounts.next) >= maxRefused+p.limit {
		p.accounts = newAccountNonces()
		for _, entry := range p.byHash {
			if eth := entry.tx.Ethereum; eth != nil {
				p.accounts.next[entry.tx.Sender] = max(p.accounts.next[entry.tx.Sender], eth.Nonce+1)
			}
		}
	}
	p.accounts.next[sender] = max(p.accounts.next[sender], nonce+1)
}

// executed notes that a transaction is on the chain.
func (n accountNonces) executed(tx *Transaction) {
	if tx.Ethereum != nil && tx.Ethereum.Nonce+1 >= n.next[tx.Sender] {
		delete(n.next, tx.Sender)
	}
}

// upcoming is the nonce behind those that the pool has seen of an account; false
// when there are none that its account has not reached.
func (p *pool) upcoming(addr common.Address) (nonce uint64, any bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	nonce, any = p.accounts.next[addr]
	return nonce, any
}

// outlived tells whether a transaction that waits can never be executed any more.
func (p *pool) outlived(tx *Transaction) bool {
	if tx.Ethereum != nil {
		return p.nonceUsed(tx)
	}
	return tx.BlockLimit <= int64(p.head)
}
