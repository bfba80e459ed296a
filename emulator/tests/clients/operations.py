"""Every operation, as boto3 calls it and reads its answer."""

import datetime

from emulator import A, B, C, NOBODY, PROTOCOL, call, cloudhsm, control, fails

INVALID = "CloudHsmInvalidRequestException"
NOT_FOUND = "CloudHsmResourceNotFoundException"
TAGS = [{"Key": "k", "Value": "v"}]

full = {
    "BackupId": A,
    "BackupState": "READY",
    "ClusterId": "cluster-aaaaaaaaaaa",
    "CreateTimestamp": 1534461854.64,
    "CopyTimestamp": 1534461855.001,
    "NeverExpires": True,
    "SourceRegion": "eu-west-1",
    "SourceBackup": NOBODY,
    "SourceCluster": "cluster-bbbbbbbbbbb",
    "TagList": TAGS,
    "HsmType": "hsm1.medium",
    "Mode": "FIPS",
}
control("PUT", "backups", [full, {"BackupId": B, "CreateTimestamp": 1534461854}, {"BackupId": C}])
here, there = cloudhsm(), cloudhsm(region="us-west-2")

# DescribeBackups: every member, times to the millisecond, filters, pages.
backup = call(here, "describe_backups", Filters={"backupIds": [A]})["Backups"][0]
created = datetime.datetime(2018, 8, 16, 23, 24, 14, 640000, tzinfo=datetime.timezone.utc)
assert abs(backup.pop("CreateTimestamp") - created) < datetime.timedelta(milliseconds=0.5)
assert abs(backup.pop("CopyTimestamp") - created) - datetime.timedelta(milliseconds=361) < datetime.timedelta(milliseconds=0.5)
wanted = {name: value for name, value in full.items() if not name.endswith("Timestamp")}
assert backup == {**wanted, "BackupArn": f"arn:aws:cloudhsm:us-east-1:111122223333:backup/{A}"}, backup
pages = list(here.get_paginator("describe_backups").paginate(SortAscending=True, PaginationConfig={"PageSize": 1}))
assert [backup["BackupId"] for page in pages for backup in page["Backups"]] == [C, B, A], pages
found = call(here, "describe_backups", Filters={"neverExpires": ["false"], "states": ["READY"]}, MaxResults=50, Shared=False)
assert [backup["BackupId"] for backup in found["Backups"]] == [B, C]
assert call(here, "describe_backups", Shared=True)["Backups"] == []

# Delete and restore.
deleted = call(here, "delete_backup", BackupId=B)["Backup"]
week = deleted["DeleteTimestamp"] - datetime.datetime.now(datetime.timezone.utc)
assert deleted["BackupState"] == "PENDING_DELETION" and abs(week - datetime.timedelta(days=7)) < datetime.timedelta(minutes=2)
assert B in fails(INVALID, 400, lambda: here.delete_backup(BackupId=B))
restored = call(here, "restore_backup", BackupId=B)["Backup"]
assert restored["BackupState"] == "READY" and "DeleteTimestamp" not in restored
assert NOBODY in fails(NOT_FOUND, 400, lambda: here.restore_backup(BackupId=NOBODY))
assert call(here, "modify_backup_attributes", BackupId=B, NeverExpires=True)["Backup"]["NeverExpires"] is True

# Errors are the model's own exceptions.
try:
    here.delete_backup(BackupId=NOBODY)
    raise AssertionError("an unknown backup was deleted")
except here.exceptions.CloudHsmResourceNotFoundException as error:
    assert NOBODY in error.response["Message"]

# A copy.
destination = call(here, "copy_backup_to_region", BackupId=A, DestinationRegion="us-west-2")["DestinationBackup"]
assert destination["SourceBackup"] == A and destination["SourceRegion"] == "us-east-1"
assert abs(destination["CreateTimestamp"] - created) < datetime.timedelta(milliseconds=0.5)
copy = call(there, "describe_backups", Filters={"sourceBackupIds": [A]})["Backups"][0]
assert copy["TagList"] == TAGS and copy["BackupId"] not in (A, B, C)

# Tags.
assert call(here, "tag_resource", ResourceId=C, TagList=TAGS) == {}
assert call(here, "list_tags", ResourceId=C, MaxResults=100) == {"TagList": TAGS}
assert call(here, "untag_resource", ResourceId=C, TagKeyList=["k"]) == {}
assert call(here, "list_tags", ResourceId=C) == {"TagList": []}
assert call(cloudhsm(account="444455556666"), "describe_backups") == {"Backups": []}

# Input checks and unknown operations. botocore checks lengths and ranges itself, but no patterns.
fails(INVALID, 400, lambda: here.delete_backup(BackupId="backup-short"))
fails(INVALID, 400, lambda: here.describe_backups(Filters={"nope": ["x"]}))
fails("UnknownOperationException", 404 if PROTOCOL == "cbor" else 400, lambda: here.describe_clusters())

log = control("GET", "requests")["requests"]
assert {entry["protocol"] for entry in log} == {PROTOCOL}, log
assert all("Boto3" in entry["user_agent"] for entry in log)
assert log[0]["input"] == {"Filters": {"backupIds": [A]}}, log[0]
