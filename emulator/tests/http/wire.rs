//! What the protocols look like on the wire.

use crate::client::{A, NOBODY, client, start, with};
use ciborium::Value as Cbor;
use serde_json::json;

fn member<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    map.as_map().unwrap().iter().find(|(given, _)| given.as_text() == Some(name)).map(|(_, value)| value)
}

#[test]
fn a_json_answer() {
    let emulator = with(json!([{"BackupId": A, "CreateTimestamp": 1534461854.64}]));
    let answer = client(&emulator).call("DescribeBackups", json!({}));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"));
    assert!(answer.text().contains(r#""CreateTimestamp":1534461854.64"#), "{}", answer.text());
    assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
    assert_eq!(answer.header("smithy-protocol"), None);
}

#[test]
fn a_json_error() {
    let answer = client(&start()).call("DeleteBackup", json!({"BackupId": NOBODY}));
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.1"));
    let body = answer.json();
    assert_eq!((answer.status, body.as_object().unwrap().len()), (400, 2));
    assert_eq!(body["__type"], "CloudHsmResourceNotFoundException");
    assert!(body["Message"].is_string());
    assert!(answer.header("x-amzn-requestid").is_some());
}

#[test]
fn a_cbor_answer() {
    let emulator = with(json!([{"BackupId": A, "CreateTimestamp": 1534461854.64, "NeverExpires": true}]));
    let answer = client(&emulator).cbor("DescribeBackups", b"\xa0").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/cbor"));
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
    assert!(answer.header("x-amzn-requestid").is_some());
    let body: Cbor = ciborium::from_reader(&answer.body[..]).unwrap();
    let backup = &member(&body, "Backups").unwrap().as_array().unwrap()[0];
    let time = Cbor::Tag(1, Box::new(Cbor::Float(1534461854.64)));
    assert_eq!(member(backup, "CreateTimestamp"), Some(&time));
    assert_eq!(member(backup, "NeverExpires"), Some(&Cbor::Bool(true)));
    assert_eq!(member(backup, "BackupId").and_then(Cbor::as_text), Some(A));
    let empty = client(&emulator)
        .cbor("UntagResource", &[&b"\xa2\x6aResourceId\x72"[..], A.as_bytes(), b"\x6aTagKeyList\x81\x61k"].concat());
    assert_eq!(empty.unwrap().body, b"\xa0", "an empty answer is an empty map");
}

#[test]
fn a_cbor_error() {
    let answer = client(&start()).cbor("DeleteBackup", b"\xa0").unwrap();
    assert_eq!((answer.status, answer.header("smithy-protocol")), (400, Some("rpc-v2-cbor")));
    assert_eq!(answer.header("content-type"), Some("application/cbor"));
    let body: Cbor = ciborium::from_reader(&answer.body[..]).unwrap();
    let kind = member(&body, "__type").and_then(Cbor::as_text);
    assert_eq!(kind, Some("com.amazonaws.cloudhsmv2#CloudHsmInvalidRequestException"));
    assert!(member(&body, "Message").unwrap().is_text());
}

#[test]
fn operations_that_are_not_emulated_are_unknown() {
    let emulator = start();
    let here = client(&emulator);
    for op in ["DescribeClusters", "CreateCluster", "PutResourcePolicy", "NoSuchThing", ""] {
        here.call(op, json!({})).fails("UnknownOperationException");
        here.raw(op, b"{").unwrap().fails("UnknownOperationException");
        let answer = here.cbor(op, b"\xa0").unwrap();
        assert_eq!((answer.status, answer.header("smithy-protocol")), (404, Some("rpc-v2-cbor")), "{op}");
        assert!(answer.text().contains("com.amazonaws.cloudhsmv2#UnknownOperationException"));
    }
    assert_eq!(emulator.requests(0)[0]["op"], "DescribeClusters");
    assert_eq!(emulator.requests(0).len(), 15);
}

#[test]
fn another_service_or_protocol_is_unknown() {
    let emulator = start();
    let mut connection = client(&emulator).connect();
    let mut ask = |path: &str, header: (&str, &str)| {
        connection.send("POST", path, &[header], b"");
        connection.receive().unwrap()
    };
    let answer = ask("/", ("x-amz-target", "TrentService.DescribeBackups"));
    answer.fails("UnknownOperationException");
    let answer = ask("/", ("content-type", "application/x-amz-json-1.1"));
    answer.fails("UnknownOperationException");
    let path = "/service/BaldrApiService/operation/DescribeBackups";
    assert_eq!(ask(path, ("smithy-protocol", "rpc-v2-json")).status, 404);
    assert_eq!(ask("/service/Other/operation/DescribeBackups", ("smithy-protocol", "rpc-v2-cbor")).status, 404);
    assert_eq!(ask(path, ("smithy-protocol", "rpc-v2-cbor")).status, 200);
}

#[test]
fn connections_stay_alive() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    let mut connection = here.connect();
    for _ in 0..20 {
        here.send_json(&mut connection, "DescribeBackups", b"{}");
        assert_eq!(connection.receive().unwrap().status, 200);
        here.send_json(&mut connection, "DeleteBackup", b"{}");
        assert_eq!(connection.receive().unwrap().status, 400);
        connection.send("GET", "/_control/backups", &[], b"");
        assert_eq!(connection.receive().unwrap().status, 200);
    }
}

#[test]
fn a_client_may_close_its_half_once_it_has_asked() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.behaviour(json!({"latency_ms": 50})).unwrap();
    let here = client(&emulator);
    let mut connection = here.connect();
    here.send_json(&mut connection, "DescribeBackups", b"{}");
    connection.finish();
    assert_eq!(connection.receive().unwrap().status, 200);
    assert!(connection.receive().is_none(), "and then it is closed");
}

#[test]
fn many_clients_at_once_are_all_answered() {
    let emulator = with(json!([{"BackupId": A}]));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    client(&emulator).call("DescribeBackups", json!({})).ok();
                }
            });
        }
    });
    let numbers: Vec<u64> = emulator.requests(0).iter().map(|entry| entry["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..320).collect::<Vec<_>>());
}
