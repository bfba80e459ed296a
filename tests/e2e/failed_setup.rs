//! Operators without a region, without credentials, or without a way to AWS.

use std::path::PathBuf;

use cloudhsm_backup_operator::api::{RECONCILING, STALLED};
use kube::ResourceExt;
use serde_json::json;
use test_support::OperatorBuilder;

use crate::world::{World, has, ready, ready_condition};

const ID: &str = "backup-ro5c4er4aac";
const OTHER: &str = "backup-zzzzzzzzzzz";
const RESYNC: &str = "CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL";

#[tokio::test]
async fn without_any_region_objects_that_name_none_are_stalled_until_there_is_one() {
    let world = World::new("no-region").await;
    world.backup(ID, "READY", json!({}));
    world.backup(OTHER, "READY", json!({"Region": "eu-west-1"}));
    let config = file(&world, "config");
    std::fs::write(&config, "[default]\noutput = json\n").unwrap();
    let operator = world.operator().env_remove("AWS_REGION").env("AWS_CONFIG_FILE", &config).env(RESYNC, "1s");
    let operator = ready(operator.start()).await;

    world.declare("without", ID, "Present", json!({})).await;
    world.declare("with", OTHER, "Present", json!({"region": "eu-west-1"})).await;
    world.reason("with", "Available").await;
    let object = world.reason("without", "NoRegion").await;
    assert_eq!(ready_condition(&object).status, "Unknown");
    assert!(has(&object, STALLED));
    assert!(ready_condition(&object).message.contains("AWS_REGION"), "{}", ready_condition(&object).message);
    assert_eq!(object.status.clone().unwrap().region, None);
    world.event("without", "Warning", "NoRegion").await;
    world.more_looks(4).await;
    assert_eq!(world.object("without").await.resource_version(), object.resource_version());

    std::fs::write(&config, "[default]\nregion = us-east-1\n").unwrap();
    world.reason("without", "Available").await;
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn credentials_that_come_later_are_found_without_a_restart() {
    let world = World::new("no-credentials").await;
    world.backup(ID, "READY", json!({}));
    let credentials = file(&world, "credentials");
    let _operator = ready(without_keys(&world).env("AWS_SHARED_CREDENTIALS_FILE", &credentials).start()).await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    let object = world.reason("payments", "NoCredentials").await;
    assert_eq!(ready_condition(&object).status, "Unknown");
    assert!(has(&object, RECONCILING));
    assert_eq!(world.emulator.requests(0).len(), 0, "nothing can be signed");

    std::fs::write(&credentials, "[default]\naws_access_key_id = AKIA111122223333TEST\naws_secret_access_key = s\n")
        .unwrap();
    world.reason("payments", "PendingDeletion").await;
}

#[tokio::test]
async fn an_endpoint_where_nobody_answers_is_aws_being_unavailable() {
    let world = World::new("dead-endpoint").await;
    world.backup(ID, "READY", json!({}));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = world.operator().env("AWS_ENDPOINT_URL", format!("http://{nobody}")).env(RESYNC, "1s");
    let operator = ready(endpoint.start()).await;
    world.declare("payments", ID, "Present", json!({})).await;
    let object = world.reason("payments", "AwsUnavailable").await;
    assert_eq!(ready_condition(&object).status, "Unknown");
    assert!(has(&object, RECONCILING));
    assert!(ready_condition(&object).message.contains(ID));
    // It goes on trying, and nothing changes.
    test_support::eventually("it is tried again", test_support::DEADLINE, async || {
        let (_, metrics) = operator.http_get("/metrics").await?;
        let line = metrics.lines().find(|line| {
            line.starts_with("cloudhsm_backup_aws_requests_total") && line.contains("operation=\"DescribeBackups\"")
        });
        let tries = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default();
        if tries >= 6.0 { Ok(()) } else { Err(format!("{tries} tries")) }
    })
    .await;
    assert_eq!(world.object("payments").await.resource_version(), object.resource_version());
}

#[tokio::test]
async fn an_endpoint_that_comes_first_for_cloudhsm_alone_is_enough() {
    let world = World::new("own-endpoint").await;
    world.backup(ID, "READY", json!({}));
    world.outside(ID, json!({"BackupArn": null}));
    let operator = world
        .operator()
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_CLOUDHSM_V2", world.emulator.url());
    let _operator = ready(operator.start()).await;
    // STS can't be reached, and no ARN says whose the backup is.
    world.declare("payments", ID, "Deleted", json!({})).await;
    let object = world.reason("payments", "PendingDeletion").await;
    assert!(!ready_condition(&object).message.contains("account"), "{}", ready_condition(&object).message);
}

fn without_keys(world: &World) -> OperatorBuilder {
    world.operator().env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY")
}

/// A file of this world's own, which isn't there yet.
fn file(world: &World, name: &str) -> PathBuf {
    world.control_plane.dir().join(format!("{}-{name}", world.namespace))
}
