package journal

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"modernc.org/sqlite"
)

// newConnector makes connections that remember the statements they have parsed:
// SQLite takes longer to parse most of ours than to run them.
func newConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return parsing{c}, err
}

type parsing struct{ driver.Connector }

func (p parsing) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &parsed{connection: conn.(connection), kept: map[string]statement{}}, nil
}

// connection and statement are what database/sql uses of SQLite's.
type (
	connection interface {
		driver.Conn
		driver.ConnBeginTx
		driver.ConnPrepareContext
		driver.ExecerContext
		driver.Pinger
		driver.QueryerContext
		driver.SessionResetter
		driver.Validator
	}
	statement interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
)

// parsed is a connection with its statements. A statement can run once at a time:
// who reads its rows must come to their end, or close them, before it runs again.
type parsed struct {
	connection
	kept map[string]statement
}

// keptStatements bounds what a connection remembers; there are fewer than that.
const keptStatements = 200

// find returns the statement, nil for one that is not worth remembering.
func (p *parsed) find(ctx context.Context, query string) (statement, error) {
	if s := p.kept[query]; s != nil {
		return s, nil
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
	default:
		return nil, nil //nolint:nilnil // none is an answer
	}
	if strings.Contains(query, ";") || len(p.kept) >= keptStatements {
		return nil, nil //nolint:nilnil // none is an answer
	}
	s, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.kept[query] = s.(statement)
	return p.kept[query], nil
}

func (p *parsed) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := p.find(ctx, query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return p.connection.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

func (p *parsed) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := p.find(ctx, query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return p.connection.QueryContext(ctx, query, args)
	}
	return s.QueryContext(ctx, args)
}

// Close gives up the statements with the connection.
func (p *parsed) Close() error {
	var err error
	for _, s := range p.kept {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, p.connection.Close())
}
