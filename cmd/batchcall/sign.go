package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// signOptions are the flags of batchcall sign.
type signOptions struct {
	file string
	key  string // "-" is standard input
	out  string
	yes  bool
}

func (a *app) signCommand() *cobra.Command {
	var o signOptions
	cmd := &cobra.Command{
		Use:   "sign FILE --key KEY -o SIGNED",
		Short: "Sign a file of planned transactions on a machine without network",
		Long: `Sign the file that batchcall plan --unsigned wrote, on a machine that has the key
and needs no network. What will be signed is shown, and asked for on a terminal.

Every row is checked first: its values must make the call that stands beside
them. Hashes are made from what is signed, and never taken from the file. The key
must be that of the account that was planned for.

Compare the SHA-256 of the file with the one that plan printed: only so do you
know that you sign what was planned.

The same file signed again gives the same bytes, which a chain executes once at
most. All of the transactions lapse at the block limit of the plan, so there is
not much time: how much is left is shown.

` + exitHelp,
		Example: `  batchcall sign unsigned.ndjson --key account.pem -o signed.ndjson
  openssl pkcs8 -in account.enc | batchcall sign unsigned.ndjson --key - -o signed.ndjson --yes`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return a.sign(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.key, "key", "", "`file` with the private key that signs, PEM or hex; - for standard input")
	f.StringVarP(&o.out, "output", "o", "", "`file` to write the signed transactions to")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

func (o signOptions) check() error {
	switch {
	case o.file == "-":
		return usage("the file is read twice: save it first")
	case o.key == "":
		return usage("--key is missing: name the file with the private key")
	case o.out == "" || o.out == "-":
		return usage("-o is missing: name the file for the signed transactions")
	case o.key == "-" && !o.yes:
		return usage("--key - takes standard input, so that nobody can be asked there: add --yes")
	}
	return nil
}

// sign is batchcall sign after the flags.
func (a *app) sign(ctx context.Context, o signOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
		return exitWith(exitUsage, "%s is there already and is not overwritten: remove it, or name another file", o.out)
	}
	key, err := a.readKey(o.key)
	if err != nil {
		return err
	}
	f, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer f.Close()
	summary, err := a.inspect(ctx, f)
	if err != nil {
		return fmt.Errorf("%s: %w", o.file, err)
	}
	signer := tx.NewSigner(key, summary.Header.ChainID, summary.Header.Group)
	if signer.Address() != summary.Header.Signer {
		return exitWith(exitUsage, "--key %s is the key of %s, but the plan is to be signed by %s", o.key, signer.Address(), summary.Header.Signer)
	}
	if !o.yes || !a.opt.quiet {
		fmt.Fprint(a.err, signText(summary, time.Now()))
	}
	if !o.yes {
		if err := a.confirm(ctx, fmt.Sprintf("sign %s as %s? [y/N] ", counted64(summary.Rows, "transaction"), signer.Address())); err != nil {
			return err
		}
	}
	sum, err := a.writeSigned(ctx, f, o.out, summary, signer)
	if err != nil {
		return fmt.Errorf("%s: %w", o.out, err)
	}
	a.note("signed %s; send them with: batchcall send %s", counted64(summary.Rows, "transaction"), shellQuote(o.out))
	_, err = fmt.Fprintf(a.out, "%s  %s\n", hex.EncodeToString(sum[:]), o.out)
	return err
}

// readKey reads the key of a standard ledger, the only one that rows are encoded for.
func (a *app) readKey(file string) (*suite.Key, error) {
	var data []byte
	var err error
	if file == "-" {
		file = "standard input"
		data, err = io.ReadAll(io.LimitReader(a.in, 64<<10))
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	key, err := suite.ParseKey(data, suite.Standard)
	if err == nil && key.Suite() != suite.Standard {
		err = errors.New("it is an SM2 key, for a GM ledger; jobs need a secp256k1 key")
	}
	if err != nil {
		return nil, exitWith(exitUsage, "the key in %s: %w", file, err)
	}
	return key, nil
}

// inspect reads the whole file and shows how far it is.
func (a *app) inspect(ctx context.Context, f *os.File) (offline.Summary, error) {
	info, err := f.Stat()
	if err != nil {
		return offline.Summary{}, err
	}
	show := a.newProgress()
	defer show.end()
	return offline.Inspect(ctx, &countedFile{File: f, read: func(n int64) { show.bytes(n, info.Size()) }})
}

// writeSigned signs into a file that gets its name when it is whole.
func (a *app) writeSigned(ctx context.Context, in *os.File, file string, s offline.Summary, signer *tx.Signer) (sum [32]byte, err error) {
	info, err := in.Stat()
	if err != nil {
		return sum, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	out, err := os.CreateTemp(filepath.Dir(file), ".signed-")
	if err != nil {
		return sum, err
	}
	show := a.newProgress()
	sum, err = offline.Sign(ctx, s, &countedFile{File: in, read: func(n int64) { show.bytes(n, info.Size()) }}, signer, out, runtime.GOMAXPROCS(0))
	show.end()
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), file)
	}
	if err != nil {
		return sum, errors.Join(err, os.Remove(out.Name()))
	}
	return sum, nil
}

// confirm asks on the terminal. Anything but yes is no.
func (a *app) confirm(ctx context.Context, question string) error {
	if f, ok := a.in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return usage("nobody can be asked, because standard input is no terminal: look at what is shown above, and add --yes")
	}
	fmt.Fprint(a.err, question)
	answer := make(chan string, 1)
	go func() { // ends with the process when nobody answers: a terminal cannot be left
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case text := <-answer:
		if text == "y" || text == "yes" {
			return nil
		}
		return exitWith(exitUsage, "nothing was signed")
	case <-ctx.Done():
		return exitWith(exitInterrupted, "interrupted; nothing was signed")
	}
}

// shownCalls are the kinds of calls that are listed, and shownRow the most
// characters of a row.
const (
	shownCalls = 20
	shownRow   = 160
)

// signText says what is asked to be signed, and how much time is left.
func signText(s offline.Summary, now time.Time) string {
	h := s.Header
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	line("plan", "%s of %s", h.Plan, h.Created.Local().Format(time.DateTime))
	line("sha256", "%x", s.SHA256)
	line("chain", "%s, group %s, genesis %s", h.ChainID, h.Group, h.Genesis)
	line("signer", "%s", h.Signer)
	line("rows", "%d of %s, sha256 %s", s.Rows, h.Input, h.InputSHA256)
	for i, c := range s.Calls {
		if i == shownCalls {
			rest := s.Others
			for _, c := range s.Calls[i:] {
				rest += c.Rows
			}
			line("", "%d calls of other kinds", rest)
			break
		}
		name := "calls"
		if i > 0 {
			name = ""
		}
		at := c.To.Hex()
		if h.To != nil && *h.To == c.To && h.Contract != "" {
			at = h.Contract + " " + at // the name is the planner's word, the address is signed
		}
		line(name, "%d of %s at %s", c.Rows, c.Function, at)
	}
	for _, row := range s.First {
		line(fmt.Sprintf("row %d", row.Number), "%s", cut(string(row.Source), shownRow))
	}
	line("block limit", "%d, %d blocks after block %d of the plan; %s", h.BlockLimit, h.BlockLimit-h.Head, h.Head,
		timeLeft(h.BlockLimit-h.Head, h.BlockMS, now.Sub(h.Created)))
	return b.String()
}

// timeLeft estimates how long blocks last of which some are gone already.
func timeLeft(blocks uint64, blockMS int64, gone time.Duration) string {
	if blockMS == 0 {
		return "how long a block takes was not measured"
	}
	per := time.Duration(blockMS) * time.Millisecond
	left := time.Duration(blocks)*per - max(gone, 0)
	text := fmt.Sprintf("at %s a block ", per)
	if left <= 0 {
		return text + "they are gone by now, unless the chain had nothing to do"
	}
	return text + fmt.Sprintf("%s are left, longer when the chain has nothing to do", left.Round(time.Second))
}
