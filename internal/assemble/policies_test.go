package assemble

import (
	"context"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/configs"
)

// setEach gives every scalar of a section a value that is not its zero.
func setEach(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			setEach(v.Field(i))
		}
	case reflect.String:
		v.SetString(configs.WhenFullRefuse) // the only text of the policies
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	default:
		v.SetInt(1)
	}
}

// requireEachSet fails for every scalar that is zero.
func requireEachSet(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[chain.Target]() {
		for i := range v.NumField() {
			requireEachSet(t, name+"."+v.Type().Field(i).Name, v.Field(i))
		}
		return
	}
	require.False(t, v.IsZero(), "no setting reaches %s", name)
}

func TestEverySettingOfCallsReachesTheGuard(t *testing.T) {
	t.Parallel()
	var calls configs.Calls
	setEach(reflect.ValueOf(&calls).Elem())
	got := guardConfig(calls, nil, nil)
	require.True(t, got.Query.Hedge)
	got.Write.Hedge = true // writes are never hedged
	for name, part := range map[string]any{"Query": got.Query, "Write": got.Write, "RetryShare": got.RetryShare, "Cache": got.Cache} {
		requireEachSet(t, name, reflect.ValueOf(part))
	}
}

func TestSettingsOfConnectionsReachThePool(t *testing.T) {
	t.Parallel()
	var section configs.Pool
	setEach(reflect.ValueOf(&section).Elem())
	target := configs.Target{Nodes: []string{"a:1"}, Pool: section}
	dial := func(context.Context, string) (pool.Conn, error) { return nil, nil }
	got := poolConfig(target, chain.Target{Name: "main", Family: "f", ChainID: "c", Group: "g"}, dial, Deps{Cordons: book{}, Logger: slog.Default()})
	requireEachSet(t, "pool.Config", reflect.ValueOf(got))

	got = poolConfig(configs.Target{Pool: configs.Pool{MaxConns: 1, MinConns: 2, PerConn: 3, MaxPerConn: 4, IdleTimeout: 5, Lifetime: 6, DrainTimeout: 7,
		MaxDials: 8, DialTimeout: 9, BackoffMin: 10, BackoffMax: 11, Heartbeat: configs.Heartbeat{Interval: 12, Timeout: 13}}}, chain.Target{}, nil, Deps{})
	require.Equal(t, pool.Config{MaxConns: 1, MinConns: 2, PerConn: 3, MaxPerConn: 4, IdleTimeout: 5, Lifetime: 6, DrainTimeout: 7,
		MaxDials: 8, DialTimeout: 9, BackoffMin: 10, BackoffMax: 11, Heartbeat: 12, HeartbeatTimeout: 13}, got)
}

// book forgets every cordon.
type book struct{}

func (book) Cordons(context.Context, string) ([]pool.Cordon, error) { return nil, nil }
func (book) SetCordon(context.Context, string, pool.Cordon) error   { return nil }
func (book) ClearCordon(context.Context, string, string) error      { return nil }

func TestSettingsOfCallsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	got := guardConfig(configs.Calls{
		Query: configs.Policy{ConnectTimeout: 1, AnswerTimeout: 2, Retries: 3, BackoffMin: 4, BackoffMax: 5, Rate: 6, Burst: 7, NodeRate: 8, NodeBurst: 9,
			InFlight: 10, WhenFull: configs.WhenFullWait, Breaker: configs.Breaker{Failures: 11, Window: 12, OpenFor: 13, Probes: 14}},
		Write:      configs.Policy{AnswerTimeout: time.Minute, Retries: -1, WhenFull: configs.WhenFullRefuse},
		RetryShare: -1, Cache: configs.Cache{Disabled: true, Size: 15, HeadBoundFor: 16, StaleFor: 17},
	}, nil, nil)
	require.Equal(t, guard.Config{
		Query: guard.Policy{ConnectTimeout: 1, AnswerTimeout: 2, Retries: 3, BackoffMin: 4, BackoffMax: 5, Rate: 6, Burst: 7, NodeRate: 8, NodeBurst: 9,
			InFlight: 10, Breaker: guard.Breaker{Failures: 11, Window: 12, OpenFor: 13, Probes: 14}},
		Write:      guard.Policy{AnswerTimeout: time.Minute, Retries: -1, Refuse: true},
		RetryShare: -1, Cache: guard.CacheConfig{Off: true, MaxBytes: 15, HeadBoundFor: 16, StaleFor: 17},
	}, got)
	require.NoError(t, got.Validate())
}
