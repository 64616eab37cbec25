#!/usr/bin/env bash
# Vets and tests every module of the workspace, with the race detector and in random order.
# Arguments go to `go test`: scripts/test.sh -run Rotate
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The race detector is linked by a C compiler, which a fresh Debian machine may not have.
ensure_c_compiler() {
	local cc
	cc=$(go env CC)
	command -v "${cc%% *}" >/dev/null && return
	local packages=(gcc libc6-dev)
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "the race detector needs a C compiler: install one (Debian: apt-get install ${packages[*]})"
	fi
	say "installing ${packages[*]} for the race detector"
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
}

ensure_c_compiler
export CGO_ENABLED=1
failed=()
for dir in "${modules[@]}"; do
	say "go vet and go test in $(name "$dir")"
	within "$dir" go vet ./... || failed+=("vet $(name "$dir")")
	within "$dir" go test -race -shuffle=on -timeout=10m "$@" ./... || failed+=("test $(name "$dir")")
done
finish ${failed[@]+"${failed[@]}"} # an empty array is unset to bash before 4.4
