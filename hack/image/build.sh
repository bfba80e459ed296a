#!/usr/bin/env bash
# Builds the image without a container engine and without a registry: the Dockerfile's last stage, by buildah in a chroot, on a
# base made of Debian packages, around a binary that cargo built here.
#
#   hack/image/build.sh            the release binary, with the list of its crates in it
#   hack/image/build.sh FILE       a binary that is there already
set -euo pipefail
# shellcheck source=hack/image/buildah.sh
source "$(dirname "${BASH_SOURCE[0]}")/buildah.sh"
cd "$root"

arg() {
  sed -n "s/^ARG $1=//p" Dockerfile
}

binary=${1:-}
if [[ -z $binary ]]; then
  auditable=$(arg CARGO_AUDITABLE_VERSION)
  tools=$target/tools/cargo-auditable-$auditable
  if [[ ! -x $tools/bin/cargo-auditable ]]; then
    echo "installing cargo-auditable $auditable, which writes the list of crates into the binary: a minute on two cores, once"
    cargo install --quiet --locked cargo-auditable --version "$auditable" --root "$tools"
  fi
  echo "building the operator, optimised: about 7 minutes on two cores the first time, 3 after a change"
  PATH=$tools/bin:$PATH cargo auditable build --locked --release --bin cloudhsm-backup-operator
  binary=$target/release/cloudhsm-backup-operator
fi
[[ -x $binary ]] || die "$binary is no program"

echo "making a base of Debian's packages"
base=$(hack/image/base.sh)
digest=$(buildah inspect --type image --format '{{.FromImageDigest}}' "$base")

# Its own word on its version, checked again when the image runs.
version=$("$binary" --version | awk '{print $2}')
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[[ -z $(git status --porcelain 2>/dev/null) ]] || revision+=-dirty
install -D -t "$work/binary" "$binary"

echo "building the image $image:$version"
buildah build --quiet --isolation chroot --platform "linux/$(dpkg --print-architecture)" --pull=never --format oci \
  --build-arg BASE="$base" --build-context binary="$work/binary" \
  --build-arg VERSION="$version" --build-arg REVISION="$revision" \
  --label "org.opencontainers.image.base.digest=$digest" \
  --tag "$image:$version" --tag "$image:latest" . >/dev/null
# What earlier builds left without a name.
buildah rmi --prune --force >/dev/null
rm -f "$archive"
buildah push --quiet "$image:$version" "oci-archive:$archive:$version"

echo "labels:"
buildah inspect --type image --format '{{range $name, $value := .OCIv1.Config.Labels}}  {{$name}}={{$value}}{{"\n"}}{{end}}' "$image:$version"
echo "written: $archive ($(du -h --apparent-size "$archive" | cut -f 1))"
