#!/usr/bin/env bash
# Makes a source tarball that builds the agent without internet: the committed sources with every
# library they need. Needs git, cargo and the package registry, or what cargo has kept of it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
    cat <<'USAGE'
Makes a source tarball that builds the agent without internet

Usage: vendor.sh [OPTIONS]

Options:
  -o, --output FILE  The tarball [default: agent-VERSION-src.tar.gz]
      --check        Then unpack it and build it with nothing but itself
      --force        Replace the tarball if it is there
  -h, --help         Print help

It holds the sources of the last commit, the libraries of Cargo.lock in vendor/,
and .cargo/config.toml, which leads cargo there. Behind the gap:
  tar -xzf agent-VERSION-src.tar.gz
  cd agent-VERSION
  cargo build --profile dist --offline --locked
The same commit gives the same bytes.
USAGE
}

fail() {
    printf 'error: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then
        printf 'hint: %s\n' "$2" >&2
    fi
    exit 1
}

wrong_usage() {
    printf 'error: %s\n\nFor more information, try --help.\n' "$1" >&2
    exit 2
}

say() {
    printf '%s\n' "$*" >&2
}

output=
check=
force=

parse_arguments() {
    while [ "$#" -gt 0 ]; do
        case "$1" in
            -h | --help)
                usage
                exit 0
                ;;
            -o | --output)
                if [ "$#" -lt 2 ] || [ -z "$2" ]; then
                    wrong_usage "$1 needs a value"
                fi
                output=$2
                shift
                ;;
            --check) check=1 ;;
            --force) force=1 ;;
            *) wrong_usage "unexpected argument '$1'" ;;
        esac
        shift
    done
}

look_around() {
    local tool
    for tool in git cargo; do
        command -v "$tool" >/dev/null || fail "$tool is not installed"
    done
    git -C "$root" rev-parse --quiet --verify HEAD >/dev/null ||
        fail "\`$root\` is not a git checkout with a commit" \
            "the tarball is made from a commit; the sources of a tarball build offline as they are"
    version=$(git -C "$root" show HEAD:./Cargo.toml | sed -n 's/^version = "\(.*\)"$/\1/p' | head -n 1)
    [ -n "$version" ] || fail "Cargo.toml has no version"
    output=${output:-agent-$version-src.tar.gz}
    if [ -z "$force" ] && [ -e "$output" ]; then
        fail "\`$output\` is there already" "pass \`--force\` to replace it, or \`-o\` another name"
    fi
    [ -d "$(dirname "$output")" ] || fail "there is no folder \`$(dirname "$output")\`"
    if [ -n "$(git -C "$root" status --porcelain)" ]; then
        say "note: what is not committed is not in the tarball"
    fi
}

# GNU tar can leave out what differs from machine to machine; others make a tarball that builds, too.
pack() {
    local epoch reproducible=()
    if tar --version 2>/dev/null | grep -q GNU; then
        epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" show --no-patch --format=%ct HEAD)}
        reproducible=(--sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner
            --mode='u=rwX,go=rX' --format=gnu)
    fi
    LC_ALL=C tar ${reproducible[@]+"${reproducible[@]}"} -C "$work" -cf - "agent-$version" |
        gzip -n >"$work/packed"
}

# An empty CARGO_HOME: nothing that this machine keeps of the registry can help.
prove() {
    local unpacked=$work/unpacked
    say "building it with nothing but itself"
    mkdir "$unpacked" "$work/cargo-home"
    tar -C "$unpacked" -xzf "$work/packed"
    (
        cd "$unpacked/agent-$version"
        unset CARGO_BUILD_TARGET_DIR
        export CARGO_HOME=$work/cargo-home CARGO_TARGET_DIR=$work/target CARGO_NET_OFFLINE=true
        # It has to build; how small the result is does not matter here.
        cargo build --offline --locked --quiet
    ) || fail "the tarball does not build"
    "$work/target/debug/agent" --version
}

main() {
    parse_arguments "$@"
    look_around

    # Beside the output, so that the last step is a rename. Not `local`: the trap outlives main.
    work=$(mktemp -d "$(cd "$(dirname "$output")" && pwd)/.agent-src.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    local sources=$work/agent-$version
    mkdir -p "$sources"
    git -C "$root" archive HEAD | tar -C "$sources" -xf -
    say "fetching the libraries of Cargo.lock"
    mkdir -p "$sources/.cargo"
    # It prints what belongs into the settings, but not with --quiet.
    if ! (cd "$sources" && cargo vendor --locked vendor) \
        >>"$sources/.cargo/config.toml" 2>"$work/log"; then
        tail -n 30 "$work/log" >&2
        fail "cargo could not fetch the libraries"
    fi
    grep -q '^directory = "vendor"' "$sources/.cargo/config.toml" ||
        fail "cargo vendor did not say how to use vendor/"
    pack
    if [ -n "$check" ]; then
        prove
    fi

    mv -f -- "$work/packed" "$output"
    say "wrote $output ($(du -h -- "$output" | cut -f1))"
    say "build it with: cargo build --profile dist --offline --locked"
}

main "$@"
