//! STS.

use crate::client::{A, Answer, client, start, with};
use cloudhsm_emulator::{Emulator, ManualClock, Options};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

const ROLE: &str = "arn:aws:iam::444455556666:role/x";

fn call(emulator: &Emulator, body: &str) -> Answer {
    let mut connection = client(emulator).connect();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("user-agent", "tests")];
    connection.send("POST", "/", &headers, body.as_bytes());
    connection.receive().unwrap()
}

/// What stands between a tag and its end.
fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
}

#[test]
fn assume_role_gives_credentials_of_the_roles_account_by_the_real_clock() {
    let clock = Arc::new(ManualClock::new(UNIX_EPOCH + Duration::from_secs(1_534_461_854)));
    let emulator = Emulator::start(Options { clock, ..Options::default() }).unwrap();
    emulator.advance(1e8).unwrap();
    for (duration, expiration) in [("", "2018-08-17T00:24:14Z"), ("&DurationSeconds=900", "2018-08-16T23:39:14Z")] {
        let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=me{duration}");
        let answer = call(&emulator, &body);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")));
        let xml = answer.text();
        let result = element(&element(&xml, "AssumeRoleResult"), "Credentials");
        let key = element(&result, "AccessKeyId");
        assert!(key.starts_with("ASIA444455556666") && key.len() == 20, "{key}");
        assert_eq!(element(&result, "Expiration"), expiration);
        assert!(element(&result, "SecretAccessKey").len() == 40 && !element(&result, "SessionToken").is_empty());
        assert_eq!(element(&element(&xml, "AssumedRoleUser"), "Arn"), "arn:aws:sts::444455556666:assumed-role/x/me");
        assert_eq!(answer.header("x-amzn-requestid").unwrap(), element(&xml, "RequestId"));
    }
}

#[test]
fn the_credentials_name_the_account_and_the_role() {
    let emulator = with(json!([{"BackupId": A, "Account": "444455556666", "Region": "eu-west-1"}]));
    let xml = call(&emulator, &format!("Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=me")).text();
    let (key, token) = (element(&xml, "AccessKeyId"), element(&xml, "SessionToken"));
    let authorization = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/sts/aws4_request, Signature=0");
    let headers = [("authorization", authorization.as_str()), ("x-amz-security-token", token.as_str())];
    let mut connection = client(&emulator).connect();
    connection.send("POST", "/", &headers, b"Action=GetCallerIdentity&Version=2011-06-15");
    let xml = connection.receive().unwrap().text();
    let identity = element(&xml, "GetCallerIdentityResult");
    assert_eq!(element(&identity, "Account"), "444455556666");
    assert_eq!(element(&identity, "Arn"), "arn:aws:sts::444455556666:assumed-role/x/me");
    assert!(element(&identity, "UserId").ends_with(":me"));
    let target = [headers[0], ("x-amz-target", "BaldrApiService.DescribeBackups")];
    connection.send("POST", "/", &target, b"{}");
    assert_eq!(connection.receive().unwrap().ok()["Backups"][0]["BackupId"], A);
}

#[test]
fn a_web_identity_assumes_a_role_without_credentials() {
    let emulator = start();
    let body = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=me&WebIdentityToken=t.o.k"
    );
    let answer = call(&emulator, &body);
    let result = element(&answer.text(), "AssumeRoleWithWebIdentityResult");
    assert!(element(&result, "AccessKeyId").starts_with("ASIA444455556666"));
    for name in ["SubjectFromWebIdentityToken", "Provider", "Audience", "AssumedRoleUser"] {
        assert!(!element(&result, name).is_empty());
    }
    let log = emulator.requests(0);
    assert_eq!((&log[0]["op"], &log[0]["protocol"]), (&json!("AssumeRoleWithWebIdentity"), &json!("query")));
    assert_eq!(log[0]["input"], json!({"RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": "t.o.k"}));
    assert_eq!((&log[0]["code"], &log[0]["user_agent"]), (&Value::Null, &json!("tests")));
}

#[test]
fn a_caller_without_a_role_is_a_user_of_its_account() {
    let emulator = start();
    let xml = call(&emulator, "Action=GetCallerIdentity&Version=2011-06-15").text();
    assert_eq!(element(&xml, "Account"), "111122223333");
    assert!(element(&xml, "Arn").starts_with("arn:aws:iam::111122223333:user/"));
}

#[test]
fn a_presigned_get_is_a_call_too() {
    let emulator = start();
    let credential = "AKIA444455556666ABCD%2F20260101%2Feu-west-1%2Fsts%2Faws4_request";
    let mut connection = client(&emulator).connect();
    connection.send("GET", &format!("/?Action=GetCallerIdentity&X-Amz-Credential={credential}"), &[], b"");
    assert_eq!(element(&connection.receive().unwrap().text(), "Account"), "444455556666");
    assert_eq!(emulator.requests(0)[0]["region"], "eu-west-1");
    assert_eq!(emulator.requests(0)[0]["input"], json!({}));
}

#[test]
fn errors_have_the_shape_of_sts() {
    let emulator = start();
    let good = format!("RoleArn={ROLE}&RoleSessionName=me");
    for (body, code) in [
        ("Action=Nope&Version=2011-06-15".to_owned(), "InvalidAction"),
        ("Version=2011-06-15".to_owned(), "MissingAction"),
        ("Action=AssumeRole&RoleSessionName=me".to_owned(), "ValidationError"),
        (format!("Action=AssumeRole&RoleArn={ROLE}"), "ValidationError"),
        (format!("Action=AssumeRole&RoleArn={ROLE}&RoleSessionName=a%20b"), "ValidationError"),
        ("Action=AssumeRole&RoleArn=arn:aws:iam::1:role/x&RoleSessionName=me".to_owned(), "ValidationError"),
        (format!("Action=AssumeRole&{good}&DurationSeconds=899"), "ValidationError"),
        (format!("Action=AssumeRole&{good}&DurationSeconds=x"), "ValidationError"),
        (format!("Action=AssumeRoleWithWebIdentity&{good}"), "ValidationError"),
    ] {
        let answer = call(&emulator, &body);
        let xml = answer.text();
        assert_eq!(answer.status, 400, "{body}");
        assert!(xml.starts_with("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"), "{xml}");
        assert_eq!(element(&element(&xml, "Error"), "Code"), code, "{body}");
        assert_eq!(element(&xml, "Type"), "Sender");
        assert!(!element(&xml, "Message").is_empty());
        assert_eq!(Some(element(&xml, "RequestId").as_str()), answer.header("x-amzn-requestid"));
    }
    assert_eq!(emulator.requests(0)[0]["code"], "InvalidAction");
}
