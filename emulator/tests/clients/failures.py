"""What boto3 makes of faults, throttling and broken answers."""

import botocore.exceptions
from botocore.parsers import ResponseParserError

from emulator import A, PROTOCOL, call, cloudhsm, control, fails


def state():
    return control("GET", "backups")[0]["BackupState"]


def raises(kinds, run):
    try:
        answer = run()
    except kinds:
        return
    raise AssertionError(f"no error, but {answer}")


control("PUT", "backups", [{"BackupId": A}])
once, thrice = cloudhsm(), cloudhsm(attempts=3)

# A retry gets over one failure of the service, and over a dropped connection.
control("POST", "faults", [{"op": "ListTags"}, {"op": "ListTags", "effect": "drop"}])
assert call(thrice, "list_tags", ResourceId=A) == {"TagList": []}
told = [(entry["status"], entry["code"]) for entry in control("GET", "requests")["requests"]]
assert told == [(500, "CloudHsmInternalFailureException"), (None, None), (200, None)], told

control("POST", "faults", [{"code": "CloudHsmServiceException", "message": "later"}])
assert fails("CloudHsmServiceException", 400, lambda: once.list_tags(ResourceId=A)) == "later"
control("POST", "faults", [{"code": "AccessDeniedException", "status": 403}])
fails("AccessDeniedException", 403, lambda: once.list_tags(ResourceId=A))

lost = (botocore.exceptions.ConnectionClosedError, botocore.exceptions.EndpointConnectionError)
control("POST", "faults", [{"effect": "drop"}])
raises(lost, lambda: once.delete_backup(BackupId=A))
assert state() == "READY"
control("POST", "faults", [{"effect": "applied_drop"}])
raises(lost, lambda: once.delete_backup(BackupId=A))
assert state() == "PENDING_DELETION"

control("POST", "faults", [{"effect": "malformed"}, {"effect": "applied_malformed"}])
for expected in ("PENDING_DELETION", "READY"):
    if PROTOCOL == "cbor":
        raises((ResponseParserError, ValueError), lambda: once.restore_backup(BackupId=A))
    else:
        # botocore takes a body that is no JSON for a message.
        assert "Backup" not in once.restore_backup(BackupId=A)
    assert state() == expected

control("PUT", "behaviour", {"throttle": {"burst": 1, "per_second": 0}})
call(once, "describe_backups")
fails("ThrottlingException", 400, lambda: once.describe_backups())
