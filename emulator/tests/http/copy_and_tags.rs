//! CopyBackupToRegion, TagResource, UntagResource, ListTags.

use crate::client::{A, INVALID, NOBODY, NOT_FOUND, client, truth, with};
use serde_json::{Value, json};

fn tags(count: usize) -> Value {
    (0..count).map(|n| json!({"Key": format!("k{n:02}"), "Value": format!("v{n}")})).collect()
}

fn source() -> Value {
    json!([{"BackupId": A, "ClusterId": "cluster-aaaaaaaaaaa", "CreateTimestamp": 1534461854.64, "NeverExpires": true,
        "HsmType": "hsm1.medium", "Mode": "FIPS", "TagList": [{"Key": "from", "Value": "source"}]}])
}

#[test]
fn a_copy_is_ready_at_once_in_the_other_region() {
    let emulator = with(source());
    let here = client(&emulator);
    let before = emulator.now();
    let answer = here.call("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1"})).ok();
    let after = emulator.now();
    assert_eq!(
        answer,
        json!({"DestinationBackup": {"CreateTimestamp": 1534461854.64, "SourceRegion": "us-east-1",
            "SourceBackup": A, "SourceCluster": "cluster-aaaaaaaaaaa"}})
    );
    let copies = here.region("eu-west-1").describe(json!({"sourceBackupIds": [A]}));
    let mut copy = copies[0].as_object().unwrap().clone();
    let copied = copy.remove("CopyTimestamp").unwrap().as_f64().unwrap();
    assert!(before <= copied && copied <= after);
    let id = copy.remove("BackupId").unwrap().as_str().unwrap().to_owned();
    assert!(id.starts_with("backup-") && id != A && (18..=23).contains(&id.len()), "{id}");
    assert_eq!(copy.remove("BackupArn").unwrap(), format!("arn:aws:cloudhsm:eu-west-1:111122223333:backup/{id}"));
    assert_eq!(
        Value::Object(copy),
        json!({"BackupState": "READY", "CreateTimestamp": 1534461854.64, "NeverExpires": false,
            "SourceRegion": "us-east-1", "SourceBackup": A, "SourceCluster": "cluster-aaaaaaaaaaa",
            "TagList": [{"Key": "from", "Value": "source"}], "HsmType": "hsm1.medium", "Mode": "FIPS"})
    );
    assert_eq!(here.describe(json!({})).len(), 1, "the source stays as it is");
}

#[test]
fn the_tags_of_the_call_take_the_place_of_the_sources() {
    let emulator = with(source());
    let input = json!({"BackupId": A, "DestinationRegion": "eu-west-1", "TagList": [{"Key": "a", "Value": ""}]});
    client(&emulator).call("CopyBackupToRegion", input).ok();
    let copies = client(&emulator).region("eu-west-1").describe(json!({}));
    assert_eq!(copies[0]["TagList"], json!([{"Key": "a", "Value": ""}]));
}

#[test]
fn every_copy_has_its_own_id_and_can_be_copied_on() {
    let emulator = with(source());
    let here = client(&emulator);
    for _ in 0..3 {
        here.call("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1"})).ok();
    }
    let there = here.region("eu-west-1");
    let copies = there.describe(json!({}));
    assert_eq!(copies.len(), 3);
    let input = json!({"BackupId": copies[0]["BackupId"], "DestinationRegion": "us-east-1"});
    there.call("CopyBackupToRegion", input).ok();
    let back = here.describe(json!({"sourceBackupIds": [copies[0]["BackupId"]]}));
    assert_eq!((back.len(), &back[0]["SourceRegion"]), (1, &json!("eu-west-1")));
    assert_eq!(back[0].get("SourceCluster"), None, "a copy is in no cluster");
}

#[test]
fn the_same_region_is_refused() {
    let emulator = with(source());
    client(&emulator)
        .call("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "us-east-1"}))
        .fails(INVALID);
    assert_eq!(emulator.backups().len(), 1);
}

#[test]
fn tags_come_change_and_go_in_any_state() {
    for state in ["READY", "PENDING_DELETION", "DELETED", "CREATE_IN_PROGRESS"] {
        let emulator = with(json!([{"BackupId": A, "BackupState": state}]));
        let here = client(&emulator);
        let tag = |tags: Value| here.call("TagResource", json!({"ResourceId": A, "TagList": tags})).ok();
        assert_eq!(tag(json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])), json!({}));
        tag(json!([{"Key": "a", "Value": "2"}]));
        let expected = json!([{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]);
        assert_eq!(here.call("ListTags", json!({"ResourceId": A})).ok(), json!({"TagList": expected}));
        assert_eq!(here.describe(json!({}))[0]["TagList"], expected);
        let untag = |keys: Value| here.call("UntagResource", json!({"ResourceId": A, "TagKeyList": keys})).ok();
        assert_eq!(untag(json!(["b", "absent"])), json!({}));
        assert_eq!(here.describe(json!({}))[0]["TagList"], json!([{"Key": "a", "Value": "2"}]));
        untag(json!(["a"]));
        assert_eq!(here.describe(json!({}))[0].get("TagList"), None, "no TagList without tags");
        assert_eq!(truth(&emulator, A).get("TagList"), None);
        assert_eq!(here.call("ListTags", json!({"ResourceId": A})).ok(), json!({"TagList": []}), "required there");
    }
}

#[test]
fn an_empty_tag_list_put_by_the_control_api_does_not_show() {
    let emulator = with(json!([{"BackupId": A, "TagList": []}]));
    assert_eq!(client(&emulator).describe(json!({}))[0].get("TagList"), None);
}

#[test]
fn fifty_tags_are_the_most() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    let tag = |tags: Value| here.call("TagResource", json!({"ResourceId": A, "TagList": tags}));
    tag(tags(50)).ok();
    tag(json!([{"Key": "k00", "Value": "changed"}])).ok();
    tag(json!([{"Key": "k00", "Value": "again"}, {"Key": "new", "Value": ""}]))
        .fails("CloudHsmResourceLimitExceededException");
    let listed = here.call("ListTags", json!({"ResourceId": A})).ok()["TagList"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 50);
    assert_eq!(listed[0]["Value"], "changed", "nothing of a refused call is applied");
}

#[test]
fn list_tags_pages() {
    let emulator = with(json!([{"BackupId": A, "TagList": tags(7)}, {"BackupId": NOBODY, "TagList": tags(7)}]));
    let here = client(&emulator);
    let (mut keys, mut input) = (vec![], json!({"ResourceId": A, "MaxResults": 3}));
    loop {
        let answer = here.call("ListTags", input.clone()).ok();
        keys.extend(answer["TagList"].as_array().unwrap().iter().map(|tag| tag["Key"].as_str().unwrap().to_owned()));
        let Some(token) = answer.get("NextToken") else { break };
        let other = json!({"ResourceId": NOBODY, "NextToken": token});
        here.call("ListTags", other).fails(INVALID);
        here.call("DescribeBackups", json!({"NextToken": token})).fails(INVALID);
        input["NextToken"] = token.clone();
    }
    assert_eq!(keys, ["k00", "k01", "k02", "k03", "k04", "k05", "k06"]);
}

#[test]
fn clusters_and_strangers_are_unknown() {
    let emulator = with(json!([{"BackupId": A}]));
    for id in ["cluster-aaaaaaaaaaa", NOBODY] {
        for (op, mut input) in [
            ("ListTags", json!({})),
            ("TagResource", json!({"TagList": tags(1)})),
            ("UntagResource", json!({"TagKeyList": ["k"]})),
        ] {
            input["ResourceId"] = json!(id);
            let message = client(&emulator).call(op, input).fails(NOT_FOUND);
            assert!(message.contains(id), "{message}");
        }
    }
}
