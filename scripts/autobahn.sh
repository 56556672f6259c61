# Sourced by scripts/test, after packages.sh and debian.sh: the WebSocket conformance suite Autobahn|Testsuite. It runs on
# Python 2.7 only, which Debian had last in its release 11.

# need_autobahn DIRECTORY: afterwards DIRECTORY/wstest runs the suite.
need_autobahn() {
    local dir=$1 wanted=tests/autobahn/requirements.txt
    ! cmp -s "$wanted" "$dir/installed-requirements.txt" || return 0

    rm -rf "$dir"
    local root=$dir/root multiarch
    need_debian bullseye "$root" python2.7 python2.7-minimal libpython2.7-minimal libpython2.7-stdlib libpython2.7-dev \
        python-setuptools python-pkg-resources libssl1.1 libffi7

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
