//! A watch that notes what statuses say. It reads the little it needs, and is open beside whatever is compared.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cloudhsm_backup_operator::api::READY;
use futures::TryStreamExt;
use kube::{
    api::{ListParams, WatchParams},
    core::WatchEvent,
};
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::objects::Objects;

/// An object, as far as a watch is interested.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Watched {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Clone, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// What was seen since the watch began.
#[derive(Default)]
pub(crate) struct Seen {
    /// Whether Ready is True, by object, as last seen.
    ready: HashMap<String, bool>,
    /// The objects whose Ready was there and not True.
    unready: HashSet<String>,
}

impl Seen {
    /// How many objects have been seen with a Ready that is True.
    pub(crate) fn ready(&self) -> usize {
        self.ready.values().filter(|ready| **ready).count()
    }

    /// How many were seen with a Ready that wasn't True.
    pub(crate) fn ever_unready(&self) -> usize {
        self.unready.len()
    }
}

/// A watch, open until this is dropped.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins, with what changes from now on.
    pub(crate) async fn start(objects: &Objects) -> Self {
        let mut version = current_version(objects).await;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (objects, noted) = (objects.clone(), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let request = objects.request().watch(&WatchParams::default(), &version).expect("a request");
                let events = objects.client().request_events::<Watched>(request).await.expect("a watch");
                let mut events = std::pin::pin!(events);
                while let Some(event) = events.try_next().await.expect("an event") {
                    if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                        version.clone_from(&object.metadata.resource_version);
                        note(&mut lock(&noted), object);
                    }
                }
            }
        });
        Self { seen, task }
    }

    /// What it has seen.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(seen: &mut Seen, object: Watched) {
    let Some(ready) = object.status.conditions.iter().find(|condition| condition.type_ == READY) else { return };
    let is_true = ready.status == "True";
    if !is_true {
        seen.unready.insert(object.metadata.name.clone());
    }
    seen.ready.insert(object.metadata.name, is_true);
}

/// The version to watch from to see what comes next.
pub(crate) async fn current_version(objects: &Objects) -> String {
    let page = objects.api().list(&ListParams::default().limit(1)).await.expect("a page of objects");
    page.metadata.resource_version.expect("a list has a version")
}
