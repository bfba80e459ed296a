"""OpenTofu."""

import os
import subprocess
import sys

from documents import IAM, TARGET, TOOLS

MODULE = IAM / "terraform" / "documents"
# What it writes belongs into target/, and nothing of the machine's own set-up gets in.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": str(TARGET),
    "TF_DATA_DIR": str(TARGET / "tofu"),
    "TF_CLI_CONFIG_FILE": os.devnull,
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
}
PROVIDER = "registry.opentofu.org/hashicorp/aws/6.2.0"


def with_stand_in(place):
    """The environment in which the stand-in is the AWS provider, of the oldest version that the module takes."""
    machine = os.uname().machine
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    folder = place / "mirror" / PROVIDER / f"{sys.platform}_{architecture}"
    folder.mkdir(parents=True)
    (folder / "terraform-provider-aws").symlink_to(TOOLS / "terraform-provider-aws")
    config = place / "tofurc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{place / "mirror"}"\n  }}\n}}\n')
    environment = ENVIRONMENT | {"TF_CLI_CONFIG_FILE": str(config)}
    del environment["TF_DATA_DIR"]
    return environment


def tofu(*arguments, cwd=MODULE, input=None, env=ENVIRONMENT):
    path = TOOLS / "tofu"
    assert path.exists(), f"{path} is missing: run `make iam`"
    done = subprocess.run([path, *arguments], cwd=cwd, env=env, input=input, capture_output=True, text=True)
    assert done.returncode == 0, f"tofu {' '.join(arguments)} in {cwd}:\n{done.stdout}{done.stderr}"
    return done.stdout
