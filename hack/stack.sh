# The whole thing on one machine: a real control plane, the emulator as AWS, and the operator. Sourced by up, down and demo.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target
bin=$target/control-plane/bin
assets=${KUBEBUILDER_ASSETS:-$bin}

# An account of the emulator: it reads the account from the access key and checks no signature.
export AWS_ACCESS_KEY_ID=AKIA111122223333DEMO AWS_SECRET_ACCESS_KEY=not-a-secret AWS_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL_CLOUDHSM_V2 AWS_ENDPOINT_URL_STS

die() {
  echo "error: $*" >&2
  exit 1
}

# first_line FILE PID LOG: waits for the first line that a program writes once it serves.
first_line() {
  local file=$1 pid=$2 log=$3
  for _ in {1..600}; do
    if [[ -s $file ]] && IFS= read -r line <"$file"; then
      echo "$line"
      return
    fi
    kill -0 "$pid" 2>/dev/null || die "it ended at once: $(tail -n 3 "$log")"
    sleep 0.1
  done
  die "no answer within a minute: $(tail -n 3 "$log")"
}

# stack_world DIR: starts what the operator lives in, with state and logs in DIR. Sets KUBECONFIG and AWS_ENDPOINT_URL.
stack_world() {
  dir=$1
  rm -rf "$dir"
  mkdir -p "$dir"

  echo "starting etcd, kube-apiserver and kube-controller-manager ..."
  setsid "$bin/control-plane" run --assets "$assets" --dir "$dir/control-plane" --detach-stdin \
    >"$dir/control-plane.out" 2>"$dir/control-plane.log" </dev/null &
  echo $! >"$dir/control-plane.pid"
  first_line "$dir/control-plane.out" $! "$dir/control-plane.log" >/dev/null
  export KUBECONFIG=$dir/control-plane/kubeconfig

  echo "starting the emulator of AWS CloudHSM ..."
  setsid "$target/debug/cloudhsm-emulator" --listen 127.0.0.1:0 --log text \
    >"$dir/emulator.out" 2>"$dir/aws.log" </dev/null &
  echo $! >"$dir/emulator.pid"
  aws_address=$(first_line "$dir/emulator.out" $! "$dir/aws.log")
  export AWS_ENDPOINT_URL=http://$aws_address
}

# stack_start DIR [OPERATOR-FLAG...]: starts all three.
stack_start() {
  stack_world "$1"
  shift

  echo "starting the operator ..."
  "$target/debug/cloudhsm-backup-operator" crd | "$assets/kubectl" apply -f - >/dev/null
  "$assets/kubectl" wait --for=condition=Established --timeout=60s \
    crd/cloudhsmbackups.cloudhsm.dev >/dev/null
  setsid "$target/debug/cloudhsm-backup-operator" run --listen 127.0.0.1:0 --log-format text "$@" \
    >"$dir/operator.log" 2>&1 </dev/null &
  echo $! >"$dir/operator.pid"
}

# stack_stop DIR: ends all three, the operator first, and waits until they are gone.
stack_stop() {
  local dir=$1 name pid
  for name in operator emulator control-plane; do
    [[ -f $dir/$name.pid ]] || continue
    pid=$(<"$dir/$name.pid")
    kill "$pid" 2>/dev/null || true
    for _ in {1..300}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    rm -f "$dir/$name.pid"
  done
}

# post PATH HEADER BODY [METHOD]: one HTTP request to the emulator, for machines without curl. Prints the body of the answer.
post() {
  local path=$1 header=$2 body=$3 method=${4:-POST} answer
  exec 9<>"/dev/tcp/${aws_address%:*}/${aws_address##*:}"
  printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\nContent-Length: %d\r\n\r\n%s' \
    "$method" "$path" "$aws_address" "$header" "${#body}" "$body" >&9
  answer=$(tr -d '\r' <&9)
  exec 9>&-
  [[ $answer == "HTTP/1.1 200"* ]] || die "$method $path: $answer"
  printf '%s\n' "${answer##*$'\n\n'}"
}

# control METHOD PATH BODY: the emulator's control API.
control() {
  post "/_control/$2" "Content-Type: application/json" "$3" "$1" >/dev/null
}

# aws_call OPERATION BODY: what any AWS client sends.
aws_call() {
  post / $'Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: BaldrApiService.'"$1"$'\r\nAuthorization: AWS4-HMAC-SHA256 Credential='"$AWS_ACCESS_KEY_ID/20260101/$AWS_REGION/cloudhsm/aws4_request" "$2" >/dev/null
}
