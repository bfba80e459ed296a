#!/usr/bin/env bash
# Starts control plane, emulator and operator and leaves them running.
set -euo pipefail
# shellcheck source=hack/stack.sh
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

state=$target/up
if [[ -f $state/operator.pid ]] && kill -0 "$(<"$state/operator.pid")" 2>/dev/null; then
  die "it is up already; end it with: make down"
fi
stack_stop "$state"
trap 'stack_stop "$state"' ERR
stack_start "$state" --set resyncInterval=10s
control PUT backups "$(<"$root/hack/backups.json")"
"$assets/kubectl" create namespace hsm >/dev/null
"$assets/kubectl" apply -f "$root/hack/objects.yaml" >/dev/null
"$assets/kubectl" -n hsm wait --for=condition=Ready --timeout=60s chb --all >/dev/null

cat <<EOF

It is up. In your shell:

  export KUBECONFIG=$KUBECONFIG
  export PATH=$assets:$target/tools/bin:\$PATH
  kubectl -n hsm get chb -o wide
  kubectl -n hsm patch chb payments-2026-11-01 --type merge -p '{"spec":{"desiredState":"Deleted"}}'

The chart is installed as release $release in the namespace of that name. Its pod stays Pending, for there is no node:
the operator runs beside it, as the Deployment and the ServiceAccount say. It looks for drift every 10 s here, every 5 minutes by default.

What AWS gets to see:        tail -f $state/aws.log
What the operator does:      tail -f $state/operator.log
AWS for the AWS CLI:         export AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \\
                               AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=not-a-secret
End it:                      make down
EOF
