#!/usr/bin/env bash
# Measures the targets as ratios, each in one run (bench/doc.go), and fails when one is missed for certain. An argument
# chooses: bench.sh Redis. Client and server share one core, which makes the ratios steady.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/servers.sh"
pin=()
if command -v taskset >/dev/null; then pin=(taskset -c "$(($(nproc) - 1))"); fi
failed=()
for dir in bench bench/peers; do
	JETON_BENCH=gate CI=true "${pin[@]}" go test -C "$dir" -run '^$' -bench "${1:-.}" -benchtime 1x -timeout 30m . || failed+=("$dir")
done
finish ${failed[@]+"${failed[@]}"} # an empty array is unset to bash before 4.4
