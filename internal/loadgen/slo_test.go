package loadgen

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestObjectivesAreReadStrictly(t *testing.T) {
	t.Parallel()
	list, err := ParseObjectives("p99<200ms, errors <= 0.1%,rate>450,p99.9<1.5s,max<=2s,mean<1ms,dropped<0.01")
	require.NoError(t, err)
	require.Equal(t, Objective{Text: "p99<200ms", Metric: "p99", Strict: true, Time: 200 * time.Millisecond}, list[0])
	require.Equal(t, "errors", list[1].Metric)
	require.False(t, list[1].Strict)
	require.InDelta(t, 0.001, list[1].Number, 1e-12)
	require.Equal(t, 450.0, list[2].Number)
	require.Equal(t, 0.01, list[6].Number)
	none, err := ParseObjectives("  ")
	require.NoError(t, err)
	require.Empty(t, none)
	for text, want := range map[string]string{
		"p99":              "an objective is a metric",
		"p99<200ms,":       "an objective is a metric",
		"p99=200ms":        "an objective is a metric",
		"p99<200":          "missing unit",
		"p99<-1ms":         "a limit of -1ms",
		"p0<1s":            "there is no metric p0",
		"p101<1s":          "there is no metric p101",
		"p<1s":             "there is no metric p;",
		"latency<1s":       "there is no metric latency",
		"p99>200ms":        "the wrong way round: p99 is to be low",
		"rate<450":         "the wrong way round: rate is to be high",
		"errors<5":         "more than all",
		"errors<101%":      "more than all",
		"errors<-1%":       "not a number",
		"errors<NaN":       "not a number",
		"rate>Inf":         "not a number",
		"rate>1,5":         "an objective is a metric",
		"p99<200ms p50<1s": "an objective is a metric",
		"p99<<200ms":       "invalid duration",
	} {
		_, err := ParseObjectives(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestObjectivesAreJudged(t *testing.T) {
	t.Parallel()
	m := newMeasure()
	for i := range 100 {
		s := sample{ended: time.Duration(i+1) * 10 * time.Millisecond, sent: true}
		if i >= 98 {
			s.failure = "timeout"
		}
		m.add(s)
	}
	for text, kept := range map[string]bool{
		"p50<600ms": true, "p50<400ms": false, "p99<1s": true, "p100<900ms": false, "max<2s": true, "max<1s": false,
		"mean<600ms": true, "mean<400ms": false, "errors<2%": false, "errors<=2%": true, "errors<0.03": true,
		"rate>49": true, "rate>50": false, "rate>=50": true, "dropped<=0": true, "dropped<0": false,
	} {
		o, err := parseObjective(text)
		require.NoError(t, err)
		v := o.judge(m, 50)
		require.Equal(t, kept, v.Kept, "%s", v)
		require.False(t, o.judge(newMeasure(), 50).Kept, "nothing shows %s", text)
	}
}

func FuzzObjectives(f *testing.F) {
	for _, seed := range []string{"p99<200ms,errors<0.1%", "rate>=450", "p99.9<=1h", "max<1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseObjectives(text)
		if err != nil {
			return
		}
		for _, o := range list {
			data, err := json.Marshal(o)
			require.NoError(t, err)
			var again Objective
			require.NoError(t, json.Unmarshal(data, &again))
			require.Equal(t, o, again)
			o.judge(newMeasure(), 1)
		}
	})
}
