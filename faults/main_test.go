//go:build unix

package faults_test

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
)

// childEnv makes a verifying process of this binary.
const childEnv = "JETON_FAULTS_CHILD"

// mute takes go-redis's log: it tells each connection that we break.
type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(mute{})
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	os.Exit(testenv.Main(m).Run())
}
