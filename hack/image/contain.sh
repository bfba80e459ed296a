#!/usr/bin/env bash
# Runs a program in a file tree as a container runtime runs the operator's pod: root file system read-only, an unprivileged
# uid without groups or capabilities, no new privileges, first process of its own process namespace. The network is the machine's.
#
#   contain.sh TREE UID:GID [FROM:TO]... -- PROGRAM [ARGUMENT]...
#
# Each FROM is mounted read-only at TO, which must exist in the tree. The environment is passed on as it is.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  exec unshare --mount --pid --fork --kill-child "${BASH_SOURCE[0]}" --inside "$@"
fi
tree=$2 user=$3
shift 3
mount --bind "$tree" "$tree"
mount -t proc -o nosuid,nodev,noexec proc "$tree/proc"
mount -t tmpfs -o mode=755,nosuid tmpfs "$tree/dev"
for device in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9"; do
  read -r name major minor <<<"$device"
  mknod -m 666 "$tree/dev/$name" c "$major" "$minor"
done
while [[ $1 != -- ]]; do
  mount --bind "${1%%:*}" "$tree${1#*:}"
  mount -o remount,bind,ro "$tree${1#*:}"
  shift
done
shift
mount -o remount,bind,ro "$tree"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$tree" "$@"
