// Package sqlstore is a Jeton store on SQLite, written as anybody outside the project would write one: against the public
// API, with the document helper, and proven by the conformance suite. docs/writing-a-store.md goes through it.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/store/document"
)

// One row per subject: its ledger, a version that every write moves, and when the row may go.
const schema = `
CREATE TABLE IF NOT EXISTS ledgers (
	key     TEXT PRIMARY KEY,
	value   BLOB NOT NULL,
	version INTEGER NOT NULL,
	expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ledgers_expires ON ledgers (expires);`

func init() { // store.Open(ctx, "sqlite:///path/to/file")
	store.Register("sqlite", store.Driver{Open: func(ctx context.Context, u *url.URL) (store.TokenStore, error) {
		if u.Host != "" || u.Path == "" || u.RawQuery != "" {
			return nil, &store.FieldError{Field: "URL", Problem: "is not a file's", Remedy: "write sqlite:///absolute/path, without parameters"}
		}
		return Open(ctx, u.Path, nil)
	}})
}

// Open opens or makes the file at path. o may be nil.
func Open(ctx context.Context, path string, o *document.Options) (store.TokenStore, error) {
	// One connection: SQLite has one writer, and waiting in Go honours contexts. synchronous=FULL keeps what was
	// acknowledged through power loss, which is what lets us claim Durable below.
	db, err := sql.Open("sqlite", "file:"+url.PathEscape(path)+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	db.SetMaxOpenConns(1)
	now := time.Now
	if o != nil && o.Now != nil {
		now = o.Now // rows end by the clock that they were written by; the suite found this out
	}
	if _, err = db.ExecContext(ctx, schema); err == nil {
		// Old rows go when the file is opened; a service that runs for months would do it now and then.
		_, err = db.ExecContext(ctx, "DELETE FROM ledgers WHERE expires < ?", now().Unix())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", store.ErrUnavailable, err), db.Close())
	}
	s, err := document.New(ctx, kv{db}, store.Capabilities{Durable: true, Shared: true, NeverEvicts: true}, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// kv is the three methods that document asks for. A tag is a row's version.
type kv struct{ db *sql.DB }

// Load returns a row and its version.
func (k kv) Load(ctx context.Context, key string) ([]byte, any, error) {
	var value []byte
	var version int64
	err := k.db.QueryRowContext(ctx, "SELECT value, version FROM ledgers WHERE key = ?", key).Scan(&value, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return value, version, nil
}

// CompareAndSwap writes a row if nobody else has since Load. Each case is one statement, and so atomic by itself. Versions
// start at random: were they to start at 1, a write that was meant for a row deleted since could hit the one made after it.
func (k kv) CompareAndSwap(ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
	var done sql.Result
	var err error
	if tag == nil {
		done, err = k.db.ExecContext(ctx,
			"INSERT INTO ledgers (key, value, version, expires) VALUES (?, ?, random() >> 1, ?) ON CONFLICT DO NOTHING",
			key, value, expires.Unix()+1)
	} else {
		done, err = k.db.ExecContext(ctx,
			"UPDATE ledgers SET value = ?, version = version + 1, expires = ? WHERE key = ? AND version = ?",
			value, expires.Unix()+1, key, tag)
	}
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

// Close closes the file.
func (k kv) Close() error { return k.db.Close() }
