//! The metrics of single objects.

use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::{
    probes::{id, series},
    world::World,
};

#[tokio::test]
async fn the_series_of_an_object_follow_it_and_go_with_it() {
    let world = World::new("series").await;
    world.backup(&id(0), "READY", json!({}));
    let operator = world.started().await;
    world.declare("measured", &id(0), "Deleted", json!({})).await;
    let object = world.reason("measured", "PendingDeletion").await;
    let labels = format!("namespace=\"{}\",name=\"measured\"", world.namespace);
    let end = object.status.unwrap().delete_timestamp.unwrap().0.as_second();
    let of_object = async || {
        let lines = series(&operator, "cloudhsm_backup_").await;
        lines.into_iter().filter(|line| line.contains(&labels)).collect::<Vec<_>>()
    };
    let expected = [
        format!("cloudhsm_backup_state{{{labels},backup_state=\"PENDING_DELETION\"}} 1"),
        format!("cloudhsm_backup_ready{{{labels},status=\"True\",reason=\"PendingDeletion\"}} 1"),
    ];
    eventually("the series say what the object says", DEADLINE, async || {
        let lines = of_object().await;
        let deletion =
            lines.iter().find(|line| line.starts_with("cloudhsm_backup_permanent_deletion_timestamp_seconds{"));
        let value = deletion.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok());
        let all = lines.len() == 3 && expected.iter().all(|line| lines.contains(line)) && value == Some(end as f64);
        if all { Ok(()) } else { Err(format!("{lines:?}")) }
    })
    .await;
    world.emulator.delete_backup(&id(0)).unwrap();
    world.reason("measured", "BackupNotFound").await;
    let gone = format!("cloudhsm_backup_ready{{{labels},status=\"False\",reason=\"BackupNotFound\"}} 1");
    eventually("no state, no time of deletion", DEADLINE, async || {
        let lines = of_object().await;
        if lines == [gone.clone()] { Ok(()) } else { Err(format!("{lines:?}")) }
    })
    .await;
    assert!(world.kubectl(&["delete", "chb", "measured"]).await.status.success());
    eventually("no series are left", DEADLINE, async || {
        let lines = of_object().await;
        if lines.is_empty() { Ok(()) } else { Err(format!("{lines:?}")) }
    })
    .await;
}
