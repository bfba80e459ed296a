"""STS, and CloudHSM with the credentials it gives."""

import datetime

import boto3
import botocore.config

from emulator import A, URL, call, cloudhsm, control, fails

ROLE = "arn:aws:iam::444455556666:role/some/path/x"

control("PUT", "backups", [{"BackupId": A, "Account": "444455556666"}])
config = botocore.config.Config(retries={"total_max_attempts": 1})
session = {"service_name": "sts", "region_name": "us-east-1", "endpoint_url": URL, "config": config}
sts = boto3.client(aws_access_key_id="AKIA111122223333TEST", aws_secret_access_key="secret", **session)

identity = sts.get_caller_identity()
assert identity["Account"] == "111122223333" and identity["Arn"] and identity["UserId"], identity


def use(answer, seconds, name):
    credentials = answer["Credentials"]
    lasts = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert abs(lasts - datetime.timedelta(seconds=seconds)) < datetime.timedelta(minutes=1), lasts
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::444455556666:assumed-role/x/{name}"
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    assert call(cloudhsm(**keys), "describe_backups")["Backups"][0]["BackupId"] == A
    assumed = boto3.client(**keys, **session).get_caller_identity()
    assert assumed["Account"] == "444455556666" and assumed["Arn"] == answer["AssumedRoleUser"]["Arn"], assumed


control("POST", "clock", {"advance_seconds": 1000000})
use(sts.assume_role(RoleArn=ROLE, RoleSessionName="me"), 3600, "me")
web = sts.assume_role_with_web_identity(
    RoleArn=ROLE, RoleSessionName="pod", WebIdentityToken="token", DurationSeconds=900
)
assert web["Provider"] and web["Audience"] and web["SubjectFromWebIdentityToken"]
use(web, 900, "pod")

fails("ValidationError", 400, lambda: sts.assume_role(RoleArn="arn:aws:iam::1:role/nobody", RoleSessionName="me"))
fails("InvalidAction", 400, lambda: sts.get_session_token())
control("POST", "faults", [{"op": "AssumeRole", "code": "AccessDenied", "status": 403, "message": "no <role>"}])
message = fails("AccessDenied", 403, lambda: sts.assume_role(RoleArn=ROLE, RoleSessionName="me"))
assert message == "no <role>"
