# What the scripts that build programs from Go modules share. They set `what` before they source it, and `bin` after.
# shellcheck shell=bash

# A target directory of the caller's own counts, like for cargo.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target

fail() {
  echo "$what: $*" >&2
  exit 1
}

# need_go: a Go that is older than go.mod asks for either fetches the right one by itself or says here why it doesn't.
need_go() {
  local need
  need=$(sed -n 's/^go //p' go.mod)
  command -v go >/dev/null || fail "Go is not installed; Go $need or newer builds it"
  go_version=$(go env GOVERSION 2>&1) || fail "needs Go $need or newer: $go_version"
  [[ $(printf '%s\n' "$need" "${go_version#go}" | sort -V | head -n 1) == "$need" ]] ||
    fail "needs Go $need or newer, found $go_version"
}

# required MODULE: its version. `go list -m` would download half of the module graph to say the same.
required() {
  sed -En "s|^(require)?[[:space:]]*$1 (v[^ ]+).*|\2|p" go.mod
}

# build NAME PACKAGE DESCRIPTION FLAG…: builds one program of the module here into $bin, unless the stamp beside it
# says that nothing it is made of changed.
build() {
  local name=$1 package=$2 description=$3 sources=() stamp started=$SECONDS
  shift 3
  [[ $package != ./* ]] || sources=("$package"/*.go)
  stamp=$({
    printf '%s\n' "$go_version" "$(go env GOOS GOARCH)" "$@"
    cat go.mod go.sum "${sources[@]}"
  } | sha256sum)
  if [[ -x $bin/$name && -f $bin/.$name.stamp && $(<"$bin/.$name.stamp") == "$stamp" ]]; then
    return
  fi
  echo "building $description"
  mkdir -p "$bin"
  # Under another name first: an interrupted build leaves no half binary, and a running one isn't overwritten.
  CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath "$@" -o "$bin/.$name.$$" "$package" || {
    rm -f "$bin/.$name.$$"
    return 1
  }
  rm -f "$bin/.$name.stamp"
  mv "$bin/.$name.$$" "$bin/$name"
  echo "$stamp" >"$bin/.$name.stamp"
  echo "built $name in $((SECONDS - started)) s"
}
