//! Where a backup is looked for: the region, the account, and ids that AWS doesn't know.

use serde_json::{Value, json};

use crate::{
    probes::{id, progress, ready_and_message},
    world::{ACCOUNT, REGION, World, check, ready},
};

#[tokio::test]
async fn the_same_id_in_two_regions_is_two_backups() {
    let world = World::new("regions").await;
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(0), "READY", json!({"Region": "eu-west-1"}));
    let _operator = world.started().await;
    world.declare("here", &id(0), "Deleted", json!({})).await;
    world.declare("there", &id(0), "Present", json!({"region": "eu-west-1"})).await;
    for (name, reason, region) in [("here", "PendingDeletion", REGION), ("there", "Available", "eu-west-1")] {
        let object = world.reason(name, reason).await;
        let (_, message) = ready_and_message(&object);
        let status = object.status.unwrap();
        assert_eq!(status.region.as_deref(), Some(region));
        assert_eq!(status.backup_arn, Some(format!("arn:aws:cloudhsm:{region}:{ACCOUNT}:backup/{}", id(0))));
        assert!(message.contains(region), "{message}");
    }
    let deletions: Vec<Value> =
        world.emulator.requests(0).into_iter().filter(|request| request["op"] == "DeleteBackup").collect();
    assert_eq!(deletions.len(), 1);
    assert_eq!(deletions[0]["region"], REGION);
}

#[tokio::test]
async fn the_region_of_the_flag_wins_over_that_of_the_sdk_and_the_object_wins_over_both() {
    let world = World::new("region-flag").await;
    world.backup(&id(0), "READY", json!({"Region": "eu-central-1"}));
    world.backup(&id(1), "READY", json!({"Region": "us-gov-west-1"}));
    let _operator = ready(world.operator().args(["--region", "eu-central-1"]).start()).await;
    world.declare("of-the-flag", &id(0), "Present", json!({})).await;
    world.declare("of-the-object", &id(1), "Present", json!({"region": "us-gov-west-1"})).await;
    assert_eq!(world.reason("of-the-flag", "Available").await.status.unwrap().region.as_deref(), Some("eu-central-1"));
    let status = world.reason("of-the-object", "Available").await.status.unwrap();
    assert_eq!(status.backup_arn, Some(format!("arn:aws-us-gov:cloudhsm:us-gov-west-1:{ACCOUNT}:backup/{}", id(1))));
}

#[tokio::test]
async fn what_was_seen_in_another_region_proves_nothing_after_the_default_region_changed() {
    let world = World::new("region-change").await;
    world.backup(&id(0), "DELETED", json!({"DeleteTimestamp": world.emulator.now() - 60.0}));
    let operator = world.started().await;
    world.declare("moved", &id(0), "Deleted", json!({})).await;
    world.reason("moved", "Deleted").await;
    operator.kill();

    let _operator = ready(world.operator().args(["--region", "eu-west-1"]).start()).await;
    let object = world.reason("moved", "BackupNotFound").await;
    let status = object.status.unwrap();
    assert_eq!((status.region.as_deref(), status.backup_arn, status.delete_timestamp), (Some("eu-west-1"), None, None));
}

#[tokio::test]
async fn without_any_region_an_object_that_names_none_is_stalled_and_the_others_are_served() {
    let world = World::new("no-region").await;
    world.backup(&id(0), "READY", json!({}));
    let _operator = ready(world.operator().env_remove("AWS_REGION").start()).await;
    world.declare("nowhere", &id(0), "Present", json!({})).await;
    world.declare("somewhere", &id(0), "Present", json!({"region": REGION})).await;
    let object = world.reason("nowhere", "NoRegion").await;
    let (status, message) = ready_and_message(&object);
    assert_eq!((status.as_str(), progress(&object).as_str()), ("Unknown", "Stalled"), "{message}");
    assert!(message.contains("--region") && message.contains("spec.region"), "{message}");
    world.event("nowhere", "Warning", "NoRegion").await;
    world.reason("somewhere", "Available").await;
    world.look_again("nowhere").await;
    world.reason("nowhere", "NoRegion").await;
}

#[tokio::test]
async fn an_id_that_aws_refuses_to_look_up_is_not_found_and_spoils_no_other() {
    let world = World::new("unknown-id").await;
    world.emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    for number in [0, 1, 3] {
        world.backup(&id(number), "READY", json!({}));
    }
    let _operator = world.started().await;
    for number in 0..4 {
        world.declare(&format!("object-{number}"), &id(number), "Present", json!({})).await;
    }
    for number in [0, 1, 3] {
        world.reason(&format!("object-{number}"), "Available").await;
    }
    let (_, message) = ready_and_message(&world.reason("object-2", "BackupNotFound").await);
    assert!(message.contains(ACCOUNT) && message.contains(&id(2)) && message.contains(REGION), "{message}");
    world.outside(&id(0), json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": null}));
    world.event("object-0", "Normal", "BackupRestored").await;

    world.emulator.delete_backup(&id(3)).unwrap();
    world.reason("object-3", "BackupNotFound").await;
    world.backup(&id(2), "READY", json!({}));
    world.reason("object-2", "Available").await;
}

#[tokio::test]
async fn a_backup_of_which_aws_tells_nothing_but_its_state_is_served_all_the_same() {
    let world = World::new("bare").await;
    let bare = ["ClusterId", "CreateTimestamp", "HsmType", "Mode", "NeverExpires", "BackupArn"];
    let bare: serde_json::Map<String, Value> = bare.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
    world.backup(&id(0), "READY", Value::Object(bare));
    let _operator = world.started().await;
    world.declare("bare", &id(0), "Deleted", json!({})).await;
    let (_, message) = ready_and_message(&world.reason("bare", "PendingDeletion").await);
    assert!(message.contains(ACCOUNT), "the account of the credentials: {message}");
}

#[tokio::test]
async fn all_that_aws_tells_of_a_copy_is_mirrored_verbatim() {
    let world = World::new("copy").await;
    world.backup(
        &id(0),
        "READY",
        json!({
            "ClusterId": null, "CreateTimestamp": 1_793_502_764.9, "CopyTimestamp": 1_793_502_800, "NeverExpires": true,
            "SourceRegion": "eu-west-1", "SourceBackup": id(7), "SourceCluster": "cluster-dygnwhmscg5",
            "HsmType": "hsm9x.huge", "Mode": "NON_FIPS", "TagList": [{"Key": "a b/c", "Value": ""}],
        }),
    );
    let _operator = world.started().await;
    world.declare("copy", &id(0), "Present", json!({})).await;
    let object = world.reason("copy", "Available").await;
    check(&object);
    let mut status = world.raw("copy").await["status"].clone();
    status.as_object_mut().unwrap().remove("conditions");
    assert_eq!(
        status,
        json!({
            "observedGeneration": 1, "backupState": "READY", "region": REGION,
            "backupArn": format!("arn:aws:cloudhsm:{REGION}:{ACCOUNT}:backup/{}", id(0)),
            "createTimestamp": "2026-11-01T03:12:44Z", "copyTimestamp": "2026-11-01T03:13:20Z", "neverExpires": true,
            "sourceRegion": "eu-west-1", "sourceBackup": id(7), "sourceCluster": "cluster-dygnwhmscg5",
            "hsmType": "hsm9x.huge", "mode": "NON_FIPS", "tags": {"a b/c": ""},
        })
    );
}
