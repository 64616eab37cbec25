#!/usr/bin/env bash
# Starts the example server in the current directory; arguments are its flags: scripts/run.sh -addr :9090
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Not by go run: it does not pass signals on, and says "exit status" after a server that was stopped in order.
go build -o "$bin/authserver" ./examples/authserver && exec "$bin/authserver" "$@"
