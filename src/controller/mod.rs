//! Watches the objects and keeps a pass going over each that needs one.

mod cluster;
mod context;
mod index;
mod pass;
mod readiness;
mod report;
mod watch;

pub use readiness::Readiness;
pub use watch::WATCH;

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt, Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
    future,
    stream::{self, SelectAll},
};
use kube::{
    Api, Client,
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef},
    },
};
use tokio::time::Instant;

use self::{
    cluster::ClusterError,
    context::Context,
    index::{Index, watched},
    pass::{Pass, key_of},
};
use crate::{
    api::CloudHsmBackup, backup::Region, claims::ObjectKey, clock::Clock, decide::Mode, inventory::Inventory,
    metrics::Metrics,
};

/// An object as the watch delivers it: one that can't be decoded doesn't stop the others.
type Guarded = DeserializeGuard<CloudHsmBackup>;

/// How many passes run at once per watch. A pass that waits for AWS costs memory and nothing else.
const CONCURRENCY: u16 = 256;

/// How long a stop waits for the passes under way.
const GRACE: Duration = Duration::from_secs(30);

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

/// Runs until `stop` resolves, then lets the passes under way finish.
pub async fn run(
    client: Client,
    inventory: Inventory,
    settings: Settings,
    metrics: Metrics,
    readiness: Readiness,
    stop: impl Future<Output = ()>,
) {
    let (wake, woken) = unbounded();
    let context = Arc::new(Context::new(client.clone(), inventory, settings.clone(), metrics, Clock::system(), wake));
    // No pass before all objects are known: one that isn't yet might contradict one that is.
    let mut closed = Some(context.gate.write().await);
    let mut running = pin!(controllers(&client, &settings, &context, &readiness, woken).collect::<()>().fuse());
    let mut stop = pin!(stop.fuse());
    let known = tokio::select! {
        () = &mut running => false,
        () = &mut stop => false,
        () = readiness.known() => true,
    };
    if known {
        tracing::info!("all watched objects are known");
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
    let client = watch::paced(client);
    let api: Api<Guarded> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let (store, writer) = reflector::store();
    let index = Index::new(Arc::clone(context), readiness.clone(), namespace, index);
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
