#!/usr/bin/env bash
# Fetches wheels on a connected machine: pytest, coverage and pytest-xdist, and what a project needs,
# for the Python and the platform behind the gap.
set -euo pipefail

always=('pytest>=7' coverage pytest-xdist)

usage() {
    cat <<'USAGE'
Fetches the wheels that tests need behind the gap into a folder

Usage: fetch-wheels.sh [OPTIONS] DIR [REQUIREMENT]...

Arguments:
  DIR             The folder to make
  [REQUIREMENT]   What the project needs, as pip writes it: 'numpy<3'

Options:
  -r, --requirement FILE    A requirements file; may be repeated
      --python PYTHON       The interpreter whose pip fetches [default: python3]
      --python-version X.Y  The Python behind the gap [default: its own]
      --platform TAG        The platform behind the gap, such as
                            manylinux_2_28_x86_64, manylinux2014_aarch64,
                            macosx_11_0_arm64 [default: this machine's]
      --force               Replace DIR if this script made it
  -h, --help                Print help

pytest, coverage and pytest-xdist are always among them. DIR also gets
requirements.txt (each wheel with its version) and SHA256SUMS.
pip's own settings and variables apply, PIP_INDEX_URL and PIP_FIND_LINKS too.
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

python=python3
target_version=
platform=
force=
folder=
wanted=()

parse_arguments() {
    local operands=()
    while [ "$#" -gt 0 ]; do
        case "$1" in
            -h | --help)
                usage
                exit 0
                ;;
            --force) force=1 ;;
            -r | --requirement | --python | --python-version | --platform)
                if [ "$#" -lt 2 ] || [ -z "$2" ]; then
                    wrong_usage "$1 needs a value"
                fi
                take_option "$1" "$2"
                shift
                ;;
            --)
                shift
                operands+=("$@")
                break
                ;;
            -*) wrong_usage "unexpected argument '$1'" ;;
            *) operands+=("$1") ;;
        esac
        shift
    done
    [ "${#operands[@]}" -gt 0 ] || wrong_usage "DIR is missing"
    folder=${operands[0]%/}
    [ -n "$folder" ] || wrong_usage "DIR must be a folder to make"
    wanted+=("${operands[@]:1}")
}

take_option() {
    case "$1" in
        -r | --requirement)
            [ -f "$2" ] || fail "there is no file \`$2\`"
            wanted+=(-r "$2")
            ;;
        --python) python=$2 ;;
        --python-version)
            [[ $2 =~ ^3\.[0-9]+$ ]] || wrong_usage "--python-version is X.Y, such as 3.11, not '$2'"
            target_version=$2
            ;;
        --platform)
            [[ $2 =~ ^[A-Za-z0-9_]+$ ]] || wrong_usage "--platform is a tag of wheels, not '$2'"
            platform=$2
            ;;
    esac
}

# Only a folder that this script made is ever replaced.
check_folder() {
    local entry
    if [ ! -e "$folder" ]; then
        [ -d "$(dirname "$folder")" ] || fail "there is no folder \`$(dirname "$folder")\`"
        return
    fi
    if [ -z "$force" ]; then
        fail "\`$folder\` is there already" "pass \`--force\` to replace it, or another name"
    fi
    [ -f "$folder/SHA256SUMS" ] || fail "\`$folder\` was not made by this script and stays as it is"
    for entry in "$folder"/* "$folder"/.[!.]*; do
        case "${entry##*/}" in
            *.whl | SHA256SUMS | requirements.txt | '*' | '.[!.]*') ;;
            *) fail "\`$folder\` holds \`${entry##*/}\`, which is not of this script, and stays as it is" ;;
        esac
    done
}

# A system with glibc 2.N takes wheels for every earlier one as well, but pip takes a tag literally.
platform_tags() {
    local minor arch
    if [[ $platform =~ ^(manylinux|musllinux)_([0-9]+)_([0-9]+)_([a-z0-9_]+)$ ]]; then
        arch=${BASH_REMATCH[4]}
        for ((minor = BASH_REMATCH[3]; minor >= 0; minor--)); do
            printf '%s\n' "${BASH_REMATCH[1]}_${BASH_REMATCH[2]}_${minor}_$arch"
            # The names that these had before they had numbers.
            case "${BASH_REMATCH[1]}_${BASH_REMATCH[2]}_$minor" in
                manylinux_2_17) printf '%s\n' "manylinux2014_$arch" ;;
                manylinux_2_12) printf '%s\n' "manylinux2010_$arch" ;;
                manylinux_2_5) printf '%s\n' "manylinux1_$arch" ;;
            esac
        done
    else
        printf '%s\n' "$platform"
    fi
}

# pip chooses wheels for another Python or platform, but judges conditions like
# `python_version < "3.11"` by the interpreter that it runs in, and would leave out what only the
# other one needs. So it gets the other one's values, and is asked whether it sees them.
# shellcheck disable=SC2016 # a Python program
pip_for_target='
import platform as machine, re, runpy, sys
from pip._vendor.packaging import markers

version, tag = sys.argv[1:3]
target = markers.default_environment()
if version:
    target["python_version"], target["python_full_version"] = version, version + ".0"
    target["implementation_version"] = version + ".0"
found = re.match("(macosx|manylinux|musllinux|linux)[0-9_]*_([a-z][a-z0-9_]*)$", tag)
if tag and not found:
    sys.exit("error: cannot tell the system of the platform `%s`" % tag)
if found:
    family, arch = found.groups()
    names = ("darwin", "Darwin") if family == "macosx" else ("linux", "Linux")
    target["sys_platform"], target["platform_system"] = names
    target["platform_machine"] = machine.machine() if arch == "universal2" else arch
markers.default_environment = lambda: dict(target)
for name in ("python_version", "sys_platform", "platform_machine"):
    if not markers.Marker("%s == \"%s\"" % (name, target[name])).evaluate():
        sys.exit("error: this pip cannot fetch for another Python; use `--python` of that version")
sys.argv[:] = ["pip"] + sys.argv[3:]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'

download() {
    local arguments=(download --quiet --no-input --disable-pip-version-check
        --only-binary :all: --dest "$1") tag
    if [ -n "$target_version" ]; then
        arguments+=(--python-version "$target_version" --implementation cp)
    fi
    if [ -n "$platform" ]; then
        while read -r tag; do
            arguments+=(--platform "$tag")
        done < <(platform_tags)
    fi
    arguments+=("${always[@]}" ${wanted[@]+"${wanted[@]}"})
    if [ -n "$target_version$platform" ]; then
        "$python" -c "$pip_for_target" "$target_version" "$platform" "${arguments[@]}"
    else
        "$python" -m pip "${arguments[@]}"
    fi
}

# In Python, because macOS has no sha256sum.
write_lists='
import glob, hashlib, os
os.chdir(__import__("sys").argv[1])
wheels = sorted(glob.glob("*.whl"))
with open("requirements.txt", "w") as out:
    for wheel in wheels:
        name, version = wheel.split("-")[:2]
        out.write("%s==%s\n" % (name.replace("_", "-").lower(), version))
with open("SHA256SUMS", "w") as out:
    for name in wheels + ["requirements.txt"]:
        with open(name, "rb") as file:
            out.write("%s  %s\n" % (hashlib.sha256(file.read()).hexdigest(), name))
print(len(wheels))
'

main() {
    local count
    parse_arguments "$@"
    check_folder
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "\`$python\` has no pip" "Debian: \`apt-get install python3-pip\`; or pass \`--python\`"

    # Beside the folder, so that the last step is a rename. Not `local`: the trap outlives main.
    work=$(mktemp -d "$folder.partial.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir "$work/wheels"
    download "$work/wheels" ||
        fail "pip could not fetch the wheels" \
            "what has no wheel: \`pip wheel -w built NAME\` there, then set PIP_FIND_LINKS=built here"
    count=$("$python" -c "$write_lists" "$work/wheels")

    if [ -e "$folder" ]; then
        mv -- "$folder" "$work/replaced"
    fi
    if ! mv -- "$work/wheels" "$folder"; then
        [ ! -e "$work/replaced" ] || mv -- "$work/replaced" "$folder"
        fail "cannot put the wheels into \`$folder\`"
    fi
    printf 'wrote %s wheels to %s\n' "$count" "$folder" >&2
}

main "$@"
