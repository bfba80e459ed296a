//! Input checks: constraints of the model, wrong types, unreadable bodies.

use crate::client::{A, INVALID, SERIALIZATION, cbor, client, with};
use serde_json::{Value, json};

fn text(length: usize) -> String {
    "a".repeat(length)
}

fn tags(count: usize) -> Value {
    (0..count).map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect()
}

/// Each in JSON and in CBOR.
fn check(cases: Vec<(&str, Value)>, code: Option<&str>) {
    for (op, input) in cases {
        let emulator = with(json!([{"BackupId": A}]));
        let json = client(&emulator).call(op, input.clone());
        let cbor = client(&emulator).cbor(op, &cbor(&input)).unwrap();
        let coded = match code {
            Some(code) => (400, json!(code), format!("com.amazonaws.cloudhsmv2#{code}")),
            None => (200, Value::Null, String::new()),
        };
        assert_eq!((json.status, &json.json()["__type"]), (coded.0, &coded.1), "{op} {input}: {}", json.text());
        let body: ciborium::Value = ciborium::from_reader(&cbor.body[..]).unwrap();
        let kind = body.as_map().unwrap().iter().find(|(name, _)| name.as_text() == Some("__type"));
        let kind = kind.and_then(|(_, kind)| kind.as_text()).unwrap_or_default();
        // In CBOR the second call of a pair may meet another state; only the checks are compared.
        if code.is_some() {
            assert_eq!((cbor.status, kind), (400, coded.2.as_str()), "{op} {input} in CBOR");
        }
    }
}

#[test]
fn a_broken_constraint_is_an_invalid_request() {
    let mut cases = vec![
        ("DeleteBackup", json!({})),
        ("DeleteBackup", json!({"BackupId": null})),
        ("DeleteBackup", json!({"BackupId": ""})),
        ("DeleteBackup", json!({"BackupId": "backup-short"})),
        ("DeleteBackup", json!({"BackupId": format!("x{A}")})),
        ("DeleteBackup", json!({"BackupId": format!("{A} and more")})),
        ("DeleteBackup", json!({"BackupId": format!("{A}\n")})),
        ("DeleteBackup", json!({"BackupId": "backup-abcdefghij1"})),
        ("RestoreBackup", json!({"BackupId": "cluster-aaaaaaaaaaa"})),
        ("ModifyBackupAttributes", json!({"BackupId": A})),
        ("ModifyBackupAttributes", json!({"NeverExpires": true})),
        ("CopyBackupToRegion", json!({"BackupId": A})),
        ("CopyBackupToRegion", json!({"DestinationRegion": "eu-west-1"})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "nowhere"})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1b"})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1", "TagList": []})),
        ("ListTags", json!({})),
        ("ListTags", json!({"ResourceId": "hsm-aaaaaaaaaaa"})),
        ("TagResource", json!({"ResourceId": A})),
        ("UntagResource", json!({"ResourceId": A})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": []})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": [""]})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": [text(129)]})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": vec!["k"; 51]})),
        ("DescribeBackups", json!({"NextToken": text(257)})),
        ("DescribeBackups", json!({"Filters": {"unknown": []}})),
        ("ListTags", json!({"ResourceId": A, "NextToken": text(257)})),
    ];
    for max in [0, -1, 51, i64::MAX] {
        cases.push(("DescribeBackups", json!({"MaxResults": max})));
    }
    for max in [0, -1, 101] {
        cases.push(("ListTags", json!({"ResourceId": A, "MaxResults": max})));
    }
    for tags in [
        json!([]),
        tags(51),
        json!([{"Value": "v"}]),
        json!([{"Key": "k"}]),
        json!([{"Key": "k", "Value": null}]),
        json!([{"Key": "", "Value": "v"}]),
        json!([{"Key": text(129), "Value": "v"}]),
        json!([{"Key": "k", "Value": text(257)}]),
        json!([{"Key": "a,b", "Value": "v"}]),
        json!([{"Key": "k", "Value": "{}"}]),
    ] {
        cases.push(("TagResource", json!({"ResourceId": A, "TagList": tags})));
        cases.push(("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1", "TagList": tags})));
    }
    check(cases, Some(INVALID));
}

#[test]
fn a_wrong_type_is_a_serialization_error_whatever_else_is_wrong() {
    let cases = vec![
        ("DeleteBackup", json!({"BackupId": 7})),
        ("DeleteBackup", json!({"BackupId": [A]})),
        ("DeleteBackup", json!({"BackupId": {"S": A}})),
        ("ModifyBackupAttributes", json!({"BackupId": A, "NeverExpires": "true"})),
        ("ModifyBackupAttributes", json!({"BackupId": "bad", "NeverExpires": 1})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": false})),
        ("CopyBackupToRegion", json!({"DestinationRegion": "eu-west-1", "TagList": {}})),
        ("TagResource", json!({"ResourceId": A, "TagList": [["k", "v"]]})),
        ("TagResource", json!({"ResourceId": A, "TagList": [{"Key": 1, "Value": "v"}]})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": "k"})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": [1]})),
        ("ListTags", json!({"ResourceId": A, "MaxResults": "5"})),
        ("DescribeBackups", json!({"MaxResults": "50"})),
        ("DescribeBackups", json!({"MaxResults": 1.5})),
        ("DescribeBackups", json!({"MaxResults": true})),
        ("DescribeBackups", json!({"NextToken": 1})),
        ("DescribeBackups", json!({"Shared": "true"})),
        ("DescribeBackups", json!({"SortAscending": 1})),
        ("DescribeBackups", json!({"Filters": []})),
        ("DescribeBackups", json!({"Filters": {"states": "READY"}})),
        ("DescribeBackups", json!({"Filters": {"states": [1]}})),
        ("DescribeBackups", json!({"MaxResults": 999, "Filters": {"nope": [1]}})),
    ];
    check(cases, Some(SERIALIZATION));
}

#[test]
fn what_the_model_allows_is_taken() {
    let cases = vec![
        ("DescribeBackups", json!({})),
        ("DescribeBackups", json!({"MaxResults": 1})),
        ("DescribeBackups", json!({"MaxResults": 50, "Filters": {}, "Shared": null, "NextToken": null})),
        ("DescribeBackups", json!({"Unknown": {"members": ["are", "ignored"]}})),
        ("DeleteBackup", json!({"BackupId": A, "Force": 1})),
        ("ListTags", json!({"ResourceId": A, "MaxResults": 100})),
        ("TagResource", json!({"ResourceId": A, "TagList": [{"Key": text(128), "Value": "ä".repeat(256), "More": 1}]})),
        ("TagResource", json!({"ResourceId": A, "TagList": tags(50)})),
        ("UntagResource", json!({"ResourceId": A, "TagKeyList": vec!["k"; 50]})),
        ("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "us-gov-west-1", "TagList": null})),
    ];
    check(cases, None);
}

#[test]
fn an_unreadable_body_is_a_serialization_error() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    for body in [&b"{"[..], b"[]", b"\"text\"", b"7", b"null", b"{} {}", b"\xff\xfe", b"{\"BackupId\": nope}"] {
        here.raw("DeleteBackup", body).unwrap().fails(SERIALIZATION);
    }
    for body in [&b"\xbf"[..], b"\x80", b"\x61", b"\xff", b"\xa0\xa0", b"\xf6", b"{}", b"\xa1\x01\x02"] {
        let answer = here.cbor("DeleteBackup", body).unwrap();
        assert_eq!(answer.status, 400, "{body:x?}");
        assert!(answer.text().contains("com.amazonaws.cloudhsmv2#SerializationException"), "{body:x?}");
    }
    for entry in emulator.requests(0) {
        assert_eq!((&entry["input"], &entry["code"]), (&json!({}), &json!(SERIALIZATION)));
    }
}

#[test]
fn cbor_types_are_strict_too() {
    let emulator = with(json!([{"BackupId": A}]));
    let id = A.as_bytes();
    let bytes = [&b"\xa1\x68BackupId\x52"[..], id].concat();
    let answer = client(&emulator).cbor("DeleteBackup", &bytes).unwrap();
    assert!(answer.text().contains(SERIALIZATION), "bytes are no text");
    let answer = client(&emulator).cbor("DescribeBackups", b"\xa1\x6aMaxResults\xfb\x40\x24\0\0\0\0\0\0").unwrap();
    assert!(answer.text().contains(SERIALIZATION), "a double is no integer");
}

#[test]
fn an_empty_body_is_an_empty_input() {
    let emulator = with(json!([{"BackupId": A}]));
    assert_eq!(client(&emulator).raw("DescribeBackups", b"").unwrap().status, 200);
    assert_eq!(client(&emulator).cbor("DescribeBackups", b"").unwrap().status, 200);
    client(&emulator).raw("DeleteBackup", b"").unwrap().fails(INVALID);
}
