"""Every policy against AWS's tables of actions, resources and condition keys, as parliament has them."""

import json
import unittest

import parliament

from documents import IAM, VALUES, document, text


def findings(policy):
    analyzed = parliament.analyze_policy_string(json.dumps(policy))
    return [str(finding) for finding in analyzed.findings]


def as_identity_policy(policy, resource):
    """parliament knows what a role's permissions may say: they have no principal, and always a resource."""
    policy = json.loads(json.dumps(policy))
    for statement in policy["Statement"]:
        del statement["Principal"]
        statement["Resource"] = resource
        # The issuer's keys are those of this one provider.
        for keys in statement.get("Condition", {}).values():
            for key in [key for key in keys if key.startswith(VALUES["OIDC_PROVIDER"] + ":")]:
                del keys[key]
    return policy


class Policies(unittest.TestCase):
    def test_all_documents_are_json_and_use_known_placeholders(self):
        names = sorted(str(path.relative_to(IAM)) for path in IAM.rglob("*.json") if ".terraform" not in path.parts)
        self.assertGreaterEqual(len(names), 11)
        for name in names:
            with self.subTest(name):
                document(name)

    def test_aws_knows_all_that_the_permissions_name(self):
        for name in sorted((IAM / "policies").glob("*.json")):
            with self.subTest(name.name):
                self.assertEqual(findings(document(name)), [])

    def test_aws_knows_all_that_the_guard_rails_name(self):
        self.assertEqual(findings(document("guardrails/scp.json")), [])
        endpoint = findings(as_identity_policy(document("guardrails/vpc-endpoint-policy.json"), "*"))
        self.assertEqual([finding for finding in endpoint if not finding.startswith("RESOURCE_STAR")], [])

    def test_aws_knows_all_that_the_trust_policies_name(self):
        for name in sorted((IAM / "trust").glob("*.json")):
            with self.subTest(name.name):
                self.assertEqual(findings(as_identity_policy(document(name), VALUES["TARGET_ROLE_ARN"])), [])

    def test_the_service_control_policy_fits(self):
        compact = json.dumps(document("guardrails/scp.json"), separators=(",", ":"))
        self.assertLessEqual(len(compact), 5120, "AWS Organizations takes 5,120 characters")

    def test_the_plain_policies_can_be_used_as_they_are(self):
        for mode in ("full", "restore-only", "observe"):
            self.assertEqual(text(f"policies/{mode}.json"), (IAM / f"policies/{mode}.json").read_text())

    def test_what_aws_does_not_know_is_found(self):
        def policy(**changes):
            statement = {"Effect": "Allow", "Action": "cloudhsm:DeleteBackup", "Resource": "arn:aws:cloudhsm:*:*:backup/*"}
            return {"Version": "2012-10-17", "Statement": [statement | changes]}

        self.assertEqual(findings(policy()), [])
        bad = {
            "UNKNOWN_ACTION": policy(Action="cloudhsm:DeleteBackups"),
            "UNKNOWN_PREFIX": policy(Action="cloudhsmv2:DeleteBackup"),
            "RESOURCE_MISMATCH": policy(Action="cloudhsm:DescribeBackups"),
            "INVALID_ARN": policy(Resource="backup/*"),
            "UNKNOWN_CONDITION_FOR_ACTION": policy(Condition={"StringEquals": {"cloudhsm:Team": "payments"}}),
        }
        for issue, broken in bad.items():
            with self.subTest(issue):
                self.assertIn(issue, " ".join(findings(broken)))


if __name__ == "__main__":
    unittest.main()
