package redisstore_test

import (
	"os"
	"testing"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m).Run()) }
