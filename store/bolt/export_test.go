package boltstore

import "go.etcd.io/bbolt"

// OnCommit puts do in the place of the file's commits. commit is the real one of the same writes; with an error it runs
// them and then undoes them with it.
func (s *Store) OnCommit(do func(commit func(undo error) error) error) {
	update := s.db.Update
	s.update = func(run func(*bbolt.Tx) error) error {
		return do(func(undo error) error {
			return update(func(tx *bbolt.Tx) error {
				if err := run(tx); err != nil {
					return err
				}
				return undo
			})
		})
	}
}

// Waiting is how many writes wait for a commit.
func (s *Store) Waiting() int64 { return int64(len(s.calls)) }
