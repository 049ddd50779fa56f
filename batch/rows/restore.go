package rows

import (
	"encoding/json"
	"fmt"
)

// Restorer makes rows again from what was kept of them. It is not safe for
// concurrent use.
type Restorer struct {
	columns []string
	roles   []role
}

// NewRestorer is for rows of a reader with these columns; nil is one without a
// header.
func NewRestorer(columns []string) *Restorer {
	return &Restorer{columns: columns, roles: rolesOf(columns)}
}

// Row is the row that had this number and this Source. Its cells are texts where
// there is a header, also those of Parquet. What cannot be a row is a *Fault.
func (r *Restorer) Row(number int64, source json.RawMessage) (Row, error) {
	if r.columns == nil {
		return jsonRow(source, number, 0)
	}
	var cells []string
	if err := json.Unmarshal(source, &cells); err != nil {
		return Row{}, &Fault{Row: number, Reason: "is not a list of texts"}
	}
	if len(cells) != len(r.columns) {
		return Row{}, &Fault{Row: number, Reason: fmt.Sprintf("has %s, but the header has %s", count(len(cells), "cell"), count(len(r.columns), "column"))}
	}
	row := textRow(r.columns, r.roles, cells)
	row.Number, row.Source = number, source
	return row, nil
}
