package revocation

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testenv.Main(m)) }
