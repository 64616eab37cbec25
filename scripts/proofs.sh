#!/usr/bin/env bash
# Proves the cache: every interleaving of its steps keeps the promise, and each rejected form of them is found. Without an
# argument the long stories too (ten minutes to half an hour, tens of millions of interleavings); with "ci" those of a minute.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/servers.sh"
say "every interleaving of the cache's steps, and its rejected forms"
JETON_PROOFS="${1:-large}" go test -count=1 -timeout=60m -v -run '^(TestInterleavings|TestMutants)$' ./store/cache |
	grep -E '^ *[a-z_]+_test.go:[0-9]+:|^interleavings:|^mutants killed:|^---|^panic:|^(ok|FAIL)'
