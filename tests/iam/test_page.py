"""The commands of docs/operations/iam.md: those of AWS's CLI are checked by AWS's CLI, without calling anyone."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from documents import ROOT, TARGET, VALUES, document
from template import Refused, Stack

PAGE = ROOT / "docs" / "operations" / "iam.md"

# Lets the CLI check the call by its own models and get as far as sending it to where nobody listens; then answers what the page goes on with.
AWS = """#!/usr/bin/env bash
set -eu
echo "$*" >> "$CALLS"
told=$("$CLI" "$@" --endpoint-url http://127.0.0.1:1 2>&1) && exit 1
[[ $told == *"Could not connect"* ]] || { echo "aws $*: $told" >&2; exit 1; }
case "$*" in
  *Account*) echo 111122223333 ;;
  *issuer*) echo https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE ;;
  *cluster.arn*) echo arn:aws:eks:eu-central-1:111122223333:cluster/production ;;
esac
"""
ENVSUBST = """#!/usr/bin/env python3
import os, re, sys
sys.stdout.write(re.sub(r"\\$\\{(\\w+)\\}", lambda found: os.environ[found[1]], sys.stdin.read()))
"""
# Checked elsewhere, or it needs what isn't here.
OTHERS = """#!/bin/sh
exit 0
"""


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def commands():
    """Of a block that shows output too, the lines behind a prompt."""
    for block in blocks("console"):
        prompted = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
        yield "\n".join(prompted) if prompted else block


class Page(unittest.TestCase):
    def run_commands(self, text):
        with tempfile.TemporaryDirectory(dir=TARGET) as place:
            place = pathlib.Path(place)
            programs = {"aws": AWS, "envsubst": ENVSUBST, "kubectl": OTHERS, "terraform": OTHERS}
            (place / "bin").mkdir()
            for name, script in programs.items():
                (place / "bin" / name).write_text(script)
                (place / "bin" / name).chmod(0o755)
            (place / "deploy").symlink_to(ROOT / "deploy")
            environment = {
                "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
                "HOME": str(place),
                "CLI": str(TARGET / "venv" / "bin" / "aws"),
                "CALLS": str(place / "calls"),
                "AWS_ACCESS_KEY_ID": "AKIA111122223333TEST",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_MAX_ATTEMPTS": "1",
                "AWS_PAGER": "",
                "NO_PROXY": "127.0.0.1",
            }
            done = subprocess.run(["bash", "-eu", "-c", text], cwd=place, env=environment, capture_output=True, text=True)
            calls = (place / "calls").read_text().splitlines() if (place / "calls").exists() else []
            filled = {path.name: json.loads(path.read_text()) for path in place.glob("*.json")}
            return done, calls, filled

    def test_the_aws_cli_takes_them(self):
        done, calls, filled = self.run_commands("\n".join(commands()))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(len(calls), 20)
        self.assertEqual(filled["permissions.json"], document("policies/full-restricted.json"))
        self.assertEqual(filled["pattern.json"], document("guardrails/event-pattern.json"))

    def test_a_wrong_one_is_found(self):
        for wrong in ("aws iam create-role --role-nam x", "aws cloudhsmv2 delete-backups", "aws events put-rule --name x --event-pattern file://missing"):
            done, _, _ = self.run_commands(wrong)
            self.assertNotEqual(done.returncode, 0, wrong)

    def test_the_template_takes_the_parameters(self):
        (call,) = re.findall(r"--parameter-overrides (.*?)\naws", "\n".join(commands()), re.DOTALL)
        pairs = dict(pair.strip('"').split("=") for pair in call.replace("\\\n", "").split())
        pairs["ClusterArn"] = VALUES["CLUSTER_ARN"]
        Stack(pairs)
        with self.assertRaises(Refused):
            Stack(pairs | {"ClusterArn": ""})

    def test_what_it_names_is_there(self):
        page = PAGE.read_text()
        for path in re.findall(r"blob/main/([\w./-]+)\)", page) + re.findall(r"\b(deploy/iam/[\w./-]+)", page):
            self.assertTrue((ROOT / path.rstrip(".")).exists(), path)


if __name__ == "__main__":
    unittest.main()
