"""The event pattern tells the operator's calls from those of others."""

import copy
import unittest

from documents import VALUES, document

ROLE = f"arn:aws:iam::{VALUES['AWS_ACCOUNT_ID']}:role/cloudhsm-backup-operator"


def event(name, identity):
    """As CloudTrail hands a call on to EventBridge, as far as the pattern looks."""
    return {
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.cloudhsm",
        "detail": {"eventSource": "cloudhsm.amazonaws.com", "eventName": name, "userIdentity": identity},
    }


def session(role_arn):
    return {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role_arn}}}


USER = {"type": "IAMUser", "arn": f"arn:aws:iam::{VALUES['AWS_ACCOUNT_ID']}:user/alice"}


def matches(pattern, value):
    """EventBridge's rules, as far as the pattern uses them: all keys, any alternative."""
    if isinstance(pattern, dict):
        return all(matches(wanted, value.get(key) if isinstance(value, dict) else None) for key, wanted in pattern.items())
    return any(alternative(wanted, value) for wanted in pattern)


def alternative(wanted, value):
    if not isinstance(wanted, dict):
        return value == wanted
    (name, argument), = wanted.items()
    match name:
        case "exists":
            return (value is not None) == argument
        case "anything-but":
            # What isn't there matches nothing but exists: false.
            return value is not None and value not in argument
    raise NotImplementedError(name)


class Events(unittest.TestCase):
    def setUp(self):
        self.pattern = document("guardrails/event-pattern.json")

    def test_writes_of_others_are_told(self):
        for name in ("DeleteBackup", "RestoreBackup", "ModifyBackupAttributes", "ModifyCluster", "CopyBackupToRegion"):
            self.assertTrue(matches(self.pattern, event(name, session("arn:aws:iam::111122223333:role/administrator"))), name)
            self.assertTrue(matches(self.pattern, event(name, USER)), name)

    def test_the_operators_writes_and_everyones_looks_are_not(self):
        self.assertFalse(matches(self.pattern, event("DeleteBackup", session(ROLE))))
        for identity in (session(ROLE), session("arn:aws:iam::111122223333:role/administrator"), USER):
            self.assertFalse(matches(self.pattern, event("DescribeBackups", identity)))

    def test_without_exists_the_calls_of_users_would_be_missed(self):
        pattern = copy.deepcopy(self.pattern)
        pattern["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"].remove({"exists": False})
        self.assertFalse(matches(pattern, event("DeleteBackup", USER)))


if __name__ == "__main__":
    unittest.main()
