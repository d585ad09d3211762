#!/bin/sh
# setup_venv.sh VENV LEVEL: make the virtual environment and install the package for LEVEL
# (core, test, dev or bench). Needs Python 3.11 or newer; installs python3-venv itself when it runs as root.
set -eu
venv=$1
level=$2

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "cloudclusters needs Python 3.11 or newer; install it with: apt-get install python3 python3-venv" >&2
    exit 1
}

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        packages="python3-venv python$version-venv"
        if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
            echo "installing $packages (ensurepip is missing)"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
            "$python" -c 'import ensurepip' 2>/dev/null ||
                DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
        else
            echo "this Python has no ensurepip; run: sudo apt-get install python3-venv" >&2
            exit 1
        fi
    fi
    echo "making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
fi

case $level in
    core) target=. ;;
    test) target='.[test]' ;;
    dev) target='.[dev]' ;;
    bench) target='.[dev,bench]' ;;
    *) echo "unknown level $level" >&2; exit 2 ;;
esac
echo "installing cloudclusters ($level) into $venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$target"
touch "$venv/.$level"
