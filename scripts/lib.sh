# Sourced by the scripts beside it: finding and installing what they need.
# Nothing is installed that is there already, and everything is said before it is done.

say() { printf '\n== %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The oldest Rust that Cargo.toml allows, as "1.90".
wanted_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        echo "with sudo: $*" >&2
        sudo "$@"
    else
        fail "root is needed for: $* (there is no sudo here)"
    fi
}

# need COMMAND PACKAGE …: queues the Debian package of every command that is missing.
missing_packages=()
need() {
    while [ $# -ge 2 ]; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || missing_packages+=("$2")
        shift 2
    done
}

install_missing() {
    [ ${#missing_packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "missing here: ${missing_packages[*]} (names of Debian's packages; this system has no apt-get)"
    say "installing Debian's packages: ${missing_packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing_packages[@]}"
    # Only the programs are wanted: a service that came along must not hold ports.
    if [ -d /run/systemd/system ]; then
        for package in "${missing_packages[@]}"; do
            case "$package" in
                kamailio | prometheus) as_root systemctl disable --now "$package" || true ;;
            esac
        done
    fi
    missing_packages=()
}

# Whether the cargo on PATH is at least as new as Cargo.toml wants.
rust_is_new_enough() {
    local have
    have=$(rustc --version 2>/dev/null | cut -d' ' -f2) || return 1
    [ -n "$have" ] && [ "$(printf '%s\n' "$(wanted_rust)" "$have" | sort -V | head -n1)" = "$(wanted_rust)" ]
}

# Rust, new enough, from the first of: what is there, rustup, Debian's rustup, rustup's own installer.
ensure_rust() {
    need cc gcc
    install_missing
    rust_is_new_enough && return 0
    # Before what the system has, which is too old.
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    hash -r
    rust_is_new_enough && return 0
    if ! command -v rustup >/dev/null; then
        if apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
            need rustup rustup
            install_missing
        else
            need curl curl
            install_missing
            say "installing rustup and stable Rust below ${CARGO_HOME:-$HOME/.cargo}, from sh.rustup.rs"
            curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs |
                sh -s -- -y --no-modify-path --profile minimal --component rustfmt,clippy
            hash -r
            rust_is_new_enough && return 0
        fi
    fi
    say "installing stable Rust with rustup"
    rustup toolchain install stable --profile minimal --component rustfmt,clippy
    rustup default stable
    hash -r
    rust_is_new_enough || fail "Rust $(wanted_rust) or newer is needed, $(rustc --version 2>&1) is what there is"
}

# rustfmt and clippy, which a minimal toolchain lacks.
ensure_rust_components() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    say "adding rustfmt and clippy with rustup"
    rustup component add rustfmt clippy
}
