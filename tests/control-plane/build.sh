#!/usr/bin/env bash
# Builds the control plane that the tests run against, from Go modules alone, into target/control-plane/bin.
#
# What is there and up to date stays as it is, so calling this before every test run costs nothing. When
# KUBEBUILDER_ASSETS is set, etcd, kube-apiserver, kube-controller-manager and kubectl are taken from there, and only
# the supervisor is built.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target
bin=$target/control-plane/bin

fail() {
  echo "control plane: $*" >&2
  exit 1
}

[[ $(uname) == Linux ]] || fail "runs on Linux only, as it lets the kernel end what a killed test leaves behind"

# A Go that is older than go.mod asks for either fetches the right one by itself or says here why it doesn't.
need=$(sed -n 's/^go //p' go.mod)
command -v go >/dev/null || fail "Go is not installed; Go $need or newer builds the test control plane"
go_version=$(go env GOVERSION 2>&1) || fail "needs Go $need or newer: $go_version"
[[ $(printf '%s\n' "$need" "${go_version#go}" | sort -V | head -n 1) == "$need" ]] ||
  fail "needs Go $need or newer, found $go_version"

# required MODULE: its version. `go list -m` would download half of the module graph to say the same.
required() {
  sed -En "s|^(require)?[[:space:]]*$1 (v[^ ]+).*|\2|p" go.mod
}
kubernetes=$(required k8s.io/kubernetes)
etcd=$(required go.etcd.io/etcd/server/v3)
IFS=. read -r major minor _ <<<"${kubernetes#v}"

# Without these the API server would call itself v0.0.0-master, and clients that compare versions would refuse it.
ldflags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  ldflags+=" -X $package.gitTreeState=clean"
done
flags=(-mod=readonly -buildvcs=false -trimpath -ldflags "$ldflags")

mkdir -p "$bin"
trap 'rm -f "$bin"/.*."$$"' EXIT

# build NAME PACKAGE DESCRIPTION: builds one binary unless the stamp beside it says that nothing it is made of changed.
build() {
  local name=$1 package=$2 description=$3 sources=() stamp
  [[ $package != ./* ]] || sources=("$package"/*.go)
  stamp=$({
    printf '%s\n' "$go_version" "$(go env GOOS GOARCH)" "${flags[@]}"
    cat go.mod go.sum "${sources[@]}"
  } | sha256sum)
  if [[ -x $bin/$name && -f $bin/.$name.stamp && $(<"$bin/.$name.stamp") == "$stamp" ]]; then
    return
  fi
  echo "building $description"
  SECONDS=0
  # Under another name first: an interrupted build leaves no half binary, and a running one isn't overwritten.
  CGO_ENABLED=0 go build "${flags[@]}" -o "$bin/.$name.$$" "$package"
  rm -f "$bin/.$name.stamp"
  mv "$bin/.$name.$$" "$bin/$name"
  echo "$stamp" >"$bin/.$name.stamp"
  echo "built $name in $SECONDS s"
}

build control-plane ./cmd/control-plane "control-plane, the supervisor of the others: some seconds"
if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
  for name in etcd kube-apiserver kubectl; do
    [[ -x $KUBEBUILDER_ASSETS/$name ]] || fail "KUBEBUILDER_ASSETS ($KUBEBUILDER_ASSETS) has no $name"
  done
  # What setup-envtest installs has none.
  [[ -x $KUBEBUILDER_ASSETS/kube-controller-manager ]] ||
    echo "control plane: KUBEBUILDER_ASSETS has no kube-controller-manager: namespaces won't finish deleting" >&2
  exit
fi

cold="on two cores the first time, for the whole program is compiled from its Go module; seconds after that"
build etcd ./cmd/etcd "etcd $etcd: about 40 seconds $cold"
build kubectl k8s.io/kubernetes/cmd/kubectl "kubectl $kubernetes: about a minute $cold"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "kube-apiserver $kubernetes: about 3 minutes $cold"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager \
  "kube-controller-manager $kubernetes: about a minute $cold"
