package sqldb

import (
	"fmt"
	"strings"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// conditions collects what a statement restricts, and its arguments.
type conditions struct {
	dialect dialect
	terms   []string
	args    []any
}

// arg takes an argument and returns its placeholder.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return c.dialect.placeholder(len(c.args))
}

func (c *conditions) add(term string) { c.terms = append(c.terms, term) }

// equal adds a column that must have a value, unless the value is empty.
func (c *conditions) equal(column, value string) {
	if value != "" {
		c.add(column + " = " + c.arg(text(value)))
	}
}

func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// filter adds what a query restricts, without the place of its page.
func (c *conditions) filter(query storage.AuditQuery) {
	c.between(query.Start, query.End)
	c.equal("request_id", query.RequestID)
	if query.Model != "" {
		model := c.arg(text(query.Model))
		c.add(fmt.Sprintf("(requested_model = %s OR resolved_model = %s)", model, model))
	}
	c.equal("provider", query.Provider)
	c.equal("method", query.Method)
	if query.Path != "" {
		c.begins("path", text(query.Path))
	}
	if query.StatusCode != 0 {
		c.add("status_code = " + c.arg(query.StatusCode))
	}
	c.equal("error_type", query.ErrorType)
	if query.Reason != commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		c.add("reason = " + c.arg(int32(query.Reason)))
	}
	if query.Stream != nil {
		c.add("stream = " + c.arg(*query.Stream))
	}
	c.equal("key_id", query.KeyID)
	c.below(query.Owner)
	c.search(query.Search)
}

func (c *conditions) between(start, end time.Time) {
	if !start.IsZero() {
		c.add("start_time >= " + c.arg(start.UnixNano()))
	}
	if !end.IsZero() {
		c.add("start_time < " + c.arg(end.UnixNano()))
	}
}

// begins adds a column that must begin with a text. Not LIKE, which is blind to
// case in SQLite.
func (c *conditions) begins(column, prefix string) {
	placeholder := c.arg(prefix)
	c.add(fmt.Sprintf("substr(%s, 1, length(%s)) = %s", column, placeholder, placeholder))
}

// below adds an owner and those below it. "/" is above all.
func (c *conditions) below(owner string) {
	owner = strings.TrimRight(text(owner), "/")
	if owner == "" {
		return
	}
	exact, under := c.arg(owner), c.arg(owner+"/")
	c.add(fmt.Sprintf("(owner = %s OR substr(owner, 1, length(%s)) = %s)", exact, under, under))
}

// searched are the columns that a search looks into.
var searched = []string{"request_id", "requested_model", "resolved_model", "provider", "method", "path", "error_type"}

func (c *conditions) search(part string) {
	if part == "" {
		return
	}
	pattern := c.arg("%" + escapeLike(text(part)) + "%")
	terms := make([]string, len(searched))
	for i, column := range searched {
		terms[i] = fmt.Sprintf(`%s %s %s ESCAPE '\'`, column, c.dialect.like, pattern)
	}
	c.add("(" + strings.Join(terms, " OR ") + ")")
}

// escapeLike makes a text stand for itself in a pattern.
func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func countStatement(d dialect, query storage.AuditQuery) (string, []any) {
	c := conditions{dialect: d}
	c.filter(query)
	return fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM audit_records%s LIMIT %d) AS matching", c.where(), storage.CountLimit), c.args
}

func listStatement(d dialect, query storage.AuditQuery) (string, []any) {
	c := conditions{dialect: d}
	c.filter(query)
	if after := query.After; after != nil {
		c.add(fmt.Sprintf("(start_time, id) < (%s, %s)", c.arg(after.Start.UnixNano()), c.arg(text(after.ID))))
	}
	return fmt.Sprintf("SELECT state, entry FROM audit_records%s ORDER BY start_time DESC, id DESC LIMIT %s OFFSET %s",
		c.where(), c.arg(query.Limit+1), c.arg(query.Offset)), c.args
}
