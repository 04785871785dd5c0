# Sourced by run and test: a .venv with Offhook in it. `prepare local` or `prepare local,dev`; then $venv_python runs it.
# PYTHON names the interpreter to make it with; else the first of 3.11 to 3.13 that is complete.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv_python="$root/.venv/bin/python"

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# The version of an interpreter as 3.11, 3.12 or 3.13; nothing if it is none of these, or does not run.
version_of() {
    "$1" -c 'import sys; v = sys.version_info; print("%d.%d" % v[:2]) if (3, 11) <= v < (3, 14) else None' \
        2>/dev/null </dev/null | grep -v None || true
}

has_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null
}

# Sets $python and $version.
find_python() {
    local candidate incomplete=""
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        version=$(version_of "$python")
        [ -n "$version" ] || fail "PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13"
        has_venv "$python" || fail "$python lacks the module venv: apt install python$version-venv (or your system's like)"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        command -v "$candidate" >/dev/null || continue
        version=$(version_of "$candidate")
        [ -n "$version" ] || continue
        if has_venv "$candidate"; then
            python=$candidate
            return
        fi
        incomplete=$version
    done
    [ -z "$incomplete" ] || fail "Python $incomplete lacks the module venv: apt install python$incomplete-venv (or your system's like)"
    fail "no Python 3.11, 3.12 or 3.13 was found: install one (apt install python3.11 python3.11-venv), or name it: PYTHON=/path/to/python3.11"
}

# Changes whenever what is to be installed does.
fingerprint() {
    "$venv_python" - "$root/pyproject.toml" "$1" "$root" <<'EOF'
import hashlib, sys
digest = hashlib.sha256(sys.version.encode() + sys.argv[3].encode())
for path in sys.argv[1:3]:
    with open(path, "rb") as file:
        digest.update(file.read())
print(digest.hexdigest())
EOF
}

prepare() {
    local extras=$1 constraints wanted stamp
    if ! "$venv_python" -c 'import pip' >/dev/null 2>&1 </dev/null; then
        find_python
        echo "Making .venv with Python $version ..."
        "$python" -m venv --clear "$root/.venv" </dev/null || fail "$python cannot make $root/.venv"
    fi
    version=$(version_of "$venv_python")
    [ -n "$version" ] || fail "$root/.venv holds no Python 3.11 to 3.13: remove it, and start again"
    constraints="$root/constraints/py${version/./}.txt"
    wanted=$(fingerprint "$constraints")
    # What was installed with the extras of the tests serves to run as well.
    for stamp in "$root/.venv/.offhook-$extras" "$root/.venv/.offhook-local,dev"; do
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
            return
        fi
    done
    echo "Installing Offhook and what it needs (Python $version) ..."
    rm -f "$root"/.venv/.offhook-*
    "$venv_python" -m pip install --quiet --disable-pip-version-check --no-input \
        -c "$constraints" -e "$root[$extras]" </dev/null ||
        fail "the packages could not be installed (see above): a package registry must be in reach of pip"
    printf '%s\n' "$wanted" >"$root/.venv/.offhook-$extras"
}
