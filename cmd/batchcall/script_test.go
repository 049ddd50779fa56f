package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// The scripts in testdata are the specification of the command line: what is
// printed where, and with which exit code a command ends.

// TestOffline has all that needs no chain.
func TestOffline(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/offline", nil)
}

// TestChain runs against a development chain. All scripts share it; each has a
// gateway, a store, an account and contracts of its own.
func TestChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40*time.Millisecond)
	const token = "a-token-of-the-tests"
	scripts, err := filepath.Glob("testdata/chain/*.txtar")
	require.NoError(t, err)
	gateways := make(chan map[string]string, len(scripts))
	for range scripts {
		plain, secured := w.gateway(t, token)
		authority := filepath.Join(t.TempDir(), "gateway-ca.crt")
		require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}), 0o600))
		gateways <- map[string]string{"GATEWAY": plain.URL, "GATEWAY_TLS": secured.URL, "GATEWAY_CA": authority}
	}
	runScripts(t, "testdata/chain", func(env *testscript.Env) {
		env.Setenv("NODE", w.node)
		env.Setenv("CERTS", w.certs)
		env.Setenv("TOKEN", token)
		for name, value := range <-gateways {
			env.Setenv(name, value)
		}
	})
}

func runScripts(t *testing.T, dir string, more func(*testscript.Env)) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "", // writes what cmp compares with
		Setup: func(env *testscript.Env) error {
			env.Setenv(tokenVariable, "")
			// With the race detector every process would sleep for a second at its end.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			if more != nil {
				more(env)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      exits,
			"config":     writeConfiguration,
			"rows":       writeRows,
			"key":        writeKey,
			"waitstate":  waitState,
			"waitremote": waitRemote,
			"waitcount":  waitCount,
			"watch":      watch,
			"jobid":      jobID,
			"address":    address,
			"sql":        changeStore,
		},
	})
}

// exits CODE ARG... runs batchcall and wants this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARG...")
	}
	err := ts.Exec("batchcall", args[1:]...)
	got := 0
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("batchcall: %v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("batchcall %q ended with exit code %d, not %s", args[1:], got, args[0])
	}
}

// rows FILE SEED N writes rows for Evidence.save: a CSV, packed when FILE ends with
// .gz, or Parquet.
func writeRows(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	type row struct {
		Digest [32]byte `parquet:"digest"`
		Text   string   `parquet:"text"`
	}
	var list []row
	text := "digest,text\n"
	for i := range n {
		r := row{sha256.Sum256(fmt.Appendf(nil, "%s %d", args[1], i)), fmt.Sprintf("%s %d", args[1], i)}
		list = append(list, r)
		text += fmt.Sprintf("0x%x,%s\n", r.Digest, r.Text)
	}
	var out bytes.Buffer
	switch filepath.Ext(args[0]) {
	case ".parquet":
		ts.Check(parquet.Write(&out, list))
	case ".gz":
		w := gzip.NewWriter(&out)
		_, err := io.WriteString(w, text)
		ts.Check(errors.Join(err, w.Close()))
	default:
		out.WriteString(text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// key FILE VARIABLE writes a new key and puts its address into a variable.
func writeKey(ts *testscript.TestScript, _ bool, args []string) {
	key, err := suite.GenerateKey(suite.Standard)
	ts.Check(err)
	text, err := key.MarshalPEM()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
	ts.Setenv(args[1], key.Address().Hex())
}

// config FILE ACCOUNT... writes a configuration with the chain and accounts.
func writeConfiguration(ts *testscript.TestScript, _ bool, args []string) {
	text := "accounts:\n"
	for _, name := range args[1:] {
		text += fmt.Sprintf("  - {name: %s, file: %s.pem, create: true}\n", name, name)
	}
	text += fmt.Sprintf("targets:\n  - {name: court, nodes: [%q], tls: {dir: %q}, account: %s}\n", ts.Getenv("NODE"), ts.Getenv("CERTS"), args[1])
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o700))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// waitstate STATE N [STORE] waits until the newest job of a store has at least
// N rows in the state.
func waitState(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	path := filepath.FromSlash("data/batchcall.db")
	if len(args) > 2 {
		path = args[2]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ts.Check(waiting(ctx, func() (bool, error) {
		if _, err := os.Stat(ts.MkAbs(path)); err != nil {
			return false, nil
		}
		store, err := batch.OpenStore(ctx, ts.MkAbs(path))
		if err != nil {
			return false, err
		}
		defer store.Close()
		jobs, err := store.Jobs(ctx, batch.JobFilter{Limit: 1})
		if err != nil || len(jobs) == 0 {
			return false, err
		}
		switch c := jobs[0].Counts; args[0] {
		case "confirmed":
			return c.Confirmed >= want, nil
		case "submitted":
			return c.Submitted+c.Unknown >= want, nil
		}
		return false, fmt.Errorf("state %q", args[0])
	}))
}

// waitcount N waits until the chain says that Evidence has saved at least N digests.
func waitCount(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ts.Check(waiting(ctx, func() (bool, error) {
		err := ts.Exec("batchcall", "call", "--contract", "Evidence", "--fn", "count", "--node", ts.Getenv("NODE"), "--certs", ts.Getenv("CERTS"), "-o", "csv")
		if err != nil {
			return false, err
		}
		lines := strings.Fields(ts.ReadFile("stdout"))
		count, err := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], ",uint256,"))
		return count >= want, err
	}))
}

// remoteJob finds a job of the gateway by its name.
func remoteJob(ctx context.Context, ts *testscript.TestScript, name string) (batch.Job, bool) {
	c, err := client.New(client.Config{URL: ts.Getenv("GATEWAY"), Token: ts.Getenv("TOKEN")})
	ts.Check(err)
	defer c.Close()
	page, err := c.Jobs(ctx, client.JobFilter{})
	ts.Check(err)
	for _, job := range page.Jobs {
		if job.Spec.Name == name {
			return job, true
		}
	}
	return batch.Job{}, false
}

// waitremote STATE NAME waits until the gateway's job of that name is in the state.
func waitRemote(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ts.Check(waiting(ctx, func() (bool, error) {
		job, found := remoteJob(ctx, ts, args[1])
		return found && string(job.State) == args[0], nil
	}))
}

// jobid VARIABLE NAME [gateway] puts the id of the job of that name, of the
// store or of the gateway, into a variable.
func jobID(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	if len(args) == 3 && args[2] == "gateway" {
		job, found := remoteJob(ctx, ts, args[1])
		if !found {
			ts.Fatalf("the gateway has no job %s", args[1])
		}
		ts.Setenv(args[0], job.ID)
		return
	}
	store, err := batch.OpenStore(ctx, ts.MkAbs(filepath.FromSlash("data/batchcall.db")))
	ts.Check(err)
	defer store.Close()
	jobs, err := store.Jobs(ctx, batch.JobFilter{Limit: maxListed})
	ts.Check(err)
	for _, job := range jobs {
		if job.Spec.Name == args[1] {
			ts.Setenv(args[0], job.ID)
			return
		}
	}
	ts.Fatalf("the store has no job %s", args[1])
}

// address VARIABLE NAME puts the address of a contract of the store into a variable.
func address(ts *testscript.TestScript, _ bool, args []string) {
	store, err := batch.OpenStore(context.Background(), ts.MkAbs(filepath.FromSlash("data/batchcall.db")))
	ts.Check(err)
	defer store.Close()
	c, err := store.Contract(context.Background(), "chain0.group0", args[1])
	ts.Check(err)
	ts.Setenv(args[0], c.Address.Hex())
}

// sql STATEMENT changes the store behind the program's back.
func changeStore(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(filepath.FromSlash("data/batchcall.db")))
	ts.Check(err)
	defer db.Close()
	res, err := db.ExecContext(context.Background(), args[0])
	ts.Check(err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("%s: %d rows, %v", args[0], n, err)
	}
}

// watch NAME follows the gateway's job of that name with batchcall get.
func watch(ts *testscript.TestScript, _ bool, args []string) {
	job, found := remoteJob(context.Background(), ts, args[0])
	if !found {
		ts.Fatalf("the gateway has no job %s", args[0])
	}
	ts.Check(ts.Exec("batchcall", "get", job.ID, "--watch", "--gateway", ts.Getenv("GATEWAY")))
}

// TestScriptsCoverEveryCommand keeps the specification whole.
func TestScriptsCoverEveryCommand(t *testing.T) {
	t.Parallel()
	help, err := os.ReadFile("testdata/offline/help.txtar")
	require.NoError(t, err)
	root := (&app{}).rootCommand()
	for _, cmd := range root.Commands() {
		require.Contains(t, string(help), "batchcall "+cmd.Name()+" --help", "testdata/offline/help.txtar")
		require.NotEmpty(t, cmd.Example, cmd.Name())
		require.NotEmpty(t, cmd.Long, cmd.Name())
	}
}
