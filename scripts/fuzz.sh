#!/usr/bin/env bash
# Runs every fuzz target of the workspace for FUZZTIME (default 30s) each. A finding fails the run, after
# the other targets had their turn; Go leaves its input below the package's testdata/fuzz, to be kept.
# Arguments are a filter on the targets' names: scripts/fuzz.sh Decode
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

filter=${1:-}
: "${FUZZTIME:=30s}"

# targets DIR prints "target package-directory" for each fuzz target of the module in DIR.
# shellcheck disable=SC2016 # the dollars are the template's and awk's
targets() {
	local files='{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}'
	within "$1" go list -f "$files" ./... | sed '/^$/d' | tr '\n' '\0' | xargs -0 awk '
		/^func Fuzz/ { target = $2; sub(/\(.*/, "", target); dir = FILENAME; sub(/\/[^\/]*$/, "", dir); print target, dir }
	' /dev/null
}

found=0
failed=()
for dir in "${modules[@]}"; do
	listed=$(targets "$dir")
	while read -r target package; do
		[ -n "$target" ] || continue
		[[ $target == *"$filter"* ]] || continue
		found=$((found + 1))
		say "$target in $(name "$package"), $FUZZTIME"
		within "$package" go test -run='^$' -fuzz="^$target\$" -fuzztime="$FUZZTIME" . </dev/null || failed+=("$target")
	done <<<"$listed"
done
[ $found -gt 0 ] || die "no fuzz target${filter:+ whose name holds $filter}"
finish ${failed[@]+"${failed[@]}"} # an empty array is unset to bash before 4.4
