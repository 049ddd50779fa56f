package batch

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/batch/rows"
)

const (
	// DefaultShardRows is how many rows a shard has where nothing else is said: few
	// enough that a job of some thousand rows keeps several processes busy, and
	// enough that taking a shard (three statements) costs little beside its rows.
	DefaultShardRows = 250
	// Keys are spread over so many lanes, and shards are ranges of lanes: a
	// million rows are still cut into shards of some hundred.
	keyLanes = 4096
	// Buckets of time in one job. Each is counted in memory while the job is loaded.
	mostBuckets = 100_000
)

// shard is a part of a job's rows: those from low to high, or those in the lanes
// from low to high.
type shard struct {
	number    int64
	low, high int64
}

// sharding is how a job is cut; the zero value is not valid.
type sharding struct {
	rows   int64         // of a shard, where shards are ranges of rows
	column string        // else the column that decides
	width  time.Duration // of a bucket of time; 0 is the key's hash
}

// byLane reports whether shards are ranges of lanes instead of rows.
func (s sharding) byLane() bool { return s.column != "" }

// parseSharding reads range(ROWS), key(COLUMN) or time(COLUMN,WIDTH); "" is
// range(DefaultShardRows).
func parseSharding(text string) (sharding, error) {
	if text == "" {
		return sharding{rows: DefaultShardRows}, nil
	}
	kind, rest, ok := strings.Cut(text, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	inner = strings.TrimSpace(inner)
	if ok && closed && inner != "" {
		switch strings.TrimSpace(kind) {
		case "range":
			if n, err := strconv.ParseInt(inner, 10, 32); err == nil && n > 0 {
				return sharding{rows: n}, nil
			}
		case "key":
			return sharding{column: inner}, nil
		case "time":
			column, width := inner, ""
			if at := strings.LastIndex(inner, ","); at >= 0 {
				column, width = strings.TrimSpace(inner[:at]), strings.TrimSpace(inner[at+1:])
			}
			if d, err := time.ParseDuration(width); err == nil && d >= time.Millisecond && column != "" {
				return sharding{column: column, width: d}, nil
			}
		}
	}
	return sharding{}, fmt.Errorf("%q is not known; use range(500), key(COLUMN) or time(COLUMN,1h)", text)
}

// shardCutter decides the lane of each row while a job is loaded, and cuts the job in
// the end.
type shardCutter struct {
	by     sharding
	canary int64           // rows of the first shard, where shards are ranges of rows; 0 is as many as of the others
	lanes  map[int64]int64 // rows in each

	together bool // all rows in one shard, or two with a canary, because they are sent in turn
}

func newShardCutter(by sharding, canary int) *shardCutter {
	return &shardCutter{by: by, canary: int64(canary), lanes: map[int64]int64{}}
}

// lane is the lane of a row, nil where shards are ranges of rows. The fault has no
// row and line.
func (c *shardCutter) lane(row rows.Row) (*int64, *RowFault) {
	if !c.by.byLane() {
		return nil, nil
	}
	at := slices.IndexFunc(row.Cells, func(cell rows.Cell) bool { return cell.Column == c.by.column })
	if at < 0 {
		return nil, &RowFault{Column: c.by.column, Reason: "is missing, but the job is cut by it"}
	}
	lane, err := c.laneOf(row.Cells[at].Value)
	if err == nil && c.lanes[lane] == 0 && len(c.lanes) >= mostBuckets {
		err = fmt.Errorf("is in bucket number %d of %s, more than %d: choose a greater width", mostBuckets+1, c.by.width, mostBuckets)
	}
	if err != nil {
		return nil, &RowFault{Column: c.by.column, Reason: err.Error()}
	}
	c.lanes[lane]++
	return &lane, nil
}

// keepTogether keeps all rows in one shard, because some wait for others. The fault has
// no row and line.
func (c *shardCutter) keepTogether() *RowFault {
	if c.by.byLane() {
		return &RowFault{Column: "_after", Reason: "makes a row wait for another one, which shards by key or time cannot: leave out shardBy"}
	}
	c.together = true
	return nil
}

func (c *shardCutter) laneOf(value any) (int64, error) {
	if c.by.width == 0 {
		return laneOfKey(value), nil
	}
	t, err := timeOf(value)
	if err != nil {
		return 0, err
	}
	ms, width := t.UnixMilli(), c.by.width.Milliseconds()
	lane := ms / width
	if ms%width < 0 {
		lane--
	}
	return lane, nil
}

// laneOfKey is the lane of a value, the same for equal values for ever.
func laneOfKey(value any) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(keyText(value)))
	return int64(h.Sum32() % keyLanes)
}

// keyText is a value as a key: the same text for the same value in all forms of input.
func keyText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case json.Number:
		return v.String()
	case nil:
		return ""
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	}
}

// The forms of a time, beside seconds and milliseconds since 1970. Without a zone
// it is UTC: only the order matters.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly}

// Numbers from here on are milliseconds: as seconds they would be after the year 5000.
const leastMillis = 100_000_000_000

func timeOf(value any) (time.Time, error) {
	text := strings.TrimSpace(keyText(value))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > -leastMillis && n < leastMillis {
			return time.Unix(n, 0), nil
		}
		return time.UnixMilli(n), nil
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write 2006-01-02T15:04:05Z, or seconds or milliseconds since 1970", shorten(text))
}

// cut gives the shards of a job with so many rows, in the order in which they are
// begun: by row, by lane, the oldest first.
func (c *shardCutter) cut(rowCount int64) []shard {
	var list []shard
	add := func(low, high int64) { list = append(list, shard{number: int64(len(list) + 1), low: low, high: high}) }
	if !c.by.byLane() {
		low := int64(1)
		if c.canary > 0 && c.canary < rowCount {
			add(low, c.canary)
			low = c.canary + 1
		}
		size := c.by.rows
		if c.together {
			size = rowCount
		}
		for ; low <= rowCount; low += size {
			add(low, min(low+size-1, rowCount))
		}
		return list
	}
	var low, held int64
	for _, lane := range slices.Sorted(maps.Keys(c.lanes)) {
		if held == 0 {
			low = lane
		}
		held += c.lanes[lane]
		if c.by.width > 0 || held >= DefaultShardRows {
			add(low, lane)
			held = 0
		}
	}
	if held > 0 {
		add(low, keyLanes-1)
	}
	return list
}
