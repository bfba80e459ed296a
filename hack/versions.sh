#!/usr/bin/env bash
# Checks that the versions are in step: one release is one version of crate, chart and image.
#
#   hack/versions.sh              what must hold on every commit
#   hack/versions.sh v0.2.0       and what must hold for that tag
#   hack/versions.sh notes 0.2.0  prints what CHANGELOG.md says about it
#
# ROOT names another checkout to look at.
set -euo pipefail
cd "${ROOT:-$(dirname "${BASH_SOURCE[0]}")/..}"

failed=0
wrong() {
  echo "versions: $*" >&2
  failed=1
}

# in_section FILE SECTION KEY: the value of `KEY = "..."` in a section of a TOML file.
in_section() {
  awk -v section="[$2]" -v key="$3" '
    { sub(/\r$/, "") }
    /^\[/ { inside = $1 == section }
    inside && $1 == key && $2 == "=" { gsub(/"/, "", $3); print $3; exit }' "$1"
}

# yaml FILE KEY: the value of a top-level key, without quotes and comment.
yaml() {
  sed -En "s/^$2:[[:space:]]*[\"']?([^\"'#[:space:]]+).*/\1/p" "$1" | head -n 1
}

# notes VERSION: the section of the changelog, without its heading. Headings are as Keep a Changelog has them, brackets or not.
notes() {
  awk -v version="$1" '
    /^## / { heading = $2; gsub(/[][]/, "", heading); inside = heading == version; next }
    inside && /^\[[^]]*\]: / { next }
    inside' CHANGELOG.md
}

if [[ ${1:-} == notes ]]; then
  text=$(notes "${2:?which version?}")
  [[ -n ${text//[[:space:]]/} ]] || { echo "versions: CHANGELOG.md says nothing about $2" >&2; exit 1; }
  printf '%s\n' "$text"
  exit
fi

crate=$(in_section Cargo.toml workspace.package version)
number='(0|[1-9][0-9]*)'
semver="^$number\.$number\.$number(-[0-9A-Za-z.-]+)?\$"
[[ $crate =~ $semver ]] || wrong "Cargo.toml, [workspace.package] version = \"$crate\": not a version such as 0.2.0 or 0.2.0-rc.1"

# Crates of the workspace are those in the lock without a source.
locked=$(awk -v RS= '/(^|\n)name = / && !/\nsource = / {
  match($0, /name = "[^"]*"/); name = substr($0, RSTART + 8, RLENGTH - 9)
  match($0, /version = "[^"]*"/); print name, substr($0, RSTART + 11, RLENGTH - 12) }' Cargo.lock)
while read -r name version; do
  [[ $version == "$crate" ]] || wrong "Cargo.lock has $name $version, Cargo.toml $crate: run cargo update --workspace"
done <<<"$locked"

shopt -s nullglob
charts=(charts/*/Chart.yaml)
for chart in "${charts[@]}"; do
  for key in version appVersion; do
    found=$(yaml "$chart" "$key")
    [[ $found == "$crate" ]] || wrong "$chart, $key: ${found:-missing}; Cargo.toml has $crate"
  done
done

toolchain=$(in_section rust-toolchain.toml toolchain channel)
image=$(sed -n 's/^ARG RUST_VERSION=//p' Dockerfile)
[[ $image == "$toolchain" ]] || wrong "Dockerfile, ARG RUST_VERSION=$image: rust-toolchain.toml has $toolchain"
minimum=$(in_section Cargo.toml workspace.package rust-version)
[[ $toolchain == "$minimum" || $toolchain == "$minimum".* ]] ||
  wrong "Cargo.toml, rust-version = \"$minimum\": rust-toolchain.toml has $toolchain"

if [[ $# -gt 0 ]]; then
  [[ $1 == "v$crate" ]] || wrong "the tag is $1, but Cargo.toml has $crate: the tag must be v$crate"
  [[ ${#charts[@]} -gt 0 ]] || wrong "there is no charts/*/Chart.yaml"
  heading=$(grep -E "^## \[?${crate//./\\.}\]?( |\$)" CHANGELOG.md || true)
  [[ $heading =~ \ -\ [0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] ||
    wrong "CHANGELOG.md has no heading \"## $crate - $(date -u +%Y-%m-%d)\"${heading:+, but \"$heading\"}"
  text=$(notes "$crate")
  [[ -z $heading || -n ${text//[[:space:]]/} ]] || wrong "CHANGELOG.md says nothing under \"$heading\""
  text=$(notes Unreleased)
  [[ -z ${text//[[:space:]]/} ]] || wrong "CHANGELOG.md still has entries under Unreleased: move them under ## $crate"
fi

[[ $failed == 0 ]] || exit 1
echo "versions: $crate in Cargo.toml and Cargo.lock$([[ ${#charts[@]} == 0 ]] || printf ', %s' "${charts[@]}")${1:+, and the tag $1}"
