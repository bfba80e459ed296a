//! Watches the objects and keeps a pass going over each that needs one.

mod cluster;
mod context;
mod pass;
mod readiness;
mod report;

pub use readiness::Readiness;

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
    future,
    stream::{self, SelectAll},
};
use kube::{
    Api, Client, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef},
        utils::Backoff,
        watcher,
    },
};
use tokio::time::Instant;

use self::{
    cluster::ClusterError,
    context::Context,
    pass::{Pass, key_of},
};
use crate::{
    api::CloudHsmBackup, backup::Region, claims::ObjectKey, clock::Clock, decide::Mode, intent::Intent,
    inventory::Inventory, leadership::Leadership, metrics::Metrics,
};

/// An object as the watch delivers it: one that can't be decoded doesn't stop the others.
type Guarded = DeserializeGuard<CloudHsmBackup>;

/// How many passes run at once per watch. A pass that waits for AWS costs memory and nothing else.
const CONCURRENCY: u16 = 256;

/// How long a stop waits for the passes under way; of 30 s the rest is for giving the Lease back.
const GRACE: Duration = Duration::from_secs(28);

/// What the controller is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which AWS writes are allowed.
    pub mode: Mode,
    /// The region for objects that name none.
    pub region: Option<Region>,
    /// The namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// How often each backup is looked at.
    pub resync: Duration,
}

/// Runs until `stop` resolves, then lets the passes under way finish. Watches from the start, and acts once this process leads.
pub async fn run(
    client: Client,
    inventory: Inventory,
    settings: Settings,
    metrics: Metrics,
    readiness: Readiness,
    leadership: Leadership,
    stop: impl Future<Output = ()>,
) {
    let (wake, woken) = unbounded();
    let context =
        Context::new(client.clone(), inventory, settings.clone(), metrics, leadership.clone(), Clock::system(), wake);
    let context = Arc::new(context);
    // No pass before all objects are known, for one that isn't yet might contradict one that is; and none while another process leads.
    let mut closed = Some(context.gate.write().await);
    let mut running = pin!(controllers(&client, &settings, &context, &readiness, woken).collect::<()>().fuse());
    let mut stop = pin!(stop.fuse());
    let open = async {
        readiness.known().await;
        tracing::info!("all watched objects are known");
        leadership.acquired().await;
    };
    let opened = tokio::select! {
        () = &mut running => false,
        () = &mut stop => false,
        () = open => true,
    };
    if opened {
        drop(closed.take());
        tokio::select! {
            () = &mut running => tracing::error!("the watches ended by themselves"),
            () = &mut stop => {}
        }
    }
    context.stop();
    drop(closed);
    tracing::info!("stopping: waiting for work in flight");
    // A pass holds the gate for reading; once it is ours none is under way, and none begins. Dropping `running` would end them.
    tokio::select! {
        () = &mut running => {}
        _gate = context.gate.write() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("work in flight didn't end within {GRACE:?}"),
    }
}

/// One controller for each watch: a namespace that is forbidden or gone must not keep the others from being served.
fn controllers(
    client: &Client,
    settings: &Settings,
    context: &Arc<Context>,
    readiness: &Readiness,
    woken: UnboundedReceiver<ObjectKey>,
) -> SelectAll<stream::BoxStream<'static, ()>> {
    let scopes: Vec<Option<String>> = if settings.namespaces.is_empty() {
        vec![None]
    } else {
        settings.namespaces.iter().cloned().map(Some).collect()
    };
    let mut streams = SelectAll::new();
    let mut wakers = Vec::new();
    for (index, namespace) in scopes.into_iter().enumerate() {
        let (sender, receiver) = unbounded();
        wakers.push((namespace.clone(), sender));
        streams.push(controller(client, namespace, index, context, readiness, receiver).boxed());
    }
    let distribute = woken.for_each(move |key| {
        for (namespace, sender) in &wakers {
            if namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace) {
                let _ = sender.unbounded_send(key.clone());
            }
        }
        future::ready(())
    });
    streams.push(stream::once(distribute).boxed());
    streams
}

fn controller(
    client: &Client,
    namespace: Option<String>,
    index: usize,
    context: &Arc<Context>,
    readiness: &Readiness,
    woken: UnboundedReceiver<ObjectKey>,
) -> impl Stream<Item = ()> + Send + 'static {
    let api: Api<Guarded> = match &namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let (store, writer) = reflector::store();
    let index =
        Index { context: Arc::clone(context), readiness: readiness.clone(), namespace, watch: index, listed: vec![] };
    let objects = watched(api, index).reflect(writer).touched_objects();
    let woken = woken.map(|key| ObjectRef::new(&key.name).within(&key.namespace));
    Controller::for_stream(objects, store)
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .reconcile_on(woken)
        .run(reconcile, after_error, Arc::clone(context))
        .map(|result| {
            // A pass for an object that is gone meanwhile is no news, and the others are logged where they happen.
            if let Err(error) = result {
                tracing::debug!(error = %error, "controller");
            }
        })
}

/// The watch, with what it delivers noted in the index of claims. Its errors are retried for ever, and shown by readiness.
fn watched(api: Api<Guarded>, mut index: Index) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    watcher(api, watcher::Config::default())
        // They make up most of an object, and nobody here reads them.
        .modify(|object| object.managed_fields_mut().clear())
        .backoff(WatchBackoff::default())
        .filter_map(move |event| {
            index.note(&event);
            future::ready(event.ok().map(Ok))
        })
}

/// kube's own back-off goes up to 30 s, which is long for people who wait for the CRD or the API server to come back.
struct WatchBackoff(Duration);

impl WatchBackoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LAST: Duration = Duration::from_secs(5);
}

impl Default for WatchBackoff {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(Self::LAST);
        Some(wait)
    }
}

impl Backoff for WatchBackoff {
    fn reset(&mut self) {
        self.0 = Self::FIRST;
    }
}

/// What one watch has delivered.
struct Index {
    context: Arc<Context>,
    readiness: Readiness,
    namespace: Option<String>,
    watch: usize,
    /// The objects of the list that is under way.
    listed: Vec<ObjectKey>,
}

impl Index {
    fn note(&mut self, event: &watcher::Result<watcher::Event<Guarded>>) {
        match event {
            Ok(watcher::Event::Init) => self.listed.clear(),
            Ok(watcher::Event::InitApply(object)) => {
                self.listed.push(key_of(object));
                self.set(object);
            }
            Ok(watcher::Event::InitDone) => {
                let listed: std::collections::HashSet<ObjectKey> = self.listed.drain(..).collect();
                for key in self.context.known(self.namespace.as_deref()) {
                    if !listed.contains(&key) {
                        self.context.forget(&key);
                    }
                }
                self.readiness.listed(self.watch);
            }
            Ok(watcher::Event::Apply(object)) => self.set(object),
            Ok(watcher::Event::Delete(object)) => {
                let key = key_of(object);
                tracing::info!(object = %key, "the object is gone; nothing is changed in AWS");
                self.context.forget(&key);
            }
            Err(error) => self.readiness.failed(self.watch, self.namespace.as_deref(), error),
        }
    }

    fn set(&self, object: &Guarded) {
        match &object.0 {
            Ok(decoded) => {
                let intent = Intent::of(decoded, self.context.default_region().as_ref());
                self.context.claim(&key_of(object), Some(intent));
            }
            Err(error) => {
                tracing::error!(object = %key_of(object), error = %error, "the object can't be decoded and is skipped");
                self.context.forget(&key_of(object));
            }
        }
    }
}

async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, ClusterError> {
    let _open = context.gate.read().await;
    let Ok(decoded) = &object.0 else { return Ok(Action::await_change()) };
    if context.is_stopping() {
        return Ok(Action::await_change());
    }
    let started = Instant::now();
    let key = key_of(decoded);
    let result = Box::pin(Pass::new(&context, decoded, key.clone()).run()).await;
    let word = if result.is_ok() { "requeue_after" } else { "error" };
    context.metrics.reconciled(word, started.elapsed());
    let next = result?;
    context.succeeded(&key);
    Ok(Action::requeue(next))
}

fn after_error(object: Arc<Guarded>, error: &ClusterError, context: Arc<Context>) -> Action {
    let key = key_of(&*object);
    let wait = context.failed(&key);
    tracing::warn!(object = %key, error = %error, "the pass failed and is tried again in {wait:?}");
    Action::requeue(wait)
}
