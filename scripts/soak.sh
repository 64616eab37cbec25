#!/usr/bin/env bash
# Soaks caches and views in four processes through resets, black holes, stops and failovers, for ten minutes or as long as
# the argument says (5m): faults/soak_test.go. Its last lines are the figures.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/servers.sh"
JETON_SOAK="${1:-10m}" CI=true go test -C faults -count=1 -timeout=0 -v -run '^TestSoak$' .
