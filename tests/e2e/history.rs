//! All that an object went through, and not only what a test came by.

use std::sync::{Arc, Mutex, PoisonError};

use cloudhsm_backup_operator::api::{CloudHsmBackup, READY};
use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use test_support::{DEADLINE, eventually};
use tokio::task::JoinHandle;

use crate::world::World;

/// Records an object from now on.
pub(crate) struct History {
    objects: Arc<Mutex<Vec<CloudHsmBackup>>>,
    task: JoinHandle<()>,
}

impl History {
    /// Starts with the object as it is; returns once that is recorded.
    pub(crate) async fn record(world: &World, name: &str) -> Self {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
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
