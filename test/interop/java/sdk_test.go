//go:build unix

package interop

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

// interopVariable says whether this test may be skipped: "required" makes a
// missing runtime a failure, "off" skips it; else it runs where it can.
const interopVariable = "BCOSGATE_INTEROP"

// cannot skips the test with a reason, or fails it where it is required.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv(interopVariable) == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf("the official Java SDK was not tried: "+format, args...)
}

// order is Order.java.
type order struct {
	Node     string        `json:"node"`
	Certs    string        `json:"certs"`
	Accounts string        `json:"accounts"`
	Group    string        `json:"group"`
	Code     string        `json:"code"`
	ABI      string        `json:"abi"`
	Count    int           `json:"count"`
	Hashes   []common.Hash `json:"hashes"`
	Table    string        `json:"table,omitempty"`
}

// report is Report.java.
type report struct {
	Chain              string
	NegotiatedProtocol int
	Deployment         seen
	Sent               []seen
	Repeated           seen
	Events             []event
	Table              map[string]string
	Transactions       []readBack
	Blocks             []block
	Head               uint64
	TotalTransactions  int64
}

type seen struct {
	SignedHash      common.Hash
	TransactionHash common.Hash
	ReceiptHash     string
	Version         int32
	Status          int
	BlockNumber     int64 `json:",string"`
	From            string
	ContractAddress string
	Output          string
	GasUsed         string
}

type event struct {
	TransactionHash common.Hash
	BlockNumber     int64 `json:",string"`
	Address         string
	Topics          []common.Hash
	Data            string
}

type readBack struct {
	Hash, ComputedHash, ReceiptHash  common.Hash
	ComputedReceiptHash              *common.Hash
	Status                           int
	BlockNumber                      int64 `json:",string"`
	From, To, Input, ContractAddress string
	TransactionProven, ReceiptProven bool
}

type block struct {
	Number                           int64
	Hash, ComputedHash, HashByNumber common.Hash
	ParentHash                       *common.Hash
	TxsRoot, ReceiptsRoot, StateRoot common.Hash
	Timestamp                        int64
	Transactions                     []common.Hash
}

// sdk is the Java program, compiled.
type sdk struct{ classPath string }

// buildSDK compiles the program. What Maven has fetched before is enough;
// else it asks its repository.
func buildSDK(t *testing.T) sdk {
	t.Helper()
	if os.Getenv(interopVariable) == "off" {
		t.Skipf("%s=off", interopVariable)
	}
	for _, program := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			cannot(t, "%s was not found: it takes a JDK (11 or later) and Maven", program)
		}
	}
	dir := t.TempDir()
	list := filepath.Join(dir, "classpath")
	args := []string{
		"--batch-mode", "--quiet", "-Dstyle.color=never", "-Dinterop.build=" + dir, "-Dmdep.outputFile=" + list,
		"compiler:compile", "dependency:build-classpath",
	}
	if _, err := maven(t, append(args, "--offline")...); err != nil {
		if text, err := maven(t, args...); err != nil {
			cannot(t, "Maven cannot build the program: %v\n%s", err, text)
		}
	}
	libraries, err := os.ReadFile(list)
	require.NoError(t, err)
	return sdk{classPath: filepath.Join(dir, "classes") + string(filepath.ListSeparator) + strings.TrimSpace(string(libraries))}
}

func maven(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // the SDK and its libraries are 90 MB
	defer cancel()
	text, err := exec.CommandContext(ctx, "mvn", args...).CombinedOutput()
	return string(text), err
}

// run lets the program do what is ordered and gives its report.
func (s sdk) run(t *testing.T, o order) report {
	t.Helper()
	dir := t.TempDir()
	o.Accounts = filepath.Join(dir, "accounts")
	text, err := json.Marshal(o)
	require.NoError(t, err)
	orderFile, reportFile := filepath.Join(dir, "order.json"), filepath.Join(dir, "report.json")
	require.NoError(t, os.WriteFile(orderFile, text, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// The SDK unpacks its native library into the home folder, and logs into the
	// one that it runs in.
	java := exec.CommandContext(ctx, "java", "-Duser.home="+dir, "-cp", s.classPath, "interop.Interop", orderFile, reportFile)
	java.Dir = dir
	output, err := java.CombinedOutput()
	require.NoError(t, err, "%s", output)
	text, err = os.ReadFile(reportFile)
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(text, &r))
	return r
}
