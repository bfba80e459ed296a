#!/usr/bin/env bash
# Builds the programs that check what we ship, nearly all of them others', each from the Go module in the folder of its name,
# into target/tools/bin. Without arguments all of them.
#
# Each has a module of its own, for what one requires would move the versions of another. What is there and up to date
# stays as it is, so calling this before every test run costs nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what="test tools"
# shellcheck source=../go-build.sh
source "$here/../go-build.sh"
bin=$target/tools/bin

[[ $# -gt 0 ]] || set -- $(cd "$here" && for module in */go.mod; do dirname "$module"; done)
for name in "$@"; do
  [[ -f $here/$name/go.mod ]] || fail "there is no tool $name"
  cd "$here/$name"
  need_go
  package=$(sed -n 's/^tool //p' go.mod)
  took="about two minutes"
  # One of our own, which is small: its sources count too.
  [[ $package != "$(sed -n 's/^module //p' go.mod)" ]] || { package=./ took="about half a minute"; }
  cold="on two cores the first time, for the whole program is compiled from its Go module; seconds after that"
  flags=(-ldflags "-s -w")
  case $name in
    helm)
      # Else it would call itself v4.0 and know no version of Kubernetes.
      version=$(required helm.sh/helm/v4)
      flags=(-ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version")
      ;;
    promtool)
      # It needs none of the service discoveries to test rules, but the one that the documentation shows.
      flags+=(-tags remove_all_sd,enable_dns_sd)
      ;;
  esac
  build "$name" "$package" "$name: $took $cold" "${flags[@]}"
done
