#!/usr/bin/env bash
# Vets and tests every module of the workspace, with the race detector and in random order.
# Arguments go to `go test`: scripts/test.sh -run Rotate
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ensure COMMAND REASON PACKAGE... installs Debian packages where a command is missing and that is allowed.
ensure() {
	local command=$1 reason=$2
	shift 2
	command -v "$command" >/dev/null && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "$reason needs $command: install it (Debian: apt-get install $*)"
	fi
	say "installing $* ($reason)"
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

cc=$(go env CC)
ensure "${cc%% *}" "the race detector" gcc libc6-dev # it is linked by a C compiler
ensure curl "the README's walk-through" curl
"$root/scripts/servers.sh"
export CGO_ENABLED=1
failed=()
for dir in "${modules[@]}"; do
	say "go vet and go test in $(name "$dir")"
	within "$dir" go vet ./... || failed+=("vet $(name "$dir")")
	figures=()
	[ "$(name "$dir")" != ./faults ] || figures=(-v) # what they came to belongs into the log
	within "$dir" go test -race -shuffle=on -timeout=10m ${figures[@]+"${figures[@]}"} "$@" ./... |
		{ grep -Ev '^=== (RUN|PAUSE|CONT|NAME)' || true; } || failed+=("test $(name "$dir")")
done
if [ $# = 0 ]; then # 30,000 runs of a rule: 20 s, but minutes with the race detector, under which these skip themselves
	say "each rule of the conformance suite finds what no other finds"
	go test -v -run '^(TestExclusive|TestModelFailure)$' ./conformance | { grep -Ev '^ *(---|===) (PASS|RUN|PAUSE|CONT|NAME)|^=== ' || true; } || failed+=("exclusive rules")
	say "every adapter gives the same answers"
	within adapters/parity go test -v -run '^TestParity$' . | grep '^parity:' || failed+=("parity")
	"$root/scripts/proofs.sh" ci || failed+=("proofs")
	say "a flood of a million tokens"
	go test -C faults -count=1 -v -run '^TestFlood$' . || failed+=("flood") # none of these runs whole with the race detector
fi
finish ${failed[@]+"${failed[@]}"} # an empty array is unset to bash before 4.4
