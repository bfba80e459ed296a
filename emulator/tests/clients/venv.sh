#!/bin/sh
# Makes the Python environment of the tests with real clients: boto3 and the AWS CLI, exactly as requirements.txt pins
# them. Does nothing when it is there already. VENV says where; target/venv of the workspace otherwise. REQUIREMENTS names
# another file, for the environment of other tests.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv=${VENV:-$root/target/venv}
python=${PYTHON:-python3}
requirements=${REQUIREMENTS:-$here/requirements.txt}
stamp=$venv/requirements.sha256

command -v "$python" >/dev/null 2>&1 || {
    echo "venv.sh: $python is missing: install Python 3, or name one with PYTHON" >&2
    exit 1
}
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
    echo "venv.sh: $python has no venv module: install it (python3-venv on Debian and Ubuntu)" >&2
    exit 1
}

wanted=$("$python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$requirements")
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo "venv.sh: $venv is up to date"
    exit 0
fi

echo "venv.sh: making $venv from $requirements"
rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
# Last, so that one that broke off is made again.
echo "$wanted" >"$stamp"
echo "venv.sh: made $venv"
