# Sourced by the other scripts, after packages.sh: what packages of another Debian release hold, unpacked below target/ and
# not installed.

# debian_mirror: where apt gets this Debian release from.
debian_mirror() {
    local release
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^$release main //p" | head -n 1
}

# need_debian RELEASE ROOT PACKAGE...: afterwards ROOT has what these packages hold, without what they depend on. By an apt
# that knows nothing of the system's.
need_debian() {
    local release=$1 root wanted=$* mirror package
    root=$(realpath -m "$2")
    shift 2
    [ "$(cat "$root/unpacked-packages" 2>/dev/null)" != "$wanted" ] || return 0

    command -v apt-get >/dev/null || fail "no apt-get here: packages of Debian $release cannot be unpacked"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || fail "apt does not say where this Debian release comes from"

    step "unpacking packages of Debian $release: $*"
    rm -rf "$root"
    # apt-get download wants to write where it is, as whom it is.
    local dir=$root/apt
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/packages"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$dir/sources.list"
    : >"$dir/status"
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$dir/lists" -o "Dir::State::Status=$dir/status"
        -o "Dir::Cache=$dir/cache" -o "APT::Sandbox::User=$(id -un)")
    # Also where errexit does not see it.
    "${apt[@]}" update && (cd "$dir/packages" && "${apt[@]}" download "$@") ||
        fail "cannot download packages of Debian $release"
    for package in "$dir/packages"/*.deb; do
        dpkg -x "$package" "$root" || fail "cannot unpack $package"
    done
    rm -r "$dir"
    echo "$wanted" >"$root/unpacked-packages"
}

# need_debian_lws ROOT: afterwards ROOT has libwebsockets 4.3.5 as Debian 13 builds it, with headers and test programs.
need_debian_lws() {
    need_debian trixie "$1" libwebsockets19t64 libwebsockets-dev libcap-dev libwebsockets-test-server \
        libwebsockets-test-server-common
}

# need_debian_mosquitto ROOT: afterwards ROOT has Debian 13's mosquitto and all libraries that it takes to run it with the
# loader that is among them; no libwebsockets.
need_debian_mosquitto() {
    need_debian trixie "$1" mosquitto libc6 libdlt2 libssl3t64 libsystemd0 libwrap0 libcap2 libgcc-s1 libzstd1 zlib1g
}
