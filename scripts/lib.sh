# Sourced by the other scripts: where things are, and how to say what is being done. No main part.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for those who source this
bin=$root/.bin
cd "$root"

say() { printf '\n== %s\n' "$*"; }

die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

command -v go >/dev/null || die "Go is not on the PATH (https://go.dev/dl)"

# modules holds the directory of every module of go.work, of the root module alone without one. It is read
# here, once, since a failure inside of a loop's head would pass for "no modules".
modules=()
listed=$(go list -m -f '{{.Dir}}')
while IFS= read -r dir; do modules+=("$dir"); done <<<"$listed"

# within DIR COMMAND... runs the command there.
within() (
	cd "$1"
	shift
	"$@"
)

# name DIR prints a module's directory as people write it.
name() {
	if [ "$1" = "$root" ]; then echo .; else echo "./${1#"$root"/}"; fi
}

# finish fails, with their names, if there are arguments: what went wrong on the way.
finish() {
	[ $# = 0 ] || die "failed: $(printf '%s; ' "$@")"
}
