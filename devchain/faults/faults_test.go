package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func add(t *testing.T, s *Set, f Fault) Fault {
	t.Helper()
	f, err := s.Add(f)
	require.NoError(t, err)
	return f
}

func request(method string) Point { return Point{On: method, Transport: HTTP} }

func TestAFaultStrikesAsOftenAsAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault Fault
		want  int // of 20 calls of getCode
	}{
		"once":                {Fault{Action: Drop}, 1},
		"three times":         {Fault{Action: Drop, Times: 3}, 3},
		"always":              {Fault{Action: Drop, Times: -1}, 20},
		"by the method":       {Fault{Action: Drop, On: "getCode", Times: 5}, 5},
		"not another method":  {Fault{Action: Drop, On: "getABI", Times: 5}, 0},
		"not another port":    {Fault{Action: Drop, Transport: WebSocket}, 0},
		"not another node":    {Fault{Action: Drop, Node: "node7"}, 0},
		"a hundred percent":   {Fault{Action: Drop, Percent: 100}, 20},
		"percent with a stop": {Fault{Action: Drop, Percent: 100, Times: 4}, 4},
		"no height":           {Fault{Action: BlockNumber, By: 5}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Set
			add(t, &s, tc.fault)
			struck := 0
			for range 20 {
				if s.Strike(request("getCode")) != nil {
					struck++
				}
			}
			require.Equal(t, tc.want, struck)
			require.Equal(t, tc.want, s.List()[0].Struck)
		})
	}
}

func TestConcurrentRequestsAreStruckExactly(t *testing.T) {
	t.Parallel()
	var s Set
	add(t, &s, Fault{Action: Drop, Times: 100})
	var mu sync.Mutex
	struck := 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if s.Strike(request("call")) != nil {
					mu.Lock()
					struck++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, 100, struck)
}

func TestASeedReproduces(t *testing.T) {
	t.Parallel()
	fates := func(seed uint64) string {
		var s Set
		add(t, &s, Fault{Action: Drop, Percent: 30, Seed: seed})
		text := ""
		for range 1000 {
			text += fmt.Sprint(s.Strike(request("call")) != nil)[:1]
		}
		struck := s.List()[0].Struck
		require.InDelta(t, 300, struck, 60)
		require.Equal(t, 1000, s.List()[0].Seen)
		return text
	}
	require.Equal(t, fates(7), fates(7))
	require.NotEqual(t, fates(7), fates(8))
}

func TestTheOldestFaultStrikesFirst(t *testing.T) {
	t.Parallel()
	var s Set
	first := add(t, &s, Fault{Action: Drop, Times: 2})
	second := add(t, &s, Fault{Action: Close})
	for _, want := range []int{first.ID, first.ID, second.ID} {
		require.Equal(t, want, s.Strike(request("call")).ID)
	}
	require.Nil(t, s.Strike(request("call")))

	list := s.List()
	require.Len(t, list, 2)
	require.True(t, list[0].Spent())
	gone, err := s.Remove(first.ID)
	require.NoError(t, err)
	require.Equal(t, 2, gone.Struck)
	_, err = s.Remove(first.ID)
	require.ErrorIs(t, err, ErrNotFound)
	require.Equal(t, 1, s.Clear())
	require.Empty(t, s.List())
	add(t, &s, Fault{Action: Reset})
	require.Equal(t, Reset, s.Strike(request("call")).Action)
}

func TestAnyIsWhatTheActionFits(t *testing.T) {
	t.Parallel()
	for _, on := range []string{Connect, Block, BlockNotify, EventPush} {
		var s Set
		add(t, &s, Fault{Action: Close})
		require.Nil(t, s.Strike(Point{On: on}), on)
	}
	var s Set
	add(t, &s, Fault{Action: Error, Code: 5})
	require.Nil(t, s.Strike(Point{On: Handshake}), "it has no error to answer")
	require.NotNil(t, s.Strike(Point{On: "call"}))
	add(t, &s, Fault{Action: BlockNumber, By: 1, Times: 2})
	require.NotNil(t, s.Strike(Point{On: BlockNotify, Height: true}))
	require.NotNil(t, s.Strike(Point{On: Handshake, Height: true}))
}

func TestASetIsBounded(t *testing.T) {
	t.Parallel()
	var s Set
	for range maxFaults {
		add(t, &s, Fault{Action: Drop})
	}
	_, err := s.Add(Fault{Action: Drop})
	require.ErrorIs(t, err, ErrTooMany)
	require.NotNil(t, s.Strike(request("call")))
	added := add(t, &s, Fault{Action: Drop})
	require.Equal(t, maxFaults+1, added.ID)
	require.Equal(t, 2, s.List()[0].ID, "the spent one made room")
}

func TestNoSetHasNoFaults(t *testing.T) {
	t.Parallel()
	var none *Set
	require.Nil(t, none.Strike(request("call")))
	require.Zero(t, none.Skew())
	require.Equal(t, "ok", string(none.Do(t.Context(), Exchange{Serve: func(context.Context) []byte { return []byte("ok") }})))
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		`action "explode" is not known`:   {Action: "explode"},
		`transport "udp" is not known`:    {Action: Drop, Transport: "udp"},
		"percent 101 is not between":      {Action: Drop, Percent: 101},
		"delay: how long?":                {Action: Delay},
		"delay -1s is negative":           {Action: Drop, Delay: Duration(-time.Second)},
		"error: with which code?":         {Action: Error},
		"wrong by how many blocks?":       {Action: BlockNumber},
		"wrong by how much?":              {Action: ClockSkew},
		`part "tail" is not known`:        {Action: Corrupt, Part: "tail"},
		"drop cannot strike block":        {Action: Drop, On: Block},
		"delay cannot strike connect":     {Action: Delay, On: Connect, Delay: 1},
		"error cannot strike handshake":   {Action: Error, On: Handshake, Code: 1},
		"clock-skew cannot strike call":   {Action: ClockSkew, On: "call", Skew: 1},
		"block-number cannot strike call": {Action: BlockNumber, On: "call", By: 1},
		"is not executed: without after":  {Action: Drop, On: BlockNotify, After: true},
	} {
		require.ErrorContains(t, f.Validate(), want)
		var s Set
		_, err := s.Add(f)
		require.ErrorContains(t, err, want)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	var s Set
	full := add(t, &s, Fault{Action: PoolFull, ID: 9, Struck: 9})
	require.Equal(t, Fault{ID: 1, Action: PoolFull, On: "sendTransaction", Times: 1, Code: 10002, Message: "TxPoolIsFull"}, full)
	require.Equal(t, Payload, add(t, &s, Fault{Action: Corrupt}).Part)
	require.Equal(t, Block, add(t, &s, Fault{Action: ClockSkew, Skew: Duration(-time.Hour)}).On)
	require.Equal(t, -time.Hour, s.Skew())
	require.Zero(t, s.Skew(), "once")
}

// fakeLine notes what is done to it.
type fakeLine struct{ done string }

func (l *fakeLine) Close()    { l.done = "closed" }
func (l *fakeLine) Reset()    { l.done = "reset" }
func (l *fakeLine) HalfOpen() { l.done = "half-open" }

func TestWhatAFaultDoes(t *testing.T) {
	for name, tc := range map[string]struct {
		fault    Fault
		message  string
		line     string
		executed bool
		takes    time.Duration
	}{
		"delay":                {Fault{Action: Delay, Delay: Duration(time.Second)}, "height 10", "", true, time.Second},
		"drop":                 {Fault{Action: Drop}, "", "", false, 0},
		"drop, executed":       {Fault{Action: Drop, After: true}, "", "", true, 0},
		"error":                {Fault{Action: Error, Code: 7, Message: "no"}, "7 no", "", false, 0},
		"error, executed":      {Fault{Action: Error, Code: 7, Message: "no", After: true}, "7 no", "", true, 0},
		"pool full":            {Fault{Action: PoolFull, On: Any}, "10002 TxPoolIsFull", "", false, 0},
		"close":                {Fault{Action: Close}, "", "closed", false, 0},
		"close later":          {Fault{Action: Close, After: true, Delay: Duration(time.Minute)}, "", "closed", true, time.Minute},
		"reset":                {Fault{Action: Reset}, "", "reset", false, 0},
		"half-open":            {Fault{Action: HalfOpen, After: true}, "", "half-open", true, 0},
		"corrupt":              {Fault{Action: Corrupt, Part: Seq}, "height 10 with another seq", "", true, 0},
		"too high":             {Fault{Action: BlockNumber, By: 5}, "height 15", "", true, 0},
		"too low":              {Fault{Action: BlockNumber, By: -3}, "height 7", "", true, 0},
		"never below 0":        {Fault{Action: BlockNumber, By: -30}, "height 0", "", true, 0},
		"the clock of a block": {Fault{Action: ClockSkew, Skew: 1}, "height 10", "", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s Set
				add(t, &s, tc.fault)
				line, executed, began := &fakeLine{}, false, time.Now()
				message := s.Do(t.Context(), Exchange{
					Point: Point{On: "getBlockNumber", Height: true},
					Line:  line,
					Serve: func(ctx context.Context) []byte {
						executed = true
						return fmt.Append(nil, "height ", Height(ctx, 10))
					},
					Refuse: func(code int, message string) []byte { return fmt.Append(nil, code, " ", message) },
					Damage: func(m []byte, part Part) []byte { return fmt.Append(m, " with another ", part) },
				})
				require.Equal(t, tc.message, string(message))
				require.Equal(t, tc.line, line.done)
				require.Equal(t, tc.executed, executed)
				require.Equal(t, tc.takes, time.Since(began))
			})
		})
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var s Set
	add(t, &s, Fault{Action: Delay, Delay: Duration(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Nil(t, s.Do(ctx, Exchange{Serve: func(context.Context) []byte {
		require.Fail(t, "it was executed")
		return nil
	}}))
}

func TestNothingToDamage(t *testing.T) {
	t.Parallel()
	var s Set
	add(t, &s, Fault{Action: Corrupt})
	require.Nil(t, s.Do(t.Context(), Exchange{Serve: func(context.Context) []byte { return nil }}))
}

func TestJSON(t *testing.T) {
	t.Parallel()
	f := Fault{Action: Delay, On: "call", Times: 2, Delay: Duration(1500 * time.Millisecond)}
	text, err := json.Marshal(f)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":0,"action":"delay","on":"call","times":2,"delay":"1.5s","seen":0,"struck":0}`, string(text))
	var back Fault
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, f, back)
	require.Error(t, json.Unmarshal([]byte(`{"delay":"soon"}`), &back))
}
