package batch

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Cordon says that a node of a target was taken out by hand. The store keeps
// cordons for whoever keeps the connections; the engine does not look at them.
type Cordon struct {
	Node   string // host:port
	Reason string // for people; may be empty
	Since  time.Time
}

// Cordons lists what is kept of a target, by node.
func (s *Store) Cordons(ctx context.Context, target string) ([]Cordon, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT node, reason, since FROM cordons WHERE target = ? ORDER BY node", target)
	if err != nil {
		return nil, fmt.Errorf("list cordons: %w", err)
	}
	defer rows.Close()
	var list []Cordon
	for rows.Next() {
		var c Cordon
		var since int64
		if err := rows.Scan(&c.Node, &c.Reason, &since); err != nil {
			return nil, fmt.Errorf("list cordons: %w", err)
		}
		c.Since = millis(since)
		list = append(list, c)
	}
	return list, rows.Err()
}

// SetCordon keeps a cordon until it is cleared. One of the same node is replaced.
// Since is kept in milliseconds.
func (s *Store) SetCordon(_ context.Context, target string, c Cordon) error {
	return s.change("set cordon", `INSERT INTO cordons (target, node, reason, since) VALUES (?, ?, ?, ?)
		ON CONFLICT (target, node) DO UPDATE SET reason = excluded.reason, since = excluded.since`, target, c.Node, c.Reason, c.Since.UnixMilli())
}

// ClearCordon forgets the cordon of a node; nil also when there is none.
func (s *Store) ClearCordon(_ context.Context, target, node string) error {
	return s.change("clear cordon", "DELETE FROM cordons WHERE target = ? AND node = ?", target, node)
}

// change makes one statement durable.
func (s *Store) change(what, statement string, args ...any) error {
	err := s.tx(func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, statement, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
