package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// account is a user who can log in.
type account struct {
	// name is in lower case.
	name string
	// password is an argon2id hash.
	password        string
	admin, disabled bool
}

var (
	// errNoAccount is a name that nobody has.
	errNoAccount = errors.New("no such account")
	// errTaken is a name that somebody has.
	errTaken = errors.New("the name is taken")
	// errChanged is a password that was changed by another request meanwhile.
	errChanged = errors.New("the password has changed")
)

// accounts are kept in a SQLite file.
type accounts struct{ db *sql.DB }

const schema = `
CREATE TABLE IF NOT EXISTS accounts (
	name       TEXT PRIMARY KEY,
	password   TEXT NOT NULL,
	admin      INTEGER NOT NULL DEFAULT 0,
	disabled   INTEGER NOT NULL DEFAULT 0,
	created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT`

// openAccounts opens the file, and makes it if it is not there.
func openAccounts(ctx context.Context, path string) (*accounts, error) {
	// SQLite would make it readable for all. Its side files get the mode of this one.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// As an absolute URI no path means anything else, as :memory: would. Writing transactions take the lock when they begin:
	// one that has read first would not be let wait for it.
	dsn := "file://" + (&url.URL{Path: whole}).EscapedPath() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &accounts{db}, nil
}

func (a *accounts) close() error { return a.db.Close() }

func (a *accounts) ping(ctx context.Context) error {
	var one int
	return a.db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// find returns an account, or errNoAccount.
func (a *accounts) find(ctx context.Context, name string) (account, error) {
	found := account{name: name}
	err := a.db.QueryRowContext(ctx, "SELECT password, admin, disabled FROM accounts WHERE name = ?", name).
		Scan(&found.password, &found.admin, &found.disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return account{}, errNoAccount
	case err != nil:
		return account{}, fmt.Errorf("reading an account: %w", err)
	}
	return found, nil
}

const insert = "INSERT INTO accounts (name, password, admin) VALUES (?, ?, ?)"

// add makes an account, or fails with errTaken.
func (a *accounts) add(ctx context.Context, n account) error {
	_, err := a.db.ExecContext(ctx, insert, n.name, n.password, n.admin)
	var failed *sqlite.Error
	if errors.As(err, &failed) && failed.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("writing an account: %w", err)
	}
	return nil
}

// first makes the first account; where there is one already it does nothing. announce, unless nil, is called before the
// account is there for good: a password that could not be told is nobody's.
func (a *accounts) first(ctx context.Context, announce func() error, build func() (account, error)) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, and before it there is an error already
	var there bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM accounts)").Scan(&there); err != nil || there {
		return err
	}
	n, err := build()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insert, n.name, n.password, n.admin); err != nil {
		return err
	}
	if announce != nil {
		if err := announce(); err != nil {
			return fmt.Errorf("telling the password: %w", err)
		}
	}
	return tx.Commit()
}

// setPassword replaces a hash if it still is the one that was checked; errChanged if not.
func (a *accounts) setPassword(ctx context.Context, name, checked, hash string) error {
	result, err := a.db.ExecContext(ctx, "UPDATE accounts SET password = ? WHERE name = ? AND password = ?", hash, name, checked)
	if err != nil {
		return fmt.Errorf("writing a password: %w", err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return errChanged
	}
	return err
}
