package loadgen

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms count in microseconds up to an hour with three digits: 180 KB each.
// What took longer counts as an hour.
const (
	longest      = time.Hour
	histogramFig = 3
)

// Histogram is a distribution of times. Its JSON has the usual percentiles in
// milliseconds, and the whole of it as an HDR histogram (V2, compressed, base64;
// values in microseconds), of which it is read again.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram makes an empty one.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, longest.Microseconds(), histogramFig)}
}

// Record counts one time; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	// The bounds leave no value that could not be recorded.
	_ = h.h.RecordValue(max(0, min(d, longest)).Microseconds())
}

// Count is how many times were recorded.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Percentile is the time that p percent do not exceed; 0 when there is none.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return micros(h.h.ValueAtPercentile(p))
}

// Mean is the average; 0 when there is none.
func (h *Histogram) Mean() time.Duration {
	return time.Duration(h.h.Mean() * float64(time.Microsecond))
}

// Max is the longest time; 0 when there is none.
func (h *Histogram) Max() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return micros(h.h.Max())
}

func (h *Histogram) reset() { h.h.Reset() }

func micros(v int64) time.Duration { return time.Duration(v) * time.Microsecond }

// shownPercentiles are those that people ask for.
var shownPercentiles = []struct {
	Name string
	At   float64
}{{"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99.9", 99.9}}

type histogramJSON struct {
	Count       int64              `json:"count"`
	Percentiles map[string]float64 `json:"percentilesMs"`
	MeanMS      float64            `json:"meanMs"`
	MaxMS       float64            `json:"maxMs"`
	HDR         string             `json:"hdr"`
}

// MarshalJSON writes percentiles and the whole histogram.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	encoded, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	out := histogramJSON{Count: h.Count(), MeanMS: milliseconds(h.Mean()), MaxMS: milliseconds(h.Max()), HDR: string(encoded), Percentiles: map[string]float64{}}
	for _, p := range shownPercentiles {
		out.Percentiles[p.Name] = milliseconds(h.Percentile(p.At))
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads the whole histogram again.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var in histogramJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	decoded, err := hdrhistogram.Decode([]byte(in.HDR))
	if err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	if decoded.TotalCount() != in.Count {
		return fmt.Errorf("histogram: it has %d values, not %d", decoded.TotalCount(), in.Count)
	}
	h.h = decoded
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
