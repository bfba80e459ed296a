//! All that an object went through, and not only what a test came by.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use cloudhsm_backup_operator::api::{CloudHsmBackup, READY};
use futures::StreamExt;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use test_support::{DEADLINE, eventually};
use tokio::task::JoinHandle;

use crate::world::{World, ready_condition};

/// Records an object from now on.
pub(crate) struct History {
    objects: Arc<Mutex<Vec<CloudHsmBackup>>>,
    task: JoinHandle<()>,
}

impl History {
    /// Starts with the object as it is; returns once that is recorded.
    pub(crate) async fn record(world: &World, name: &str) -> Self {
        Self::of(world, watcher::Config::default().fields(&format!("metadata.name={name}"))).await
    }

    /// The same with all objects of the world.
    pub(crate) async fn record_all(world: &World) -> Self {
        Self::of(world, watcher::Config::default()).await
    }

    async fn of(world: &World, config: watcher::Config) -> Self {
        let mut changes = watcher(world.api(), config).default_backoff().applied_objects().boxed();
        let objects: Arc<Mutex<Vec<CloudHsmBackup>>> = Arc::default();
        let into = Arc::clone(&objects);
        let task = tokio::spawn(async move {
            while let Some(object) = changes.next().await {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend(object);
            }
        });
        let history = Self { objects, task };
        eventually("the object is recorded", DEADLINE, async || {
            if history.objects().is_empty() { Err("nothing yet".to_owned()) } else { Ok(()) }
        })
        .await;
        history
    }

    /// The reasons that each object went through, by its name, and how often its status was written.
    pub(crate) fn by_name(&self) -> BTreeMap<String, (Vec<String>, usize)> {
        let mut all: BTreeMap<String, (Vec<String>, usize)> = BTreeMap::new();
        let mut last: BTreeMap<String, (Option<i64>, Option<String>)> = BTreeMap::new();
        for object in self.objects() {
            let (reasons, writes) = all.entry(object.name_any()).or_default();
            let reason = ready_condition(&object).reason;
            if reasons.last() != Some(&reason) {
                reasons.push(reason);
            }
            let version = (object.metadata.generation, object.resource_version());
            if let Some(before) = last.insert(object.name_any(), version.clone())
                && before.0 == version.0
                && before.1 != version.1
            {
                *writes += 1;
            }
        }
        all
    }

    /// What was recorded so far, without what no operator had seen.
    pub(crate) fn objects(&self) -> Vec<CloudHsmBackup> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let seen =
            |object: &&CloudHsmBackup| object.status.as_ref().is_some_and(|status| status.condition(READY).is_some());
        objects.iter().filter(seen).cloned().collect()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}
