# Sourced by scripts/test, after packages.sh: the WebSocket conformance suite Autobahn|Testsuite. It runs on Python 2.7
# only, which Debian had last in its release 11: that Python is unpacked below target/, not installed.

# debian_mirror: where apt gets this Debian release from.
debian_mirror() {
    local release
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^$release main //p" | head -n 1
}

# unpack_debian_11 DIRECTORY PACKAGE...: what the packages hold below DIRECTORY/root, by an apt that knows nothing of the
# system's.
unpack_debian_11() {
    local dir=$1 mirror package
    shift
    command -v apt-get >/dev/null || fail "no apt-get here: Python 2.7 is unpacked from Debian packages"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || fail "apt does not say where this Debian release comes from"

    mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/packages" "$dir/root"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$dir/apt/sources.list"
    : >"$dir/apt/status"
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$dir/apt/lists" -o "Dir::State::Status=$dir/apt/status"
        -o "Dir::Cache=$dir/apt/cache" -o "APT::Sandbox::User=$(id -un)")
    "${apt[@]}" update
    (cd "$dir/packages" && "${apt[@]}" download "$@")
    for package in "$dir/packages"/*.deb; do dpkg -x "$package" "$dir/root"; done
    rm -r "$dir/apt" "$dir/packages"
}

# need_autobahn DIRECTORY: afterwards DIRECTORY/wstest runs the suite.
need_autobahn() {
    local dir=$1 wanted=tests/autobahn/requirements.txt
    ! cmp -s "$wanted" "$dir/installed-requirements.txt" || return 0

    # apt-get download wants to write where it is, as whom it is.
    rm -rf "$dir"
    mkdir -p "$dir"
    step "unpacking Python 2.7 of Debian 11"
    unpack_debian_11 "$dir" python2.7 python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libpython2.7-dev \
        python-setuptools python-pkg-resources libssl1.1 libffi7

    local root=$dir/root multiarch
    multiarch=$(gcc -print-multiarch)
    cat >"$dir/python2.7" <<PYTHON
#!/bin/sh
exec env LD_LIBRARY_PATH=$root/usr/lib/$multiarch PYTHONHOME=$root/usr PYTHONNOUSERSITE=1 $root/usr/bin/python2.7 "\$@"
PYTHON
    cat >"$dir/wstest" <<WSTEST
#!/bin/sh
exec $dir/python2.7 $root/usr/local/bin/wstest "\$@"
WSTEST
    chmod +x "$dir/python2.7" "$dir/wstest"

    step "installing Autobahn|Testsuite with pip"
    python3 -m venv "$dir/venv"
    "$dir/venv/bin/python" -m pip -q --disable-pip-version-check download --no-deps --only-binary=:all: -d "$dir" pip==20.3.4
    env -u PYTHONDONTWRITEBYTECODE CFLAGS="-I$root/usr/include/python2.7 -I$root/usr/include" \
        "$dir/python2.7" "$dir/pip-20.3.4-py2.py3-none-any.whl/pip" --no-python-version-warning --disable-pip-version-check \
        --no-cache-dir install --no-deps --no-build-isolation --no-warn-script-location --progress-bar off -r "$wanted"
    "$dir/wstest" --autobahnversion
    cp "$wanted" "$dir/installed-requirements.txt"
}
