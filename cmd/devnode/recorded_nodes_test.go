//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// recordedNodes plays what was said to the nodes of a real chain to nodes of ours.
type recordedNodes struct {
	t       *testing.T
	folders []nodeFolder // by the mark in the recording
	running []*running   // nil: stopped
	ids     *strings.Replacer
}

// exact are the members whose values must be the recorded ones; of others the kind
// counts, and what is 0 or "0x".
var exact = []string{
	"archivedBlockNumber", "changeCycle", "checksumContractAddress", "chainID", "code", "connectedNodeList", "consensusNodesNum", "contractAddress",
	"extraData", "from", "genesisConfig", "group", "groupID", "index", "input", "isConsensusNode", "isSyncing", "maxFaultyQuorum", "message",
	"minRequiredQuorum", "name", "nodeID", "nodeIDList", "output", "status", "termWeight", "timeout", "to", "transactionHash", "type", "version", "weight",
}

// comparable is an answer in a form that is equal for answers that agree.
func comparable(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = comparable(key, member)
		}
	case []any:
		for i := range v {
			v[i] = comparable(name, v[i])
		}
		if name == "signatureList" && len(v) > 3 {
			return v[:3] // a node may have waited for one more than it needs
		}
		if name == "peers" { // in any order
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	case string:
		var inside map[string]any
		if name == "result" && json.Unmarshal([]byte(v), &inside) == nil {
			return comparable(name, inside)
		}
		if !slices.Contains(exact, name) && v != "0x" {
			return "a text"
		}
	case float64:
		if !slices.Contains(exact, name) && v != 0 || name == "sealer" || name == "sealerIndex" {
			return "a number"
		}
	}
	return v
}

func (r *recordedNodes) requireAgrees(e golden.Exchange, ours string) {
	r.t.Helper()
	var got, want any
	require.NoError(r.t, json.Unmarshal([]byte(ours), &got))
	require.NoError(r.t, json.Unmarshal([]byte(r.ids.Replace(e.Response)), &want))
	switch {
	case strings.Contains(e.Request, `"getPbftView"`), strings.Contains(e.Request, `"getBlockNumber"`):
		return // other blocks were made between the recorded ones
	case strings.Contains(e.Request, `"getConsensusStatus"`), strings.Contains(e.Request, `"getSyncStatus"`):
		for _, name := range []string{"view", "leaderIndex", "blockNumber", "knownHighestNumber"} {
			zero := regexp.MustCompile(`\\"` + name + `\\":\d+`)
			require.NoError(r.t, json.Unmarshal([]byte(zero.ReplaceAllString(ours, `\"`+name+`\":0`)), &got))
			ours = zero.ReplaceAllString(ours, `\"`+name+`\":0`)
			e.Response = zero.ReplaceAllString(e.Response, `\"`+name+`\":0`)
			require.NoError(r.t, json.Unmarshal([]byte(r.ids.Replace(e.Response)), &want))
		}
	}
	require.Equal(r.t, comparable("", want), comparable("", got), "line %d: %s", e.Line, e.Request)
}

func (r *recordedNodes) start(i int) {
	if r.running[i] == nil {
		n := start(r.t, arguments(r.folders[i]))
		r.running[i] = &n
	}
}

func (r *recordedNodes) stop(i int) {
	if r.running[i] != nil {
		code, stderr := r.running[i].stop()
		require.Zero(r.t, code, stderr)
		r.running[i] = nil
	}
}

func (r *recordedNodes) send(node string, request string) (string, error) {
	i, err := strconv.Atoi(node)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).
		Post(r.running[i].url, "application/json", strings.NewReader(request))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func (r *recordedNodes) mustSend(node string, request string) string {
	text, err := r.send(node, request)
	require.NoError(r.t, err)
	return text
}

// settle waits until the nodes that are up know each other and have the same blocks.
func (r *recordedNodes) settle() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		up, answers := 0, map[string]bool{}
		for i, n := range r.running {
			if n != nil {
				up++
				answers[r.mustSend(strconv.Itoa(i), `{"jsonrpc":"2.0","id":1,"method":"getBlockNumber","params":["group0",""]}`)+
					strconv.Itoa(strings.Count(r.mustSend(strconv.Itoa(i), `{"jsonrpc":"2.0","id":1,"method":"getGroupPeers","params":["group0"]}`), ","))] = true
			}
		}
		for answer := range answers {
			return len(answers) == 1 && strings.HasSuffix(answer, "}"+strconv.Itoa(up+1))
		}
		return false
	}, patience, 10*time.Millisecond)
}

var (
	sameBytes    = regexp.MustCompile(`^the same bytes to node 0 and, (\d+) ms later, to node 1`)
	nodesStopped = regexp.MustCompile(`^nodes? (\d)(?: and (\d))? stopped`)
)

// prepare does what the heading of a case says.
func (r *recordedNodes) prepare(heading string) {
	if m := nodesStopped.FindStringSubmatch(heading); m != nil && !strings.Contains(heading, "while a request waits") {
		for i := range r.running {
			r.start(i)
		}
		r.settle()
		for _, node := range m[1:] {
			if i, err := strconv.Atoi(node); err == nil {
				r.stop(i)
			}
		}
	}
	if strings.Contains(heading, "come back") {
		for i := range r.running {
			r.start(i)
		}
	}
	r.settle()
}

// playTwice sends the same bytes to two nodes. Which of the two is told what is a
// matter of milliseconds; one has the receipt, and nobody is told anything but what
// was recorded.
func (r *recordedNodes) playTwice(first, second golden.Exchange, wait time.Duration) {
	answers := make([]string, 2)
	var both sync.WaitGroup
	both.Go(func() { answers[0] = r.mustSend(first.Peer, first.Request) })
	both.Go(func() {
		time.Sleep(wait)
		answers[1] = r.mustSend(second.Peer, second.Request)
	})
	both.Wait()
	receipts := 0
	for _, answer := range answers {
		if strings.Contains(answer, `"result"`) {
			receipts++
			continue
		}
		require.Regexp(r.t, `"code":(10004,"message":"AlreadyInTxPool"|10000,"message":"NonceCheckFail")`, answer)
	}
	require.NotZero(r.t, receipts, "%q", answers)
}

// playLost stops a node while a request waits for a quorum, and starts all again.
func (r *recordedNodes) playLost(e golden.Exchange) {
	r.stop(2)
	r.stop(3)
	r.settle()
	lost := make(chan string, 1)
	go func() {
		text, err := r.send(e.Peer, e.Request)
		if err != nil {
			text = ""
		}
		lost <- text
	}()
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.mustSend(e.Peer, `{"jsonrpc":"2.0","id":1,"method":"getPendingTxSize","params":["group0",""]}`), `"result":1`)
	}, patience, 10*time.Millisecond)
	for i := range r.running {
		r.stop(i) // also the one that knows the transaction from node 0
	}
	require.NotContains(r.t, <-lost, `"result"`, "nobody is told that it was executed")
	for i := range r.running {
		r.start(i)
	}
	r.settle()
}

// What was recorded of a chain of four nodes, among them nodes that stop and come
// back, is played to four of ours.
func TestRecordedNodes(t *testing.T) {
	t.Parallel()
	if golden.Small() {
		t.Skip("the small part of the recordings has one node only")
	}
	for _, name := range golden.Files(t, "rpc/*-nodes.txt") {
		exchanges := golden.Exchanges(t, name)
		r := newRecordedNodes(t, exchanges)
		heading := ""
		for i := 0; i < len(exchanges); i++ {
			e := exchanges[i]
			isNew := e.Case != heading
			if heading = e.Case; isNew {
				r.prepare(heading)
			}
			twice := sameBytes.FindStringSubmatch(heading)
			switch {
			case isNew && twice != nil:
				wait, err := strconv.Atoi(twice[1])
				require.NoError(t, err)
				r.playTwice(e, exchanges[i+1], time.Duration(wait)*time.Millisecond)
				i++
				r.settle()
			case isNew && strings.Contains(heading, "while a request waits"):
				r.playLost(e)
			default:
				r.requireAgrees(e, r.mustSend(e.Peer, e.Request))
				if strings.Contains(e.Request, `"sendTransaction"`) {
					r.settle()
				}
			}
		}
	}
}

func newRecordedNodes(t *testing.T, exchanges []golden.Exchange) *recordedNodes {
	t.Helper()
	i := slices.IndexFunc(exchanges, func(e golden.Exchange) bool { return strings.Contains(e.Request, `"getConsensusStatus"`) })
	require.GreaterOrEqual(t, i, 0)
	var answer struct{ Result string }
	require.NoError(t, json.Unmarshal([]byte(exchanges[i].Response), &answer))
	var status struct {
		Index             int
		ConsensusNodeList []struct{ NodeID string }
	}
	require.NoError(t, json.Unmarshal([]byte(answer.Result), &status))
	count := len(status.ConsensusNodeList)

	folders, _ := folders(t, count, count, "[rpc]\nenable_ssl=false\n[txpool]\ntxs_expiration_time=3\n[log]\nenable=false\n")
	for _, f := range folders { // time for the same bytes to come twice before they are in a block
		edit(t, filepath.Join(f.dir, "config.ini"), "min_seal_time=0", "min_seal_time=200")
	}
	slices.SortFunc(folders, func(a, b nodeFolder) int { return strings.Compare(a.id, b.id) })
	var ids []string
	for i, node := range status.ConsensusNodeList {
		ids = append(ids, node.NodeID, folders[i].id)
	}
	mark, err := strconv.Atoi(exchanges[i].Peer) // that node's place among the sealers is known
	require.NoError(t, err)
	folders[mark], folders[status.Index] = folders[status.Index], folders[mark]
	r := &recordedNodes{t: t, folders: folders, running: make([]*running, count), ids: strings.NewReplacer(ids...)}
	for i := range folders {
		r.start(i)
	}
	return r
}
