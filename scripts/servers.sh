#!/usr/bin/env bash
# Gets the servers that internal/testenv starts: redis-server and memcached where the PATH has none, and a newer
# Redis and Valkey beside them. Debian's packages are downloaded and unpacked into .bin/servers, not installed:
# that needs no root, starts no service and leaves the machine alone. JETON_SERVERS=system keeps it from
# fetching anything. It fails only on its own defects: a server that cannot be had here is reported, and the
# tests that need it skip themselves (in CI they fail, internal/testenv/doc.go).
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

servers=$bin/servers
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# newer is the release that the newer builds come from. A machine that runs it gets the same packages twice.
newer=trixie

# private DIR SOURCES writes settings for an apt-get of our own, with its lists in DIR; empty SOURCES are the machine's.
private() {
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	cat >"$1/apt.conf" <<-EOF
		Dir::State "$1";
		Dir::State::status "$1/status";
		Dir::State::lists "$1/lists";
		Dir::Cache "$1/cache";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
		APT::Sandbox::User "root";
	EOF
	[ -n "$2" ] || return 0
	echo "$2" >"$1/sources.list"
	printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "-";\n' "$1/sources.list" >>"$1/apt.conf"
}

# libraries PACKAGE... prints the libraries that packages depend on.
libraries() {
	apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
		sed -nE 's/^[ |]*Depends: ((lib|zlib)[^ ]*)$/\1/p' | sort -u
}

# unpack DIR PACKAGE... downloads packages and the libraries they need, three levels deep (the libraries of
# libsystemd's libraries), and unpacks them below DIR.
unpack() {
	local dir=$1 more deb
	shift
	local all=("$@")
	for _ in 1 2 3; do
		more=$(libraries "${all[@]}") || return 1
		# shellcheck disable=SC2086 # words
		mapfile -t all < <(printf '%s\n' "${all[@]}" $more | sort -u)
	done
	rm -rf "$dir"
	mkdir -p "$dir/debs"
	within "$dir/debs" apt-get download -q "${all[@]}" || return 1
	for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir" || return 1; done
	rm -r "$dir/debs"
}

# launcher NAME DIR PROGRAM writes .bin/servers/bin/NAME, which runs a program with the C library and the
# libraries it came with. It is exec'd all the way, so the process that was started is the server.
launcher() {
	local loader triplet
	loader=$(cd "$2" && find . -type f -name 'ld-linux*.so.*' -printf '%P\n' | head -n 1)
	[ -n "$loader" ] && [ -e "$2/$3" ] || return 1
	triplet=$(basename "$(dirname "$loader")")
	mkdir -p "$servers/bin"
	cat >"$servers/bin/$1.new" <<-EOF
		#!/bin/sh
		# Written by scripts/servers.sh.
		root=\$(cd "\$(dirname "\$0")/../$(basename "$2")" && pwd)
		exec "\$root/$loader" --library-path "\$root/lib/$triplet:\$root/usr/lib/$triplet" "\$root/$3" "\$@"
	EOF
	chmod +x "$servers/bin/$1.new"
	"$servers/bin/$1.new" --version >/dev/null || return 1
	mv "$servers/bin/$1.new" "$servers/bin/$1"
}

# machine gets what this release of the machine has: from the lists it holds if they are fresh, else from new ones.
machine() {
	unpack "$servers/machine" redis-server redis-tools memcached || {
		private "$servers/apt" ""
		export APT_CONFIG=$servers/apt/apt.conf
		apt-get update -q && unpack "$servers/machine" redis-server redis-tools memcached
	} || return 1
	have redis-server || launcher redis-server "$servers/machine" usr/bin/redis-server || return 1
	have memcached || launcher memcached "$servers/machine" usr/bin/memcached
}

# newest gets Redis and Valkey of a later release.
newest() {
	[ -e "$keyring" ] || { echo "there is no $keyring (package debian-archive-keyring)" && return 1; }
	private "$servers/apt-$newer" "deb [signed-by=$keyring] http://deb.debian.org/debian $newer main"
	export APT_CONFIG=$servers/apt-$newer/apt.conf
	apt-get update -q && unpack "$servers/$newer" redis-server redis-tools valkey-server valkey-tools || return 1
	launcher redis-server-newer "$servers/$newer" usr/bin/redis-server || return 1
	launcher valkey-server "$servers/$newer" usr/bin/valkey-server
}

# have NAME says that .bin/servers or the PATH has it. The PATH also holds what is in no user's one, /usr/sbin.
have() { "$servers/bin/$1" --version >/dev/null 2>&1 || PATH=$PATH:/usr/local/sbin:/usr/sbin command -v "$1" >/dev/null; }

# get FUNCTION NAME... runs a function, in a shell of its own, where a server is missing. What it says is kept
# in a file, and shown if it went wrong.
get() {
	local function=$1 name missing=()
	shift
	for name in "$@"; do have "$name" || missing+=("$name"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "fetching ${missing[*]}"
	("$function") >"$servers/$function.log" 2>&1 && return
	tail -n 5 "$servers/$function.log"
	echo "${missing[*]} could not be fetched: $servers/$function.log"
}

[ "${JETON_SERVERS:-}" != system ] || exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
	have redis-server && have memcached && exit
	echo "without Debian's apt-get, install redis-server and memcached by hand; tests that need one skip themselves"
	exit
fi
mkdir -p "$servers"
exec 9>"$servers/lock"
flock 9 # two runs of make test at a time
get machine redis-server memcached &
get newest redis-server-newer valkey-server &
wait
