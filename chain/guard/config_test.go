package guard

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

func TestDefaultsAreThoseOfTheDesign(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	require.NoError(t, cfg.Validate())
	cfg.setDefaults()
	breaker := Breaker{Failures: 5, Window: 10, OpenFor: time.Second, Probes: 3}
	require.Equal(t, Policy{
		ConnectTimeout: 3 * time.Second, AnswerTimeout: 10 * time.Second, Retries: 2,
		BackoffMin: 50 * time.Millisecond, BackoffMax: 2 * time.Second, InFlight: 4096, Breaker: breaker,
	}, cfg.Query)
	require.Equal(t, Policy{
		ConnectTimeout: 5 * time.Second, AnswerTimeout: 30 * time.Second, Retries: 1,
		BackoffMin: 50 * time.Millisecond, BackoffMax: 2 * time.Second, InFlight: 4096, Breaker: breaker,
	}, cfg.Write)
	require.InDelta(t, 0.2, cfg.RetryShare, 0)
}

func TestValidateListsEverything(t *testing.T) {
	t.Parallel()
	err := Config{
		RetryShare: math.NaN(),
		Query:      Policy{AnswerTimeout: -1, BackoffMin: -1, Rate: -1},
		Write:      Policy{ConnectTimeout: -time.Second, NodeRate: math.NaN(), Breaker: Breaker{Failures: 11, OpenFor: -1}},
	}.Validate()
	for _, want := range []string{
		"class query: the answer timeout -1ns is negative", "class query: the least backoff -1ns is negative", "class query: a limit is negative",
		"class write: the connect timeout -1s is negative", "class write: a limit is negative, or not a number",
		"class write: the open time of the breaker -1ns is negative", "class write: the breaker cannot see 11 failures among 10 attempts",
		"the share of retries is not a number",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, p := range []Policy{{Burst: -1}, {NodeBurst: -1}, {InFlight: -1}, {NodeRate: -1}, {BackoffMax: -1}} {
		require.Error(t, Config{Query: p}.Validate(), p)
		require.Error(t, Config{Write: p}.Validate(), p)
	}
	require.NoError(t, Config{RetryShare: -1, Query: Policy{Retries: -1, Rate: math.Inf(1)}}.Validate())

	_, err = New(Config{Query: Policy{InFlight: -1}}, &pool.Pool{})
	require.ErrorContains(t, err, "class query: a limit is negative")
	require.Empty(t, chain.KindOf(err))
}
