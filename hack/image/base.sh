#!/usr/bin/env bash
# Makes a base image out of this machine's Debian packages, for where gcr.io can't be reached. It is put together as
# gcr.io/distroless/cc puts itself together: packages unpacked, no maintainer scripts run, no shell, no package manager; a user
# nonroot, one bundle of CA certificates, and a status file per package, by which scanners know what is in it.
# Prints the name of the image.
set -euo pipefail
# shellcheck source=hack/image/buildah.sh
source "$(dirname "${BASH_SOURCE[0]}")/buildah.sh"

# base-files first: it may say that /lib is a link.
packages=(base-files netbase tzdata ca-certificates libc6 libgcc-s1)
base=localhost/base
tree=$work/base
debs=$work/debs

rm -rf "$tree"
mkdir -p "$tree" "$debs"
cd "$debs"
# Not as the user _apt, who may not write here.
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" ||
  die "can't download Debian's packages ${packages[*]}: is the package list there? Try apt-get update"
for package in "${packages[@]}"; do
  # The newest: an older one may lie here from another day.
  deb=$(find . -name "${package}_*.deb" | sort -V | tail -n 1)
  # Through a link such as /lib -> /usr/lib, not over it.
  dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$tree"
  install -d "$tree/var/lib/dpkg/status.d"
  dpkg-deb --field "$deb" >"$tree/var/lib/dpkg/status.d/$package"
done

# What the maintainer scripts would have made.
install -d "$tree/etc/ssl/certs"
find "$tree/usr/share/ca-certificates" -name '*.crt' -print0 | sort -z | xargs -0 cat >"$tree/etc/ssl/certs/ca-certificates.crt"
cat >"$tree/etc/passwd" <<'END'
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
END
cat >"$tree/etc/group" <<'END'
root:x:0:
nobody:x:65534:
nonroot:x:65532:
END
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' 'networks: files' >"$tree/etc/nsswitch.conf"
install -d -m 1777 "$tree/tmp"
install -d -o 65532 -g 65532 -m 700 "$tree/home/nonroot"
# Scripts that want a shell, such as update-ca-certificates.
find "$tree"/{bin,sbin,usr/bin,usr/sbin} -mindepth 1 -delete

container=$(buildah from scratch)
buildah add --quiet "$container" "$tree" / >/dev/null
buildah config --os linux --arch "$(dpkg --print-architecture)" --user 65532 --workingdir /home/nonroot \
  --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt "$container"
buildah commit --quiet --rm "$container" "$base" >/dev/null
echo "$base"
