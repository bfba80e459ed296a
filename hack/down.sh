#!/usr/bin/env bash
# Ends what up.sh started.
set -euo pipefail
# shellcheck source=hack/stack.sh
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"
stack_stop "$target/up"
echo "it is down"
