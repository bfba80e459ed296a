#!/usr/bin/env bash
# Tells what the operator is for, with real kubectl commands and their real output, then cleans up.
set -euo pipefail
# shellcheck source=hack/stack.sh
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

state=$target/demo
PATH=$assets:$PATH
seen=0

bold= cyan= plain=
[[ ! -t 1 ]] || bold=$'\033[1m' cyan=$'\033[36m' plain=$'\033[0m'

say() {
  printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

# run COMMAND...: shows the command, and what it prints.
run() {
  printf '%s$ %s%s\n' "$cyan" "$(words "$@")" "$plain"
  "$@"
}

# words ARGUMENT...: the arguments as one would type them.
words() {
  local word line=
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./:=,-]+$ ]] || word="'$word'"
    line+="$word "
  done
  printf '%s' "${line% }"
}

# aws_saw: the writes that AWS has received since the last time.
aws_saw() {
  local lines
  lines=$(tail -n +$((seen + 1)) "$state/aws.log" | grep -E 'DeleteBackup|RestoreBackup|ModifyBackup' || true)
  seen=$(wc -l <"$state/aws.log")
  [[ -z $lines ]] || sed 's/^/  AWS received: /' <<<"$lines"
}

# becomes NAME REASON: waits until the operator says so about the object as it is now.
becomes() {
  local found
  for _ in {1..300}; do
    found=$(kubectl -n hsm get chb "$1" -o jsonpath='{.metadata.generation} {.status.observedGeneration} {.status.conditions[?(@.type=="Ready")].reason}')
    [[ $found =~ ^([0-9]+)\ ([0-9]+)\ (.*)$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" && ${BASH_REMATCH[3]} == "$2" ]] && return
    sleep 0.2
  done
  kubectl -n hsm get chb "$1" -o yaml >&2
  tail -n 20 "$state/operator.log" >&2
  die "$1 didn't become $2 within a minute: $found"
}

declare_state() {
  run kubectl -n hsm patch chb "$1" --type merge -p "{\"spec\":{\"desiredState\":\"$2\"}}"
}

trap 'status=$?; stack_stop "$state"; exit $status' EXIT
trap 'exit 130' INT TERM
stack_start "$state" --set resyncInterval=2s

say "AWS has two backups of a cluster. Git declares that both shall exist."
control PUT backups "$(<"$root/hack/backups.json")"
run kubectl create namespace hsm
sed 's/^/  | /' "$root/hack/objects.yaml"
run kubectl apply -f hack/objects.yaml
run kubectl -n hsm wait --for=condition=Ready --timeout=60s chb --all
run kubectl -n hsm get chb -o wide

say "A key has expired and is deleted in the HSMs. So the backup that still holds it must go: one line changes."
declare_state payments-2026-11-01 Deleted
becomes payments-2026-11-01 PendingDeletion
aws_saw
run kubectl -n hsm get chb payments-2026-11-01 -o wide

say "Somebody still needs it. The change is reverted within 7 days, and AWS restores the backup."
declare_state payments-2026-11-01 Present
becomes payments-2026-11-01 Available
aws_saw
run kubectl -n hsm get chb payments-2026-11-01 -o wide

say "Somebody deletes it in AWS, past Git. The operator notices at its next look and puts it right."
aws_call DeleteBackup '{"BackupId": "backup-ro5c4er4aac"}'
for _ in {1..300}; do
  kubectl -n hsm get events -o jsonpath='{.items[*].reason}' | grep -q DriftDetected && break
  sleep 0.2
done
becomes payments-2026-11-01 Available
aws_saw
run kubectl -n hsm get chb payments-2026-11-01 -o wide

say "The older backup is deleted for good: its 7 days pass (here the emulator's clock is set forward), and nothing brings it back."
declare_state payments-2026-10-31 Deleted
becomes payments-2026-10-31 PendingDeletion
control POST clock '{"advance_seconds": 604801}'
becomes payments-2026-10-31 Deleted
declare_state payments-2026-10-31 Present
becomes payments-2026-10-31 RestoreWindowClosed
aws_saw
run kubectl -n hsm get chb payments-2026-10-31
run kubectl -n hsm get chb payments-2026-10-31 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}'

say "Who did what, with AWS's request ids for the audit:"
run kubectl -n hsm get events --sort-by=.metadata.creationTimestamp -o 'custom-columns=TYPE:.type,REASON:.reason,OBJECT:.involvedObject.name,NOTE:.message'

say "Removing the objects changes nothing in AWS."
run kubectl -n hsm delete chb --all
aws_saw
say "That's all. The manifest of a backup is the record; make up leaves all this running for you to explore."
