#!/usr/bin/env bash
# Proves that an image starts and works: see each line that begins with "ok".
#
#   hack/image/prove.sh            the one that build.sh made
#   hack/image/prove.sh ARCHIVE    one in an OCI archive, such as `docker buildx build --output type=oci,dest=ARCHIVE .` writes
set -euo pipefail
# shellcheck source=hack/image/buildah.sh
source "$(dirname "${BASH_SOURCE[0]}")/buildah.sh"
# shellcheck source=hack/stack.sh
source "$root/hack/stack.sh"
needs openssl openssl python3 python3 unshare util-linux setpriv util-linux objcopy binutils

here=$root/hack/image
proof=$work/proof
image+=:latest
if [[ $# -gt 0 ]]; then
  [[ -f $1 ]] || die "there is no archive $1"
  image=$(buildah pull --quiet --policy always "oci-archive:$1")
else
  buildah inspect --type image "$image" >/dev/null 2>&1 || die "there is no image yet: run hack/image/build.sh first"
fi
for part in "$bin/control-plane" "$assets/kubectl" "$target/debug/cloudhsm-emulator"; do
  [[ -x $part ]] || die "$part isn't there: run make control-plane, and cargo build -p cloudhsm-emulator"
done
PATH=$assets:$PATH

ok() {
  printf 'ok    %s\n' "$*"
}

told() {
  sed 's/^/        /' | cut -c 1-240
}

config() {
  buildah inspect --type image --format "{{range .OCIv1.Config.$1}}{{println .}}{{end}}" "$image"
}

# contained [FROM:TO]... -- ARGUMENT...: a command in the image, with its user and its environment, and that of `given`. The
# pod's own files (its hosts file, its service account) are mounted as kubelet does.
contained() {
  inside "$@"
  "${line[@]}"
}

# inside: the same, as `line` to be run.
inside() {
  line=(env -i "${environment[@]}" "${given[@]}"
    "$here/contain.sh" "$tree" "$user" "$proof/hosts:/etc/hosts" "$proof/secrets:$run/secrets" "$@")
}

# start_operator NAME [FROM:TO]...: starts `run` and waits until it is ready. Sets `operator`, its process, and
# `supervisor`, the one that waits for it outside.
start_operator() {
  local name=$1
  shift
  log=$proof/$name.log
  inside "$@" -- "${entrypoint[@]}" "${command[@]}"
  "${line[@]}" >"$log" 2>&1 </dev/null &
  supervisor=$!
  for _ in {1..600}; do
    kill -0 $supervisor 2>/dev/null || die "the operator ended at once: $(tail -n 3 "$log")"
    operator=$(<"/proc/$supervisor/task/$supervisor/children")
    operator=${operator% }
    echo "$operator" >"$proof/operator.pid"
    [[ $(fetch readyz 2>/dev/null) != *" 200 "* ]] || return 0
    sleep 0.1
  done
  die "not ready within a minute: $(fetch readyz) $(tail -n 3 "$log")"
}

# stop_operator: SIGTERM to the first process of the container, as kubelet sends it; then its exit code.
stop_operator() {
  local code=0 started=$SECONDS
  kill -TERM "$operator"
  for _ in {1..400}; do
    kill -0 "$operator" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -KILL "$operator" 2>/dev/null || die "it is still there 40 s after SIGTERM"
  wait "$supervisor" || code=$?
  rm -f "$proof/operator.pid"
  [[ $code == 0 ]] || die "it ended with $code after SIGTERM: $(tail -n 3 "$log")"
  stopped_in=$((SECONDS - started))
}

fetch() {
  (
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /%s HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n' "$1" >&9
    cat <&9
  )
}

# ready_says NAME: reason and message of Ready.
ready_says() {
  kubectl -n hsm get chb "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].reason}: {.status.conditions[?(@.type=="Ready")].message}'
}

# answers NAME: asks for a fresh look and waits until the status has answered.
answers() {
  local asked=$RANDOM$RANDOM
  kubectl -n hsm annotate chb "$1" --overwrite "cloudhsm.dev/requested-at=$asked" >/dev/null
  kubectl -n hsm wait --for="jsonpath={.status.lastHandledRequestedAt}=$asked" --timeout=60s "chb/$1" >/dev/null || {
    tail -n 5 "$log" >&2
    die "nobody answers for $1"
  }
}

# becomes NAME PATTERN: waits until reason and message of Ready are like it.
becomes() {
  for _ in {1..300}; do
    # shellcheck disable=SC2053
    [[ $(ready_says "$1") == $2 ]] && return
    sleep 0.2
  done
  tail -n 5 "$log" >&2
  die "$1 isn't like '$2' within a minute: $(ready_says "$1")"
}

# speak_tls NAME ADDRESS: AWS, behind TLS, at this address.
speak_tls() {
  python3 "$here/tls.py" "$proof/aws.pem" "$proof/aws.key" "$aws_address" "$2" >"$proof/$1.out" 2>"$proof/$1.log" </dev/null &
  echo $! >"$proof/$1.pid"
  first_line "$proof/$1.out" $! "$proof/$1.log" >/dev/null
}

finish() {
  local status=$? pid
  for pid in "$proof"/{tls,aws-fips}.pid; do
    [[ ! -f $pid ]] || kill "$(<"$pid")" 2>/dev/null || true
  done
  stack_stop "$proof"
  stack_stop "$proof/stack"
  [[ -z ${container:-} ]] || buildah rm "$container" >/dev/null
  exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

mapfile -t entrypoint < <(config Entrypoint)
mapfile -t command < <(config Cmd)
mapfile -t environment < <(config Env)
user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
version=$(buildah inspect --type image --format '{{index .OCIv1.Config.Labels "org.opencontainers.image.version"}}' "$image")
container=$(buildah from --pull=never "$image")
tree=$(buildah mount "$container")
# A link such as /var/run -> /run would lead out of the tree.
run=/var/run
[[ ! -L $tree$run ]] || run=/run

echo "what is in the image"
[[ $user == 65532:65532 ]] || die "the image's user is '$user', not 65532:65532"
[[ ${entrypoint[*]} == "$program" && ${command[*]} == run ]] || die "it would start '${entrypoint[*]} ${command[*]}'"
ok "it starts $program run, as $user"
# Whatever the system's loader or a shell could start, whether the bit is set or not.
programs=$(find "$tree" -type f -perm /111 ! -name '*.so*' ! -path '*/usr/share/*' ! -path '*/etc/update-motd.d/*' -printf '/%P\n')
[[ $programs == "$program" ]] || die "more programs than the operator: $programs"
shells=$(find "$tree" \( -name sh -o -name bash -o -name dash -o -name busybox -o -name apt -o -name dpkg \) ! -type d -printf '/%P\n')
[[ -z $shells ]] || die "a shell or a package manager: $shells"
ok "no program but the operator: no shell, no package manager"
open=$(find "$tree" -type f \( -perm /6022 -o -uid "${user%:*}" \) -printf '/%P\n')
[[ -z $open ]] || die "setuid, or writable by others than root: $open"
ok "no file is setuid, setgid or writable by others than root"
missing=$(chroot "$tree" "$(cd "$tree" && find . -name 'ld-linux*.so*' ! -type l | head -n 1 | cut -c 2-)" --list "$program" | grep 'not found' || true)
[[ -z $missing ]] || die "libraries are missing: $missing"
ok "every library that it links is there: $(objdump -p "$tree$program" | awk '$1 == "NEEDED" {printf "%s ", $2}'), glibc $(objdump -T "$tree$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1 | cut -d _ -f 2) at least"
roots=$(grep -c 'BEGIN CERTIFICATE' "$tree/etc/ssl/certs/ca-certificates.crt" || true)
[[ $roots -gt 0 ]] || die "there are no CA certificates in /etc/ssl/certs/ca-certificates.crt"
ok "$roots CA certificates"
if objcopy --dump-section .dep-v0=/dev/stdout "$tree$program" /dev/null 2>/dev/null | python3 -c '
import json, sys, zlib
crates = [p for p in json.loads(zlib.decompress(sys.stdin.buffer.read()))["packages"] if p.get("kind") != "build"]
print(f"ok    it lists the {len(crates)} crates it is made of, such as rustls", next(p["version"] for p in crates if p["name"] == "rustls"))
' 2>/dev/null; then :; else
  echo "--    no list of crates in it: it wasn't built by cargo auditable"
fi

echo "in a container: read-only root, uid ${user%:*}, no capabilities"
rm -rf "$proof"
mkdir -p "$proof/secrets"
# Names that AWS has for its FIPS endpoints, and one that nobody has.
fips=(cloudhsmv2-fips.us-east-1.api.aws sts-fips.us-east-1.amazonaws.com)
printf '%s\n' '127.0.0.1 localhost' '127.0.0.1 cloudhsmv2.aws.test' "127.0.0.2 ${fips[*]}" >"$proof/hosts"
install -d "$tree$run/secrets"
touch "$tree/etc/hosts"
given=()
[[ $(contained -- "$program" --version) == "cloudhsm-backup-operator $version" ]] || die "--version isn't $version"
ok "--version says $version, as does the label"
contained -- "$program" crd | cmp - "$root/crds/cloudhsmbackups.yaml" || die "crd prints another CRD than crds/cloudhsmbackups.yaml"
ok "crd prints crds/cloudhsmbackups.yaml"

echo "against a real control plane, and the emulator as AWS behind TLS"
stack_world "$proof/stack"
contained -- "$program" crd | kubectl apply -f - >/dev/null
kubectl wait --for=condition=Established --timeout=60s crd/cloudhsmbackups.cloudhsm.dev >/dev/null
kubectl create namespace hsm >/dev/null
kubectl create namespace cloudhsm-backup-operator >/dev/null
# The chart's rights.
"$target/tools/bin/helm" template "$release" "$root/charts/cloudhsm-backup-operator" --namespace "$release" \
  --show-only templates/serviceaccount.yaml --show-only templates/rbac.yaml | kubectl apply -f - >/dev/null
control PUT backups "$(<"$root/hack/backups.json")"
kubectl apply -f "$root/hack/objects.yaml" >/dev/null

# The service account, as kubelet mounts it.
account=$proof/secrets/kubernetes.io/serviceaccount
mkdir -p "$account"
kubectl -n cloudhsm-backup-operator create token cloudhsm-backup-operator >"$account/token"
kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >"$account/ca.crt"
[[ -s $account/ca.crt ]] || cp "$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority}')" "$account/ca.crt"
printf cloudhsm-backup-operator >"$account/namespace"
api=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}')
api=${api#https://}

# A CA, and AWS's certificate by it.
cd "$proof"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=a CA of the company" -keyout ca.key -out ca.pem 2>openssl.log
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=aws -keyout aws.key -out aws.csr 2>>openssl.log
printf 'subjectAltName=DNS:cloudhsmv2.aws.test,DNS:%s,DNS:%s\nbasicConstraints=critical,CA:FALSE\n' "${fips[@]}" >aws.ext
openssl x509 -req -in aws.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile aws.ext -out aws.pem 2>>openssl.log
cd "$root"
speak_tls tls 127.0.0.1:0
tls=$(<"$proof/tls.out")

port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
given=(
  "KUBERNETES_SERVICE_HOST=${api%:*}" "KUBERNETES_SERVICE_PORT=${api##*:}"
  "AWS_ENDPOINT_URL=https://cloudhsmv2.aws.test:$tls" "AWS_REGION=$AWS_REGION" AWS_EC2_METADATA_DISABLED=true
  "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY"
  "CLOUDHSM_BACKUP_OPERATOR_LISTEN=127.0.0.1:$port" CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL=2s
)
bundle=/etc/ssl/certs/ca-certificates.crt

if objdump -h "$tree$program" | grep -q '\.debug_line'; then
  echo "--    not shown: without CA certificates a debug build stops at an assertion of the AWS SDK"
else
  : >"$proof/none.pem"
  start_operator without-roots "$proof/none.pem:$bundle"
  answers payments-2026-11-01
  becomes payments-2026-11-01 "AwsUnavailable: *no secure connection: the endpoint's certificate or its TLS isn't accepted*"
  grep -q 'no native root CA certificates found' "$log" || die "the log doesn't say that there are no CA certificates"
  stop_operator
  ok "without CA certificates it is ready, and says why it can't reach AWS; its log, and the object:"
  grep -m 1 'no native root' "$log" | told
  ready_says payments-2026-11-01 | told
fi

start_operator the-images-roots
answers payments-2026-11-01
becomes payments-2026-11-01 "AwsUnavailable: *no secure connection: the endpoint's certificate or its TLS isn't accepted*"
! grep -q 'no native root' "$log" || die "the image's CA certificates aren't read"
stop_operator
ok "with those of the image it reads them, and doesn't trust a CA that isn't among them"

cat "$tree$bundle" "$proof/ca.pem" >"$proof/both.pem"
start_operator works "$proof/both.pem:$bundle"
uid=$(awk '$1 == "Uid:" {print $2, $3, $4, $5}' "/proc/$operator/status")
capabilities=$(awk '/^Cap(Inh|Prm|Eff|Amb):/ {print $2}' "/proc/$operator/status" | sort -u)
[[ $uid == "65532 65532 65532 65532" && $capabilities =~ ^0+$ ]] || die "it runs as $uid with capabilities $capabilities"
if touch "/proc/$operator/root/probe" 2>"$proof/touch.log" || ! grep -q 'Read-only file system' "$proof/touch.log"; then
  die "its root can be written to"
fi
ok "/readyz answers 200 to process 1 of uid 65532 without capabilities; its root is read-only even for root"
kubectl -n hsm wait --for=condition=Ready --timeout=60s chb --all >/dev/null
ok "its service account's token, its CA, a name from /etc/hosts and the bundle at $bundle serve it:"
ready_says payments-2026-11-01 | told
kubectl -n hsm patch chb payments-2026-10-31 --type merge -p '{"spec":{"desiredState":"Deleted"}}' >/dev/null
becomes payments-2026-10-31 'PendingDeletion: *'
ok "a change of desiredState reaches AWS: $(ready_says payments-2026-10-31 | cut -c 1-120)"
memory=$(awk '$1 == "VmHWM:" {print $2}' "/proc/$operator/status")
stop_operator
ok "SIGTERM ends it with 0, within $((stopped_in + 1)) s; it took $((memory / 1024)) MiB of memory at most"

# Its CAs in the place of all others, as a ConfigMap and a variable would; and a uid of the cluster's own choice.
cp "$proof/ca.pem" "$proof/secrets/ca.pem"
given+=(SSL_CERT_FILE=/var/run/secrets/ca.pem)
user=1000690000:0
start_operator own-bundle
kubectl -n hsm patch chb payments-2026-10-31 --type merge -p '{"spec":{"desiredState":"Present"}}' >/dev/null
becomes payments-2026-10-31 'Available: *'
stop_operator
ok "SSL_CERT_FILE with a bundle of one's own works, and so does uid ${user%:*}, as OpenShift chooses one"

# The port of https, on an address of the loopback that nobody else uses.
speak_tls aws-fips 127.0.0.2:443
given=("${given[@]/#AWS_ENDPOINT_URL=*/AWS_USE_FIPS_ENDPOINT=true}")
# Without a backup there is no ARN that tells the account, so STS is asked.
for id in $(kubectl -n hsm get chb -o jsonpath='{.items[*].spec.backupId}'); do
  control DELETE "backups/$id" ''
done
start_operator fips-endpoints
answers payments-2026-11-01
becomes payments-2026-11-01 'BackupNotFound: *account 111122223333*'
stop_operator
asked=$(sed -n 's/^name: //p' "$proof/aws-fips.log" | sort -u | xargs)
[[ $asked == "${fips[*]}" ]] || die "with AWS_USE_FIPS_ENDPOINT it asked $asked"
ok "with AWS_USE_FIPS_ENDPOINT=true it asks ${fips[0]} (dual-stack) and ${fips[1]} (not), and no other"
