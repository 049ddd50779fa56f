package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// unsignedOptions are the flags of batchcall plan that make a file to be signed
// elsewhere.
type unsignedOptions struct {
	file   string
	signer string
	ahead  uint64
}

func (o *unsignedOptions) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.file, "unsigned", "", "write the rows to this `file`, for batchcall sign on another machine; nothing is simulated, because that takes the key")
	f.StringVar(&o.signer, "signer", "", "with --unsigned, `address` of the account that is to sign")
	f.Uint64Var(&o.ahead, "block-limit-ahead", offline.DefaultAhead, "with --unsigned, how many blocks from now the transactions stay good")
}

func (o *unsignedOptions) check(f *pflag.FlagSet) error {
	if o.file == "" {
		for _, name := range []string{"signer", "block-limit-ahead"} {
			if f.Changed(name) {
				return usage("--%s goes with --unsigned", name)
			}
		}
		return nil
	}
	switch _, err := parseAddress(o.signer); {
	case f.Changed("report") || f.Changed("rate"):
		return usage("--report and --rate go with a simulation, --unsigned makes none")
	case f.Changed("account"):
		return usage("--account does not go with --unsigned: name the address of the key with --signer")
	case o.signer == "":
		return usage("--signer is missing: the address of the account whose key is on the other machine")
	case err != nil:
		return usage("--signer %s: %s", o.signer, err)
	case o.ahead == 0 || o.ahead > offline.MaxAhead:
		return usage("--block-limit-ahead %d: it is between 1 and %d", o.ahead, offline.MaxAhead)
	case o.file == "-":
		return usage("--unsigned -: name a file")
	}
	return nil
}

// planUnsigned is batchcall plan --unsigned after the flags; callee and ABI are
// checked.
func (a *app) planUnsigned(ctx context.Context, o planOptions, to *common.Address, abi json.RawMessage) (err error) {
	if _, err := os.Lstat(o.unsigned.file); !errors.Is(err, fs.ErrNotExist) {
		return exitWith(exitUsage, "%s is there already and is not overwritten: remove it, or name another file", o.unsigned.file)
	}
	in, err := openInput(o.input, a.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	signer, err := parseAddress(o.unsigned.signer)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	h := offline.Header{Plan: id.String(), Created: time.Now(), Ledger: offline.LedgerStandard, Signer: signer,
		Contract: o.callee.contract, To: to, Function: o.callee.function, ABI: abi, Input: filepath.Base(in.name), InputSHA256: hex.EncodeToString(in.sha256[:])}
	if a.opt.gateway != "" {
		err = a.askGateway(ctx, &h)
	} else {
		err = a.askChain(ctx, &h)
	}
	if err != nil {
		return a.calleeError(err, o.callee.contract)
	}
	h.BlockLimit = h.Head + o.unsigned.ahead
	count, sum, err := a.writeUnsigned(ctx, in, h, o.unsigned.file)
	if ctx.Err() != nil {
		return exitWith(exitInterrupted, "interrupted; nothing was written")
	}
	if faults, n, refused := faultsOf(err); refused {
		return a.refused(faults, n)
	}
	if err != nil {
		return err
	}
	a.note("%s to be signed by %s; sign them with: batchcall sign %s --key KEY -o SIGNED", counted64(count, "transaction"), signer, shellQuote(o.unsigned.file))
	a.note("block limit %d: they stay good for %d blocks from block %d (%s)", h.BlockLimit, o.unsigned.ahead, h.Head, timeLeft(o.unsigned.ahead, h.BlockMS, 0))
	_, err = fmt.Fprintf(a.out, "%x  %s\n", sum, o.unsigned.file)
	return err
}

// askChain fills in what the nodes and the store know.
func (a *app) askChain(ctx context.Context, h *offline.Header) (err error) {
	c, err := a.openChain(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	t := c.targets[0]
	if h.Contract != "" || h.To != nil {
		address, abi, err := c.callee(ctx, call{contract: h.Contract, to: h.To, abi: h.ABI})
		if err != nil {
			return err
		}
		if h.To = &address; abi != nil {
			h.ABI = json.RawMessage(abi.JSON())
		}
		code, err := t.Guard.Code(ctx, address)
		if err != nil {
			return err
		}
		if len(code) == 0 {
			return exitWith(exitUsage, "there is no contract at %s on this chain", address.Hex())
		}
	}
	identity, err := t.Guard.Identity(ctx)
	if err != nil {
		return err
	}
	head, err := t.Guard.Head(ctx)
	if err != nil {
		return err
	}
	h.ChainID, h.Group, h.Genesis, h.Head = t.Info.ChainID, t.Info.Group, identity.Genesis, head.Number
	h.BlockMS = blockTime(ctx, t.Guard, head.Number).Milliseconds()
	return nil
}

// timedBlocks are looked at to find out how long a block takes.
const timedBlocks = 20

// blockTime is the median time between the newest blocks: the pauses of a chain that
// had nothing to do do not count. 0 when it cannot be told.
func blockTime(ctx context.Context, r chain.BlockReader, head uint64) time.Duration {
	var between []time.Duration
	var last time.Time
	for number := head - min(head, timedBlocks); number <= head; number++ {
		block, err := r.Block(ctx, number)
		if err != nil {
			return 0
		}
		if number > 1 && !last.IsZero() { // block 0 was made with the chain
			between = append(between, block.Time.Sub(last))
		}
		last = block.Time
	}
	if len(between) == 0 {
		return 0
	}
	slices.Sort(between)
	return max(between[len(between)/2], 0)
}

// askGateway fills in what the gateway knows.
func (a *app) askGateway(ctx context.Context, h *offline.Header) (err error) {
	r, err := a.openGateway()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if h.To == nil && h.Contract != "" {
		address, err := r.Address(ctx, h.Contract)
		if err != nil {
			return err
		}
		h.To = &address
	}
	if artifact, ok := contracts.Builtin(h.Contract); ok && h.ABI == nil {
		h.ABI = json.RawMessage(artifact.ABI.JSON())
	}
	c, err := r.chain(ctx)
	if err != nil {
		return err
	}
	if c.Genesis == (common.Hash{}) {
		return exitWith(exitNoNode, "the gateway has not reached a node of target %s yet", c.Name)
	}
	h.ChainID, h.Group, h.Genesis, h.Head = c.ChainID, c.Group, c.Genesis, c.Head
	return nil
}

// writeUnsigned writes the rows into a file that gets its name when it is whole.
func (a *app) writeUnsigned(ctx context.Context, in *input, h offline.Header, file string) (count int64, sum [32]byte, err error) {
	out, err := os.CreateTemp(filepath.Dir(file), ".unsigned-")
	if err != nil {
		return 0, sum, err
	}
	count, sum, err = a.planRows(ctx, in, h, out)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), file)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(out.Name()))
	}
	return count, sum, err
}

func (a *app) planRows(ctx context.Context, in *input, h offline.Header, out io.Writer) (count int64, sum [32]byte, err error) {
	f, err := in.open()
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	show := a.newProgress()
	defer show.end()
	r, err := rows.New(in.format, &countedFile{File: f, read: func(n int64) { show.bytes(n, in.size) }}, in.csv)
	if err != nil {
		return 0, sum, err
	}
	h.Columns = r.Columns()
	w, err := offline.NewUnsignedWriter(out, h)
	if err != nil {
		return 0, sum, err
	}
	var faults faultList
	for ; ; count++ {
		if count%64 == 0 && ctx.Err() != nil {
			return count, sum, context.Cause(ctx)
		}
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = w.Write(row)
		}
		if more, err := faults.add(err); !more {
			return count, sum, err
		}
	}
	if faults.count == 0 {
		sum, err = w.Finish()
		_, err = faults.add(err)
	}
	if faults.count > 0 {
		err = &batch.InvalidRowsError{Faults: faults.list, Count: faults.count}
	}
	if err == nil && r.SHA256() != in.sha256 {
		err = fmt.Errorf("%s changed while it was read: run it again", in.name)
	}
	return count, sum, err
}

// faultList gathers the faults of rows.
type faultList struct {
	list  []batch.RowFault
	count int64
}

// add takes the error of a row, and says whether to go on.
func (l *faultList) add(err error) (more bool, _ error) {
	f, ok := errors.AsType[*rows.Fault](err)
	if !ok {
		return err == nil, err
	}
	if l.count++; len(l.list) < shownFaults {
		l.list = append(l.list, batch.RowFault(*f))
	}
	return true, nil
}
