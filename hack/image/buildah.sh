# What the scripts about the image share: where things lie, and a buildah that needs neither an engine nor a registry.
# Sourced by build.sh and prove.sh.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target
work=$target/image
image=localhost/cloudhsm-backup-operator
archive=$work/cloudhsm-backup-operator.oci.tar
program=/usr/local/bin/cloudhsm-backup-operator

die() {
  echo "error: $*" >&2
  exit 1
}

# needs PROGRAM PACKAGE...: each program, or the Debian package that brings it.
needs() {
  while [[ $# -gt 0 ]]; do
    command -v "$1" >/dev/null || die "$1 is not installed: apt-get install $2"
    shift 2
  done
}

[[ $(uname -s) == Linux ]] || die "the image is built in a chroot: that needs Linux; elsewhere use docker build"
[[ $(id -u) == 0 ]] || die "a chroot needs root: run it with sudo -E env \"PATH=\$PATH\", or use docker build"
needs buildah buildah apt-get apt dpkg-deb dpkg

# Storage of its own: nothing of the machine's images is touched, and vfs needs no overlay file system.
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
buildah() {
  command buildah "${storage[@]}" "$@"
}
