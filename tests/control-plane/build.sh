#!/usr/bin/env bash
# Builds the control plane that the tests run against, from Go modules alone, into target/control-plane/bin.
#
# What is there and up to date stays as it is, so calling this before every test run costs nothing. When
# KUBEBUILDER_ASSETS is set, etcd, kube-apiserver, kube-controller-manager and kubectl are taken from there, and only
# the supervisor is built.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
what="control plane"
# shellcheck source=../go-build.sh
source ../go-build.sh
bin=$target/control-plane/bin

[[ $(uname) == Linux ]] || fail "runs on Linux only, as it lets the kernel end what a killed test leaves behind"

need_go
kubernetes=$(required k8s.io/kubernetes)
etcd=$(required go.etcd.io/etcd/server/v3)
IFS=. read -r major minor _ <<<"${kubernetes#v}"

# Without these the API server would call itself v0.0.0-master, and clients that compare versions would refuse it.
ldflags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  ldflags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  ldflags+=" -X $package.gitTreeState=clean"
done
flags=(-ldflags "$ldflags")

mkdir -p "$bin"
trap 'rm -f "$bin"/.*."$$"' EXIT

build control-plane ./cmd/control-plane "control-plane, the supervisor of the others: some seconds" "${flags[@]}"
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
build etcd ./cmd/etcd "etcd $etcd: about 40 seconds $cold" "${flags[@]}"
build kubectl k8s.io/kubernetes/cmd/kubectl "kubectl $kubernetes: about a minute $cold" "${flags[@]}"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "kube-apiserver $kubernetes: about 3 minutes $cold" "${flags[@]}"
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager \
  "kube-controller-manager $kubernetes: about a minute $cold" "${flags[@]}"
