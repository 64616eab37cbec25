#!/usr/bin/env bash
# Everything that is judged without running the code. Goes on after a finding, and fails at the end.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

failed=()

# step NAME COMMAND... runs one check.
step() {
	local what=$1
	shift
	say "$what"
	"$@" || failed+=("$what")
}

formatted() {
	local files
	files=$(find . -name '*.go' -not -path './.*' -print0 | xargs -0 "$bin/gofumpt" -l) || return 1
	[ -z "$files" ] && return
	printf 'gofumpt would change (make fmt):\n%s\n' "$files"
	return 1
}

# A module must also stand alone, as it will for its users; GOWORK=off takes the workspace away.
alone() { GOWORK=off within "$1" go build ./...; }

tidy() { GOWORK=off within "$1" go mod tidy -diff; }

"$root/scripts/tools.sh"
step "gofumpt" formatted
step "golangci-lint configuration" "$bin/golangci-lint" config verify
step "generated files" "$root/scripts/docs.sh" -check
for dir in "${modules[@]}"; do
	step "golangci-lint in $(name "$dir")" within "$dir" "$bin/golangci-lint" run ./...
	step "go mod tidy in $(name "$dir")" tidy "$dir"
	[ "$dir" = "$root" ] || step "build of $(name "$dir") alone" alone "$dir"
done
step "go mod tidy in ./tools" tidy "$root/tools"

# govulncheck reads vuln.go.dev, which not every machine can reach (this project's CI cannot), so it runs
# only where it is asked for: JETON_GOVULNCHECK=1 with govulncheck on the PATH.
if [ "${JETON_GOVULNCHECK:-}" = 1 ]; then
	for dir in "${modules[@]}"; do
		step "govulncheck in $(name "$dir")" within "$dir" govulncheck ./...
	done
else
	say "govulncheck: not run (JETON_GOVULNCHECK=1 runs it)"
fi

finish ${failed[@]+"${failed[@]}"} # an empty array is unset to bash before 4.4
