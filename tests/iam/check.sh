#!/usr/bin/env bash
# Checks deploy/iam: the policies against AWS's tables, the Terraform module with OpenTofu, the CloudFormation template
# with cfn-lint, all three against each other, and the commands of docs/operations/iam.md against the AWS CLI.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD

tests/tools/build.sh tofu
what="the stand-in for Terraform's AWS provider"
# shellcheck source=../go-build.sh
source tests/go-build.sh
bin=$target/tools/bin
cd tests/iam/provider
need_go
build terraform-provider-aws ./. "$what: half a minute the first time, then seconds" -ldflags "-s -w"
cd "$root"

VENV=$target/venv emulator/tests/clients/venv.sh
VENV=$target/venv-iam REQUIREMENTS=tests/iam/requirements.txt emulator/tests/clients/venv.sh
# parliament warns of the setuptools that it uses.
"$target/venv-iam/bin/python" -B -W ignore -m unittest discover -s tests/iam "$@"
