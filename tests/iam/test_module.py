"""The Terraform module: its form, its rules, its own tests, and its README."""

import pathlib
import re
import shutil
import tempfile
import unittest

from documents import IAM, TARGET
from tofu import MODULE, PROVIDER, tofu, with_stand_in

TERRAFORM = IAM / "terraform"
FOLDERS = sorted({path.parent for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts})


def blocks(file, kind):
    """Name and description of a file's variables or outputs."""
    found = re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', (TERRAFORM / file).read_text(), re.MULTILINE | re.DOTALL)
    return [(name, body) for name, body in found]


def attribute(body, name):
    found = re.search(rf"^  {name} += (.+)$", body, re.MULTILINE)
    return found and found[1]


class Module(unittest.TestCase):
    maxDiff = None

    def test_it_is_formatted(self):
        tofu("fmt", "-check", "-diff", "-recursive", cwd=TERRAFORM)

    def test_everything_declared_is_used(self):
        self.assertEqual(len(FOLDERS), 5, FOLDERS)
        for folder in FOLDERS:
            text = "".join(path.read_text() for path in folder.glob("*.tf"))
            for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE):
                self.assertRegex(text, rf"\bvar\.{name}\b", folder)
            for block in re.findall(r"^locals \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
                for name in re.findall(r"^  (\w+) +=", block, re.MULTILINE):
                    self.assertRegex(text, rf"\blocal\.{name}\b", folder)

    def test_the_documents_tests_pass_without_a_provider(self):
        tofu("init", "-input=false")
        tofu("validate", "-no-color")
        self.assertRegex(tofu("test", "-no-color"), r"Success! \d\d passed, 0 failed\.")

    def test_the_module_and_its_examples_fit_the_providers_schema(self):
        with tempfile.TemporaryDirectory(dir=TARGET) as place:
            place = pathlib.Path(place)
            environment = with_stand_in(place)
            # A copy: what OpenTofu writes beside the code stays out of the tree.
            copy = pathlib.Path(shutil.copytree(IAM, place / "iam", ignore=shutil.ignore_patterns(".terraform*")))
            self.assertIn(PROVIDER.rsplit("/", 1)[1].removesuffix(".0"), (TERRAFORM / "versions.tf").read_text())
            tested = 0
            for folder in FOLDERS:
                if folder == MODULE:
                    continue
                cwd = copy / folder.relative_to(IAM)
                with self.subTest(str(cwd.relative_to(copy))):
                    tofu("init", "-input=false", cwd=cwd, env=environment)
                    tofu("validate", "-no-color", cwd=cwd, env=environment)
                    if (cwd / "tests").exists():
                        self.assertRegex(tofu("test", "-no-color", cwd=cwd, env=environment), r"Success! \d passed, 0 failed\.")
                        tested += 1
            self.assertEqual(tested, 2)

    def test_the_readme_lists_its_inputs_and_outputs(self):
        readme = (TERRAFORM / "README.md").read_text()
        for name, body in blocks("variables.tf", "variable"):
            default = attribute(body, "default")
            default = "required" if default is None else f"`{default}`"
            description = attribute(body, "description").strip('"').replace('\\"', '"')
            row = f"| `{name}` | `{attribute(body, 'type')}` | {default} | {description} |"
            self.assertIn(row, readme)
        for name, body in blocks("outputs.tf", "output"):
            self.assertIn(f"| `{name}` | {attribute(body, 'description').strip(chr(34))} |", readme)

    def test_the_module_hands_everything_on(self):
        own = {name: body for name, body in blocks("documents/variables.tf", "variable")}
        outer = {name: body for name, body in blocks("variables.tf", "variable")}
        main = (TERRAFORM / "main.tf").read_text()
        for name, body in own.items():
            self.assertRegex(main, rf"\n  {name} += var\.{name}\n")
            self.assertEqual((attribute(body, "type"), attribute(body, "default")), (attribute(outer[name], "type"), attribute(outer[name], "default")), name)


if __name__ == "__main__":
    unittest.main()
