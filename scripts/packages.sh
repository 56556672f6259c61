# Sourced by the other scripts: installs the Debian packages whose commands are missing.

# fail MESSAGE: the one way in which the scripts give up.
fail() {
    echo "error: $*" >&2
    exit 1
}

# step MESSAGE: says what comes next.
step() {
    echo "==> $*"
}

# need_packages PACKAGE[:COMMAND]...: what provides COMMAND (named as the package unless told) must be
# there afterwards. A package whose command exists already, from wherever, is left alone; for one
# without a command (`PACKAGE:`) dpkg knows.
need_packages() {
    local spec package command missing=()

    for spec in "$@"; do
        package=${spec%%:*}
        command=${spec#*:}
        if [ -n "$command" ]; then
            command -v "$command" >/dev/null || missing+=("$package")
        elif command -v dpkg-query >/dev/null; then
            [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == *" installed" ]] ||
                missing+=("$package")
        fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

    command -v apt-get >/dev/null ||
        fail "these must be installed by hand, there is no apt-get here: ${missing[*]}"

    local install=(apt-get -q install -y --no-install-recommends "${missing[@]}") as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo)
        # Nobody is there to type a password.
        [ -t 0 ] || as_root=(sudo -n)
        "${as_root[@]}" true 2>/dev/null ||
            fail "no right to install packages; as root: apt-get update && ${install[*]}"
    fi
    step "installing Debian packages: ${missing[*]}"
    "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"
}

# need_rust: cargo is the one thing that is not installed here.
need_rust() {
    command -v cargo >/dev/null ||
        fail "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer, https://rustup.rs"
}
