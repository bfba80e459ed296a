"""The documents of deploy/iam, and what fills their placeholders in the tests."""

import json
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
IAM = ROOT / "deploy" / "iam"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
TOOLS = TARGET / "tools" / "bin"

VALUES = {
    "AWS_ACCOUNT_ID": "111122223333",
    "AWS_PARTITION": "aws",
    "AWS_REGION": "eu-central-1",
    "CLUSTER_ACCOUNT_ID": "444455556666",
    "CLUSTER_ARN": "arn:aws:eks:eu-central-1:111122223333:cluster/production",
    "CLUSTER_ROLE_ARN": "arn:aws:iam::444455556666:role/cloudhsm-backup-operator",
    "EXTERNAL_ID": "7c1f",
    "NAMESPACE": "cloudhsm-backup-operator",
    "OIDC_PROVIDER": "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
    "SERVICE_ACCOUNT": "cloudhsm-backup-operator",
    "TAG_KEY": "team",
    "TAG_VALUE": "payments",
    "TARGET_ROLE_ARN": "arn:aws:iam::444455556666:role/cloudhsm-backup-operator",
}


def text(name):
    """A document with its placeholders filled. One without a value is an error, as with Terraform's templatefile."""
    return re.sub(r"\$\{(\w+)\}", lambda found: VALUES[found[1]], (IAM / name).read_text())


def document(name):
    return json.loads(text(name))


def canonical(policy):
    """The same for all spellings of one policy: lists of one as the one, lists sorted."""
    if isinstance(policy, dict):
        return {key: canonical(value) for key, value in policy.items()}
    if isinstance(policy, list):
        members = [canonical(member) for member in policy]
        return members[0] if len(members) == 1 else sorted(members, key=lambda member: json.dumps(member, sort_keys=True))
    return policy
