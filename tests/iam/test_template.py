"""The CloudFormation template and the Terraform module say what the JSON files say."""

import itertools
import json
import tempfile
import unittest

import cfnlint

from documents import IAM, VALUES, canonical, document
from template import Refused, Stack
from tofu import tofu

PROVIDER_ARN = f"arn:aws:iam::{VALUES['AWS_ACCOUNT_ID']}:oidc-provider/{VALUES['OIDC_PROVIDER']}"

# The same identities, as the template's parameters and as the module's variables.
IDENTITIES = {
    "irsa": ({"OidcProvider": VALUES["OIDC_PROVIDER"]}, {"oidc_provider_arn": PROVIDER_ARN}),
    "pod-identity": ({"ClusterArn": VALUES["CLUSTER_ARN"]}, {"cluster_arn": VALUES["CLUSTER_ARN"]}),
    "cross-account": (
        {"TrustedRoleArn": VALUES["CLUSTER_ROLE_ARN"], "ExternalId": VALUES["EXTERNAL_ID"]},
        {"trusted_role_arn": VALUES["CLUSTER_ROLE_ARN"], "external_id": VALUES["EXTERNAL_ID"], "account_id": VALUES["AWS_ACCOUNT_ID"]},
    ),
}
RESTRICTIONS = [
    ({}, {}),
    ({"Regions": "eu-central-1"}, {"regions": ["eu-central-1"]}),
    ({"Regions": "eu-central-1,eu-west-1"}, {"regions": ["eu-central-1", "eu-west-1"]}),
    ({"BackupTagKey": "team", "BackupTagValues": "payments,cards"}, {"backup_tags": {"team": ["payments", "cards"]}}),
    (
        {"Regions": "eu-central-1", "BackupTagKey": "team", "BackupTagValues": "payments"},
        {"regions": ["eu-central-1"], "backup_tags": {"team": ["payments"]}},
    ),
]


def parsed(policy):
    return json.loads(policy) if isinstance(policy, str) else policy


def by_template(mode, identity, **parameters):
    role = Stack({"Mode": mode, "Identity": identity} | parameters).resource("Role")
    (policy,) = role["Policies"]
    return {"permissions": parsed(policy["PolicyDocument"]), "trust": parsed(role["AssumeRolePolicyDocument"])}


def by_module(mode, identity, **variables):
    asked = "jsonencode({ permissions = local.permissions[var.target_role_arn == null ? \"own\" : \"target\"], trust = local.trust })"
    with tempfile.NamedTemporaryFile("w", suffix=".tfvars.json") as file:
        json.dump({"mode": mode, "identity": identity} | variables, file)
        file.flush()
        answer = tofu("console", f"-var-file={file.name}", input=asked)
    said = json.loads(json.loads(answer))
    return {"permissions": json.loads(said["permissions"]), "trust": said["trust"]}


class Template(unittest.TestCase):
    maxDiff = None

    def test_cfn_lint_finds_nothing(self):
        matches = cfnlint.lint_file(IAM / "cloudformation.yaml")
        self.assertEqual([str(match) for match in matches], [])

    def test_cfn_lint_knows_the_resources(self):
        template = (IAM / "cloudformation.yaml").read_text()
        for right, wrong in (("RoleArn: !GetAtt Role.Arn", "RoleARN: !GetAtt Role.Arn"), ("!Condition HasRegions", "!Condition HasRegion")):
            self.assertIn(right, template)
            self.assertNotEqual(cfnlint.lint(template.replace(right, wrong)), [], wrong)

    def test_template_module_and_files_say_the_same(self):
        for mode, (identity, (own_parameters, own_variables)), (parameters, variables) in itertools.product(
            ("full", "restore-only", "observe"), IDENTITIES.items(), RESTRICTIONS
        ):
            # The identity has no part in the permissions, nor the mode and the restrictions in the trust.
            if identity != "irsa" and (mode, variables) != ("full", {}):
                continue
            with self.subTest(mode=mode, identity=identity, **variables):
                stack = by_template(mode, identity, **own_parameters, **parameters)
                module = by_module(mode, identity, **own_variables, **variables)
                self.assertEqual(canonical(stack), canonical(module))
                self.assertEqual(canonical(stack["trust"]), canonical(document(f"trust/{identity}.json")))
                if not variables:
                    file = document(f"policies/{mode}.json")
                    for statement in file["Statement"]:
                        statement["Resource"] = statement["Resource"].replace(":*:*:", f":*:{VALUES['AWS_ACCOUNT_ID']}:")
                    self.assertEqual(canonical(stack["permissions"]), canonical(file))
        stack = by_template("full", "irsa", **IDENTITIES["irsa"][0], **RESTRICTIONS[-1][0])
        self.assertEqual(canonical(stack["permissions"]), canonical(document("policies/full-restricted.json")))

    def test_with_a_target_role_too(self):
        target = VALUES["TARGET_ROLE_ARN"]
        stack = by_template("full", "pod-identity", ClusterArn=VALUES["CLUSTER_ARN"], TargetRoleArn=target)
        module = by_module("full", "pod-identity", cluster_arn=VALUES["CLUSTER_ARN"], target_role_arn=target)
        self.assertEqual(canonical(stack), canonical(module))
        self.assertEqual(canonical(stack["permissions"]), canonical(document("policies/assume-target-role.json")))

    def test_without_an_external_id_none_is_asked_for(self):
        trusted = VALUES["CLUSTER_ROLE_ARN"]
        stack = by_template("full", "cross-account", TrustedRoleArn=trusted)
        module = by_module("full", "cross-account", trusted_role_arn=trusted, account_id=VALUES["AWS_ACCOUNT_ID"])
        self.assertEqual(canonical(stack), canonical(module))
        self.assertNotIn("ExternalId", json.dumps(stack))

    def test_pod_identity_has_its_association(self):
        cluster = {"Identity": "pod-identity", "ClusterArn": VALUES["CLUSTER_ARN"]}
        association = {"ClusterName": "production", "Namespace": "cloudhsm-backup-operator", "ServiceAccount": "cloudhsm-backup-operator", "RoleArn": "Role.Arn"}
        self.assertEqual(Stack(cluster).resource("PodIdentityAssociation"), association)
        target = VALUES["TARGET_ROLE_ARN"]
        with_target = Stack(cluster | {"TargetRoleArn": target}).resource("PodIdentityAssociation")
        self.assertEqual(with_target, association | {"TargetRoleArn": target})
        self.assertIsNone(Stack({"Identity": "irsa", "OidcProvider": "issuer"}).resource("PodIdentityAssociation"))

    def test_other_partitions(self):
        stack = Stack({"Identity": "irsa", "OidcProvider": "issuer"}, partition="aws-us-gov")
        role = json.dumps(stack.resource("Role"))
        self.assertIn("arn:aws-us-gov:cloudhsm:", role)
        self.assertIn("arn:aws-us-gov:iam:", role)
        self.assertNotIn("arn:aws:", role)

    def test_the_permissions_boundary_is_there_when_asked_for(self):
        boundary = "arn:aws:iam::111122223333:policy/boundary"
        irsa = {"Identity": "irsa", "OidcProvider": "issuer"}
        self.assertEqual(Stack(irsa | {"PermissionsBoundary": boundary}).resource("Role")["PermissionsBoundary"], boundary)
        self.assertNotIn("PermissionsBoundary", Stack(irsa).resource("Role"))

    def test_what_does_not_fit_is_refused(self):
        for parameters, reason in (
            ({"Identity": "irsa"}, "needs OidcProvider"),
            ({"Identity": "pod-identity"}, "needs ClusterArn"),
            ({"Identity": "cross-account"}, "needs TrustedRoleArn"),
            ({"Identity": "irsa", "OidcProvider": "issuer", "TargetRoleArn": VALUES["TARGET_ROLE_ARN"]}, "goes with"),
            ({"Identity": "irsa", "OidcProvider": "issuer", "BackupTagKey": "team"}, "needs BackupTagValues"),
            # With the space the second value would match no tag.
            ({"BackupTagKey": "team", "BackupTagValues": "payments, cards"}, "BackupTagValues isn't"),
            ({"Regions": "eu-central-1,eu-west-1\", \"*"}, "Regions isn't"),
            ({"Identity": "irsa", "OidcProvider": "https://issuer"}, "OidcProvider"),
            ({"Identity": "irsa", "OidcProvider": "issuer", "Namespace": "*"}, "Namespace"),
            ({"Identity": "irsa", "OidcProvider": "issuer", "BackupTagKey": 'team"'}, "BackupTagKey"),
        ):
            with self.subTest(reason), self.assertRaisesRegex(Refused, reason):
                Stack(parameters)


if __name__ == "__main__":
    unittest.main()
