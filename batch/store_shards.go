package batch

import (
	"context"
	"database/sql"
)

// openShards reads the next shards of a job that are not done, after a number, in
// the order in which they are begun.
func (s *Store) openShards(ctx context.Context, seq, after int64, limit int) ([]shard, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT number, low, high FROM shards WHERE job = ? AND state <> 'done' AND number > ? ORDER BY number LIMIT ?", seq, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []shard
	for rows.Next() {
		var sh shard
		if err := rows.Scan(&sh.number, &sh.low, &sh.high); err != nil {
			return nil, err
		}
		list = append(list, sh)
	}
	return list, rows.Err()
}

// cutJob stores the shards of a job whose rows are all there.
func (s *Store) cutJob(ctx context.Context, c *sql.Conn, seq int64, shards []shard) error {
	list := make([]command, len(shards))
	for i, sh := range shards {
		list[i] = command{insertShard, []any{seq, sh.number, sh.low, sh.high}}
	}
	_, err := s.db.each(ctx, c, list)
	return err
}
