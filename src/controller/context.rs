//! What all passes share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, ResourceExt};
use tokio::sync::RwLock;

use super::{
    cluster::{Cluster, ClusterError},
    object::{Watched, key_of, version},
};
use crate::{
    api::{CloudHsmBackupStatus, READY, REQUESTED_AT},
    backoff,
    backup::{FailureClass, Region},
    claims::{Claims, ObjectKey},
    clock::Clock,
    decide::Mode,
    events::Events,
    intent::{Intent, open_request},
    inventory::{Changed, Inventory, Shown},
    lag::recall,
    leadership::Leadership,
    message::Rival,
    metrics::Metrics,
    status::{self, Showing},
};

/// A pass that the API server made fail is tried again within this, however long the API server was away.
const CLUSTER_RETRY: Duration = Duration::from_secs(15);

/// What all passes share.
pub(super) struct Context {
    pub(super) cluster: Cluster,
    pub(super) events: Events,
    pub(super) inventory: Inventory,
    pub(super) leadership: Leadership,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) mode: Mode,
    pub(super) resync: Duration,
    default_region: Mutex<Option<Region>>,
    claims: Mutex<Claims>,
    local: Mutex<HashMap<ObjectKey, Local>>,
    wake: UnboundedSender<ObjectKey>,
    /// Passes hold it for reading. Held for writing until all objects are known and this process leads, and again to stop.
    pub(super) gate: RwLock<()>,
    serving: AtomicBool,
    stopping: AtomicBool,
}

/// What this process remembers of an object.
#[derive(Default)]
struct Local {
    /// What was concluded last: while the process lives its own word is its memory, and nobody else's.
    concluded: Option<Arc<CloudHsmBackupStatus>>,
    written: Option<Box<Written>>,
    /// What AWS showed then.
    shown: Option<Shown>,
    /// When the object began to ask for what it asks for.
    asked_since: Option<Instant>,
    /// The annotation that asks for a look, as the watch delivered it last.
    request: Option<Box<str>>,
    /// When it needs a pass though nothing changes.
    due: Option<Instant>,
    errors: u32,
}

/// The last status this process wrote, and as which version of the object it was stored.
struct Written {
    resource_version: Option<u64>,
    status: CloudHsmBackupStatus,
}

/// What a pass begins with.
pub(super) struct Remembered {
    /// The status as it is stored: of the cache, or of our own last write where the cache doesn't have that yet.
    pub(super) stored: Arc<CloudHsmBackupStatus>,
    /// The one this process concluded last.
    pub(super) concluded: Option<Arc<CloudHsmBackupStatus>>,
    /// What AWS showed then.
    pub(super) shown: Option<Shown>,
    /// When the object began to ask for what it asks for.
    pub(super) asked_since: Instant,
    /// The time that the last pass named.
    pub(super) due: Option<Instant>,
}

impl Context {
    /// Starts without knowledge. `wake` takes objects that need a pass because another one changed.
    #[must_use]
    pub(super) fn new(
        client: Client,
        inventory: Inventory,
        settings: super::Settings,
        metrics: Metrics,
        leadership: Leadership,
        clock: Clock,
        wake: UnboundedSender<ObjectKey>,
    ) -> Self {
        Self {
            cluster: Cluster::new(client.clone(), leadership.clone()),
            events: Events::new(client, leadership.clone()),
            inventory,
            leadership,
            metrics,
            clock,
            mode: settings.mode,
            resync: settings.resync,
            default_region: Mutex::new(settings.region),
            claims: Mutex::default(),
            local: Mutex::default(),
            wake,
            gate: RwLock::new(()),
            serving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn default_region(&self) -> Option<Region> {
        lock(&self.default_region).clone()
    }

    /// Asks the AWS SDK's chain for the region once more.
    pub(super) async fn find_default_region(&self) {
        if let Some(region) = self.inventory.default_region().await {
            *lock(&self.default_region) = Some(region);
        }
    }

    /// No pass begins anything new any more.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Passes may run: what comes from now on can't rely on the first sweep.
    pub(super) fn serve(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Takes in an object as the watch delivers it, and wakes those that this concerns.
    pub(super) fn note(&self, object: &mut Watched) {
        let key = key_of(object);
        let intent = object.intent(self.default_region().as_ref());
        let scope = intent.scope.clone();
        let id = intent.backup_id;
        let recalled = recall(&object.status, &intent, self.clock.now());
        let request = object.annotations().get(REQUESTED_AT).cloned();
        let (new, another, affected) = {
            let mut claims = lock(&self.claims);
            let known = claims.of(&key);
            let another = known.is_some_and(|known| known.uid != intent.uid);
            let new = known != Some(&intent);
            (new, another, claims.set(&key, Some(intent)))
        };
        self.wake(affected);
        let strayed = {
            let mut local = lock(&self.local);
            let local = local.entry(key).or_default();
            if another {
                // It has nothing to do with what was remembered.
                *local = Local::default();
            }
            if new || local.request.as_deref() != request.as_deref() {
                local.asked_since = Some(Instant::now());
                local.request = request.map(String::into_boxed_str);
            }
            local.written.take_if(|written| written.resource_version <= object.version());
            match &local.concluded {
                Some(concluded) if *concluded == object.status => {
                    object.status = Arc::clone(concluded);
                    false
                }
                Some(_) => local.written.is_none(),
                // What it says must be shown to be wrong where AWS can't be asked.
                None => status::showing(&object.status, false, false, false) != Showing::Nothing,
            }
        };
        if let Some(scope) = scope {
            self.inventory.track(&scope, &id, strayed);
            if let Some((unshown, age)) = recalled {
                self.inventory.recall(&scope, &id, unshown, age);
            }
        }
    }

    /// Whether an object needs a pass by itself: it does when it asks for something. What AWS says of it comes without that.
    pub(super) fn asks(&self, object: &Watched) -> bool {
        let key = key_of(object);
        let Some(intent) = lock(&self.claims).of(&key).cloned() else { return false };
        let local = lock(&self.local);
        let local = local.get(&key);
        let own = local.and_then(|local| local.concluded.as_ref());
        let behind = local.is_some_and(|local| local.written.is_some());
        let open = |status: &CloudHsmBackupStatus| is_open(&object.metadata, intent.generation, status);
        let late = own.is_none() && self.is_serving();
        late || intent.scope.is_none()
            || own.map_or_else(|| open(&object.status), |own| open(own) || (!behind && open(&object.status)))
    }

    /// The same as a pass reads it.
    pub(super) fn refresh_claim(&self, key: &ObjectKey, intent: &Intent) {
        let (moved, affected) = {
            let mut claims = lock(&self.claims);
            let known = claims.of(key).filter(|known| known.uid == intent.uid);
            (known.is_some_and(|known| known.scope != intent.scope), claims.refresh(key, intent))
        };
        self.wake(affected);
        if let Some(scope) = intent.scope.as_ref().filter(|_| moved) {
            // Of an object without a region the watch couldn't tell where to look.
            self.inventory.track(scope, &intent.backup_id, false);
        }
    }

    /// Wakes the other objects that name the same backup: what AWS shows of it has just changed.
    pub(super) fn wake_sharing(&self, key: &ObjectKey) {
        let sharing = lock(&self.claims).sharing(key);
        self.wake(sharing);
    }

    /// Wakes the objects that name a backup.
    pub(super) fn wake_naming(&self, changed: &Changed) {
        let naming = lock(&self.claims).naming(&changed.scope, &changed.backup_id);
        self.wake(naming);
    }

    fn wake(&self, objects: Vec<ObjectKey>) {
        for object in objects {
            // It fails only when nothing runs any more.
            let _ = self.wake.unbounded_send(object);
        }
    }

    pub(super) fn rival(&self, key: &ObjectKey, intent: &Intent) -> Option<Rival> {
        lock(&self.claims).rival(key, intent)
    }

    pub(super) fn known(&self, namespace: Option<&str>) -> Vec<ObjectKey> {
        lock(&self.claims).objects(namespace)
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        let (backup, affected) = {
            let mut claims = lock(&self.claims);
            let intent = claims.of(key).cloned();
            let affected = claims.set(key, None);
            lock(&self.local).remove(key);
            self.metrics.object_gone(key);
            let backup = intent.and_then(|intent| Some((intent.scope?, intent.backup_id)));
            (backup.filter(|(scope, id)| claims.naming(scope, id).is_empty()), affected)
        };
        self.wake(affected);
        if let Some((scope, id)) = backup {
            self.inventory.forget(&scope, &id);
        }
    }

    /// What is remembered of an object.
    pub(super) fn remembered(&self, key: &ObjectKey, object: &Watched) -> Remembered {
        let mut local = lock(&self.local);
        let local = local.entry(key.clone()).or_default();
        local.written.take_if(|written| written.resource_version <= object.version());
        let stored = match &local.written {
            Some(written) => Arc::new(written.status.clone()),
            None => Arc::clone(&object.status),
        };
        Remembered {
            stored,
            concluded: local.concluded.clone(),
            shown: local.shown,
            asked_since: *local.asked_since.get_or_insert_with(Instant::now),
            due: local.due,
        }
    }

    /// Remembers what is written, or stood there already, and shows it in the metrics; but nothing of an object that went meanwhile.
    pub(super) fn conclude(&self, key: &ObjectKey, uid: &str, status: Arc<CloudHsmBackupStatus>, shown: Option<Shown>) {
        // Held to the end, so that the watch takes the object away before or after this, not in between.
        let claims = lock(&self.claims);
        if !claims.is_known(key, uid) {
            return;
        }
        self.metrics.object(key, &status);
        let mut local = lock(&self.local);
        let local = local.entry(key.clone()).or_default();
        local.concluded = Some(status);
        local.shown = shown;
    }

    /// Writes a status and remembers it until the cache has it.
    pub(super) async fn write_status(
        &self,
        key: &ObjectKey,
        object: &Watched,
        previous: &CloudHsmBackupStatus,
        next: &CloudHsmBackupStatus,
    ) -> Result<(), ClusterError> {
        let stored = match self.cluster.write_status(key, object, previous, next).await {
            Ok(stored) => stored,
            Err(error) if error.is_gone() => return Ok(()),
            Err(error) => {
                self.metrics.reconcile_error();
                return Err(error);
            }
        };
        let written =
            Written { resource_version: version(&stored.metadata), status: stored.status.unwrap_or_default() };
        // Held to the end, as above.
        let claims = lock(&self.claims);
        if claims.is_known(key, &stored.metadata.uid.unwrap_or_default()) {
            lock(&self.local).entry(key.clone()).or_default().written = Some(Box::new(written));
        }
        Ok(())
    }

    /// How long to wait after a pass that the API server made fail.
    pub(super) fn failed(&self, key: &ObjectKey) -> Duration {
        let mut local = lock(&self.local);
        let errors = &mut local.entry(key.clone()).or_default().errors;
        *errors = errors.saturating_add(1);
        backoff::delay(FailureClass::AwsUnavailable, *errors, self.resync.min(CLUSTER_RETRY), fastrand::f64())
    }

    /// A pass is over. `next` is when the object needs another one though nothing changes.
    pub(super) fn succeeded(&self, key: &ObjectKey, next: Option<Duration>) {
        if let Some(local) = lock(&self.local).get_mut(key) {
            local.errors = 0;
            local.due = next.and_then(|next| Instant::now().checked_add(next));
        }
    }
}

/// Whether an object asks for something that a status doesn't answer: a generation, a request, or to be seen at all.
pub(super) fn is_open(metadata: &ObjectMeta, generation: i64, status: &CloudHsmBackupStatus) -> bool {
    status.observed_generation != Some(generation)
        || status.condition(READY).is_none()
        || open_request(metadata, status).is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
