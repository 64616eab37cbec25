#!/usr/bin/env bash
# Starts the example server in the current directory; arguments are its flags: scripts/run.sh -addr :9090
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

exec go run ./examples/authserver "$@"
