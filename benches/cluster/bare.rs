//! The floors: what the same work costs a program that does nothing else, in the same run.

use std::time::{Duration, Instant};

use cloudhsm_backup_operator::api::{CloudHsmBackup, DesiredState};
use futures::TryStreamExt;
use kube::{ResourceExt, api::WatchParams, core::WatchEvent};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    aws::Aws,
    objects::{self, Objects},
    stage::Stage,
    watching::{Watch, current_version},
};

/// How many statuses the bare writer writes at most; beyond, its time is scaled.
const MOST_WRITES: usize = 2_000;

/// A paged LIST, decoded: the middle of three.
pub(crate) async fn list(objects: &Objects) -> Duration {
    let mut times = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        let listed = objects.list().await;
        times.push(start.elapsed());
        drop(listed);
    }
    times.sort();
    times[1]
}

/// How long [`objects::WRITERS`] writers take for the statuses of `count` objects, which are there, and are there again afterwards. A
/// watch is open, as it is with an operator.
pub(crate) async fn status_writer(stage: &Stage, count: usize) -> Duration {
    let written = count.min(MOST_WRITES);
    let before = stage.objects.list().await;
    let statuses: Vec<(String, Option<String>, Value)> = (0..written)
        .map(|n| {
            let name = objects::name(n);
            let object = before.iter().find(|object| object.name_any() == name).expect("all are there");
            let status = serde_json::to_value(&object.status).expect("a status is JSON");
            (name, object.uid(), objects::replacing(Some(&status)))
        })
        .collect();
    stage.objects.wipe(written).await;
    let _watch = Watch::start(&stage.objects).await;
    let start = Instant::now();
    objects::each(0..written, async |n| {
        let (name, uid, status) = &statuses[n];
        stage.objects.write_status(name, uid.as_deref(), status).await
    })
    .await;
    start.elapsed().mul_f64(count as f64 / written as f64)
}

/// The least that can follow a flip: a watch, a look at AWS, a read of the object if wanted, and the call. No cache, no status,
/// no event.
pub(crate) struct Follower(JoinHandle<()>);

impl Follower {
    pub(crate) async fn start(stage: &Stage, rereads: bool) -> Self {
        let (objects, aws) = (stage.objects.clone(), stage.aws.clone());
        let version = current_version(&objects).await;
        let request = objects.request().watch(&WatchParams::default(), &version).expect("a request");
        let events = objects.client().request_events::<CloudHsmBackup>(request).await.expect("a watch");
        Self(tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.try_next().await.expect("an event") {
                if let WatchEvent::Modified(object) = event
                    && object.spec.desired_state == DesiredState::Deleted
                {
                    follow(&objects, &aws, &object, rereads).await;
                }
            }
        }))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn follow(objects: &Objects, aws: &Aws, object: &CloudHsmBackup, rereads: bool) {
    let id = object.spec.backup_id.as_str();
    let look = aws.call("DescribeBackups", &json!({"Filters": {"backupIds": [id]}})).await;
    if look["Backups"][0]["BackupState"] != "READY" {
        return;
    }
    if rereads {
        let live = objects.api().get(&object.name_any()).await.expect("an object");
        if live.metadata.generation != object.metadata.generation {
            return;
        }
    }
    aws.call("DeleteBackup", &json!({"BackupId": id})).await;
}
