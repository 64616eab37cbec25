package ledger

import (
	"fmt"
	"time"

	"github.com/jetonkit/jeton/store"
)

// CheckMaxTokenLife refuses a keyspace's MaxTokenLife outside its limits; zero is for the caller to fill. other says what
// to do instead.
func CheckMaxTokenLife(field string, life time.Duration, other string) error {
	if life != 0 && (life < time.Second || life > 30*24*time.Hour) {
		return &store.FieldError{Field: field, Problem: fmt.Sprintf("is %v, the range is 1s to 720h", life), Remedy: other}
	}
	return nil
}

// FillMaxMarks puts the default in the place of zero and refuses what is outside the limits.
func FillMaxMarks(marks *int) error {
	if *marks == 0 {
		*marks = store.DefaultMaxMarks
	}
	if *marks < 1 || *marks > 4096 {
		return &store.FieldError{Field: "Options.MaxMarks", Problem: fmt.Sprintf("is %d, the range is 1 to 4096", *marks), Remedy: "use 0 for the default of 256"}
	}
	return nil
}
