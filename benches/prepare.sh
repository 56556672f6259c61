# What the benchmarks have in common, to be sourced, or run as a command:
#
#   bash benches/prepare.sh FUNCTION ARGUMENT…
#
# Everything is made in the cargo target directory.
#
#   DEBIAN_LWS_ROOT   where Debian 13's libwebsockets is unpacked; otherwise that
#                     is done in target/debian-lws, as for the tests

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(dirname "$here")
. "$repo/scripts/packages.sh"
. "$repo/scripts/debian.sh"
target=${CARGO_TARGET_DIR:-$repo/target}

has() { command -v "$1" >/dev/null; }
die() { echo "$*" >&2; exit 1; }

# certificate DIR: key.pem, cert.pem, and both.pem with the two of them
certificate() {
	mkdir -p "$1"
	[ ! -s "$1/both.pem" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
	cat "$1/key.pem" "$1/cert.pem" >"$1/both.pem"
}

# debian_lws: prints where upstream's library and headers are
debian_lws() {
	if [ -z "${DEBIAN_LWS_ROOT:-}" ]; then
		(need_debian_lws "$target/debian-lws") >&2 || return 1
	fi
	echo "${DEBIAN_LWS_ROOT:-$target/debian-lws}"
}

# compile_with PROGRAM DIR INCLUDE LIBRARY: DIR/PROGRAM, from c/PROGRAM.c
compile_with() {
	mkdir -p "$2"
	ln -sfn "$4" "$2/libwebsockets.so"
	ln -sfn "$4" "$2/libwebsockets.so.19"
	cc -std=c99 -O2 -isystem "$3" "$here/c/$1.c" -o "$2/$1" -L"$2" -lwebsockets -Wl,-rpath,"$2"
}

# compile PROGRAM OUT: OUT/ferrows/PROGRAM, and OUT/lws/PROGRAM if there is upstream's library
compile() {
	local root library
	compile_with "$1" "$2/ferrows" "$repo/include" "$target/release/libwebsockets.so"
	if root=$(debian_lws) && [ -n "$root" ]; then
		library=$(find "$root/usr/lib" -name 'libwebsockets.so.19*' | head -n 1)
		compile_with "$1" "$2/lws" "$root/usr/include" "$(realpath "$library")"
	else
		echo "no upstream libwebsockets: see DEBIAN_LWS_ROOT" >&2
	fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then "$@"; fi
