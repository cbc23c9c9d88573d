#!/usr/bin/env bash
# Makes an image tarball for containers from Debian packages, with no engine and no registry:
# mmdebstrap makes the root file system, `agent image pack` the image. Needs a Debian mirror.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

suite=bookworm
packages=(python3 python3-pytest python3-coverage python3-pytest-xdist)
# No file in the image is newer, so that the same packages give the same bytes. With the variable
# set Python writes byte code that is checked by hash, so that it stays valid for the older files.
default_epoch=1735689600

usage() {
    cat <<'USAGE'
Makes an image tarball for containers from Debian packages

Usage: build-image.sh [OPTIONS]

Options:
  -o, --output FILE    The tarball [default: menace-selftest.tar.gz]
      --tag NAME[:TAG] The image's name [default: menace-selftest:1]
      --suite NAME     The release of Debian [default: bookworm]
      --mirror URI     A mirror of Debian packages [default: mmdebstrap's own]
      --package NAME   A further Debian package; may be repeated
      --wheels DIR     A folder of wheels to install into the image
      --agent PATH     The agent [default: this checkout's build, else on PATH]
      --force          Replace the tarball if it is there
  -h, --help           Print help

Beside FILE it writes FILE.packages: each package with its version.
The same packages give the same bytes; SOURCE_DATE_EPOCH sets the files' times.
It needs mmdebstrap; without root also uidmap and user namespaces.
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

output=menace-selftest.tar.gz
tag=menace-selftest:1
mirror=
wheels=
agent=
force=

parse_arguments() {
    while [ "$#" -gt 0 ]; do
        case "$1" in
            -h | --help)
                usage
                exit 0
                ;;
            --force)
                force=--force
                shift
                continue
                ;;
            -o | --output | --tag | --suite | --mirror | --package | --wheels | --agent)
                if [ "$#" -lt 2 ] || [ -z "$2" ]; then
                    wrong_usage "$1 needs a value"
                fi
                ;;
            *) wrong_usage "unexpected argument '$1'" ;;
        esac
        case "$1" in
            -o | --output) output=$2 ;;
            --tag) tag=$2 ;;
            --suite) suite=$2 ;;
            --mirror) mirror=$2 ;;
            --package) packages+=("$2") ;;
            --wheels) wheels=$2 ;;
            --agent) agent=$2 ;;
        esac
        shift 2
    done
}

# A checkout's own build fits its sources; another agent on PATH may be older.
find_agent() {
    local candidate
    if [ -z "$agent" ]; then
        local built=${CARGO_TARGET_DIR:-$here/../target}
        for candidate in "$built"/{dist,release,debug}/agent agent; do
            if command -v "$candidate" >/dev/null; then
                agent=$candidate
                break
            fi
        done
    fi
    if [ -z "$agent" ]; then
        fail "there is no \`agent\` to pack the image" \
            "run \`cargo build\` in the checkout, or pass \`--agent PATH\`"
    fi
    "$agent" image pack --help >/dev/null 2>&1 ||
        fail "\`$agent\` has no command \`image pack\`" "pass \`--agent\` the one of this version"
}

# All that can be found wrong before half a minute of work.
check() {
    if [ -z "$force" ] && [ -e "$output" ]; then
        fail "\`$output\` is there already" "pass \`--force\` to replace it, or \`-o\` another name"
    fi
    if [ ! -d "$(dirname "$output")" ]; then
        fail "there is no folder \`$(dirname "$output")\`"
    fi
    if [ -n "$wheels" ] && [ ! -d "$wheels" ]; then
        fail "there is no folder \`$wheels\`" "\`fetch-wheels.sh $wheels\` makes it"
    fi
    find_agent
    command -v mmdebstrap >/dev/null ||
        fail "mmdebstrap is not installed" \
            "\`apt-get install mmdebstrap\` on Debian or Ubuntu; elsewhere use offline/Containerfile"
}

# Without documentation and translations, but with the licences of what is passed on.
make_rootfs() {
    local rootfs=$1 joined merged=/usr/share/mmdebstrap/hooks/maybe-merged-usr
    joined=$(IFS=, && printf '%s' "${packages[*]}")
    # Else Debian 12 merges /usr with a program that brings all of Perl, a third of the image.
    [ -d "$merged" ] || merged=
    # shellcheck disable=SC2016 # mmdebstrap expands the root's path in hooks
    mmdebstrap --quiet --variant=minbase --include="$joined" \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-include=/usr/share/locale/locale.alias' \
        --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' \
        --customize-hook='find "$1/var/log" "$1/var/cache" -type f -delete' \
        ${merged:+--hook-dir="$merged"} --skip=output/dev \
        "$suite" "$rootfs" ${mirror:+"$mirror"}
}

# `name=version architecture` a line, as the package manager of the root file system knows them.
list_packages() {
    tar --extract --to-stdout --file "$1" ./var/lib/dpkg/status |
        awk '
            /^Package: / { name = $2 }
            /^Status: / { installed = $4 == "installed" }
            /^Version: / { version = $2 }
            /^Architecture: / { architecture = $2 }
            /^$/ && installed { print name "=" version " " architecture }' |
        LC_ALL=C sort
}

main() {
    parse_arguments "$@"
    check
    export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$default_epoch}

    # Beside the output, so that the last step is a rename. Not `local`: the trap outlives main.
    work=$(mktemp -d "$output.partial.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    say "making the root file system of $suite with ${packages[*]}, in about a minute"
    if ! make_rootfs "$work/rootfs.tar" >"$work/log" 2>&1 </dev/null; then
        tail -n 30 "$work/log" >&2
        fail "mmdebstrap could not make the root file system" \
            "see above; without root it needs the package uidmap and user namespaces"
    fi
    list_packages "$work/rootfs.tar" >"$work/packages"
    [ -s "$work/packages" ] || fail "the root file system has no packages"

    say "packing $tag"
    "$agent" image pack --rootfs "$work/rootfs.tar" --tag "$tag" \
        ${wheels:+--wheels "$wheels"} -o "$work/image-$(basename "$output")" >&2

    # The list first: a tarball is never without its list.
    mv -f -- "$work/packages" "$output.packages"
    mv -f -- "$work/image-$(basename "$output")" "$output"
    say "wrote $output ($(du -h -- "$output" | cut -f1)) and $output.packages"
}

main "$@"
