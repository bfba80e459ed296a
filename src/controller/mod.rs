//! Watches the objects and keeps a pass going over each that needs one.

mod cluster;
mod context;
mod index;
mod kept;
mod memory;
mod object;
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
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        reflector::{self, ObjectRef},
        watcher,
    },
};
use tokio::time::Instant;
use tracing::Instrument;

use self::{
    cluster::ClusterError,
    context::Context,
    index::{Index, watched},
    object::{Watched, key_of},
    pass::Pass,
};
use crate::{
    api::READY,
    backup::Region,
    claims::ObjectKey,
    clock::Clock,
    decide::Mode,
    inventory::{Changed, Inventory},
    leadership::Leadership,
    liveness::{Liveness, Pulse},
    metrics::Metrics,
    spans,
};

/// How many passes run at once per watch. None waits long: for a look a moment, for a write as many as the inventory lets in.
const CONCURRENCY: u16 = 128;

/// How long a stop waits for the passes under way. Of 30 s the rest is for giving the Lease back and for the last traces.
const GRACE: Duration = Duration::from_secs(26);

/// How often the controller shows that it is alive, and when it counts as dead.
const BEAT: Duration = Duration::from_secs(5);
const BEAT_BOUND: Duration = Duration::from_secs(60);

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

/// What the controller tells others of itself, and asks them.
#[derive(Clone, Debug)]
pub struct Signals {
    /// Whether every watched namespace was listed or refused.
    pub readiness: Readiness,
    /// Whether this process may act.
    pub leadership: Leadership,
    /// Whether the loops go round.
    pub liveness: Liveness,
}

/// Runs until `stop` resolves, then lets the passes under way finish. Watches from the start, and acts once this process leads.
pub async fn run(
    client: Client,
    (inventory, changed): (Inventory, UnboundedReceiver<Changed>),
    settings: Settings,
    metrics: Metrics,
    Signals { readiness, leadership, liveness }: Signals,
    stop: impl Future<Output = ()>,
) {
    let (wake, woken) = unbounded();
    let context =
        Context::new(client.clone(), inventory, settings.clone(), metrics, leadership.clone(), Clock::system(), wake);
    let context = Arc::new(context);
    // No pass before all objects are known, for one that isn't yet might contradict one that is; and none while another process leads.
    let mut closed = Some(context.gate.write().await);
    let pulse = liveness.watch_over("the controller", BEAT_BOUND).must_not_end();
    let streams = controllers(&client, &settings, &context, &readiness, woken, changed, pulse);
    let mut running = pin!(streams.collect::<()>().fuse());
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
        context.serve();
        context.inventory.start();
        drop(closed.take());
        tokio::select! {
            () = &mut running => tracing::error!("the watches ended by themselves"),
            () = &mut stop => {}
        }
    }
    context.stop();
    context.inventory.stop();
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
    changed: UnboundedReceiver<Changed>,
    pulse: Pulse,
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
            if namespace.as_ref().is_none_or(|namespace| **namespace == *key.namespace) {
                let _ = sender.unbounded_send(key.clone());
            }
        }
        future::ready(())
    });
    streams.push(stream::once(distribute).boxed());
    let context = Arc::clone(context);
    let tell = changed.for_each(move |changed| {
        context.wake_naming(&changed);
        future::ready(())
    });
    streams.push(stream::once(tell).boxed());
    streams.push(beats(pulse).boxed());
    streams
}

/// Beats for as long as the task is polled that all watches and passes run in.
fn beats(pulse: Pulse) -> impl Stream<Item = ()> + Send {
    stream::unfold(pulse, async |pulse| {
        tokio::time::sleep(BEAT).await;
        pulse.beat();
        Some(((), pulse))
    })
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
    let api: Api<Watched> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let (store, writer) = reflector::store();
    let index = Index::new(Arc::clone(context), readiness.clone(), namespace, index);
    // An object needs a pass by itself only when it asks for something. What a list holds is woken by the index, at its end.
    let asking = Arc::clone(context);
    let objects = watched(api, index).reflect(writer).filter_map(move |event| {
        future::ready(match event {
            Ok(watcher::Event::Apply(object)) if asking.asks(&object) => Some(Ok(object)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    });
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

async fn reconcile(object: Arc<Watched>, context: Arc<Context>) -> Result<Action, ClusterError> {
    let Ok(_open) = context.gate.try_read() else {
        // On a standby that may take days: then with the object as it is by that time.
        drop(context.gate.read().await);
        return Ok(if context.is_stopping() { Action::await_change() } else { Action::requeue(Duration::ZERO) });
    };
    let Some(intent) = object.intent(context.default_region().as_ref()) else { return Ok(Action::await_change()) };
    if context.is_stopping() {
        return Ok(Action::await_change());
    }
    let _active = context.metrics.active();
    let started = Instant::now();
    let key = key_of(&*object);
    let span = spans::pass(&key, object.metadata.generation, intent.backup_id.as_str());
    let result = Box::pin(Pass::new(&context, &object, intent, key.clone()).run()).instrument(span.clone()).await;
    let word = if result.is_ok() { "requeue_after" } else { "error" };
    context.metrics.reconciled(word, started.elapsed());
    if !span.is_disabled() {
        let concluded = context.memory.concluded(&key).map(|kept| kept.status());
        let ready = concluded.as_ref().and_then(|status| status.condition(READY));
        let outcome = if result.is_ok() { "success" } else { "error" };
        spans::passed(&span, outcome, ready.map(|ready| ready.reason.as_str()));
    }
    let next = result?;
    context.memory.succeeded(&key, next);
    Ok(next.map_or_else(Action::await_change, Action::requeue))
}

fn after_error(object: Arc<Watched>, error: &ClusterError, context: Arc<Context>) -> Action {
    let key = key_of(&*object);
    let wait = context.failed(&key);
    tracing::warn!(object = %key, error = %error, "the pass failed and is tried again in {wait:?}");
    Action::requeue(wait)
}
