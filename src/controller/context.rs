//! What all passes share.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::channel::mpsc::UnboundedSender;
use kube::Client;
use tokio::sync::RwLock;

use super::{
    cluster::{Cluster, ClusterError},
    memory::Memory,
    object::{Watched, key_of},
};
use crate::{
    api::CloudHsmBackupStatus,
    backoff,
    backup::{FailureClass, Region},
    claims::{Claims, ObjectKey},
    clock::Clock,
    decide::Mode,
    events::Events,
    intent::Intent,
    inventory::{Changed, Inventory, Shown},
    lag::recall,
    leadership::Leadership,
    message::Rival,
    metrics::Metrics,
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
    pub(super) memory: Memory,
    wake: UnboundedSender<ObjectKey>,
    /// Passes hold it for reading. Held for writing until all objects are known and this process leads, and again to stop.
    pub(super) gate: RwLock<()>,
    serving: AtomicBool,
    stopping: AtomicBool,
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
            memory: Memory::default(),
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
        let Some(intent) = object.intent(self.default_region().as_ref()) else {
            let why = object.spec().err().unwrap_or_default();
            tracing::error!(object = %key, error = why, "the object can't be decoded and is skipped");
            return self.forget(&key);
        };
        let (scope, id) = (intent.scope.clone(), intent.backup_id);
        let status = object.status.status();
        let recalled = recall(&status, &intent, self.clock.now());
        let (another, new, affected) = {
            let mut claims = lock(&self.claims);
            let known = claims.of(&key);
            let (another, new) = (known.is_some_and(|known| known.uid != intent.uid), known != Some(&intent));
            if let Some(scope) = &scope {
                self.inventory.track(scope, &id);
            }
            (another, new, claims.set(&key, Some(intent)))
        };
        self.wake(affected);
        let strayed = self.memory.note(&key, object, &status, (another, new));
        if let Some(scope) = scope {
            if strayed {
                self.inventory.await_next(&scope, &id);
            }
            if let Some((unshown, age)) = recalled {
                self.inventory.recall(&scope, &id, unshown, age);
            }
        }
    }

    /// Whether an object needs a pass by itself: it does when it asks for something. What AWS says of it comes without that.
    pub(super) fn asks(&self, object: &Watched) -> bool {
        let key = key_of(object);
        let placeless = match lock(&self.claims).of(&key) {
            Some(intent) => intent.scope.is_none(),
            None => return false,
        };
        placeless || self.memory.asks(&key, &object.metadata, &object.status, self.is_serving())
    }

    /// The same as a pass reads it.
    pub(super) fn refresh_claim(&self, key: &ObjectKey, intent: &Intent) {
        let affected = {
            let mut claims = lock(&self.claims);
            let affected = claims.refresh(key, intent);
            if claims.is_known(key, &intent.uid)
                && let Some(scope) = &intent.scope
            {
                self.inventory.track(scope, &intent.backup_id);
            }
            affected
        };
        self.wake(affected);
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

    pub(super) fn wake(&self, objects: Vec<ObjectKey>) {
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
        let affected = {
            let mut claims = lock(&self.claims);
            let intent = claims.of(key).cloned();
            let affected = claims.set(key, None);
            self.memory.forget(key);
            self.metrics.object_gone(key);
            // Under the same lock as where a backup is begun to be tracked, so that none is tracked for ever.
            if let Some(Intent { scope: Some(scope), backup_id, .. }) = intent
                && claims.naming(&scope, &backup_id).is_empty()
            {
                self.inventory.forget(&scope, &backup_id);
            }
            affected
        };
        self.wake(affected);
    }

    /// Remembers what is written, or stood there already, and shows it in the metrics; but nothing of an object that went meanwhile.
    pub(super) fn conclude(&self, key: &ObjectKey, uid: &str, status: &CloudHsmBackupStatus, shown: Option<Shown>) {
        // Held to the end, so that the watch takes the object away before or after this, not in between.
        let claims = lock(&self.claims);
        if let Some(key) = claims.known(key, uid) {
            self.metrics.object(key, status);
            self.memory.conclude(key, status, shown);
        }
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
        // Held to the end, as above.
        let claims = lock(&self.claims);
        if let Some(key) = claims.known(key, &stored.metadata.uid.clone().unwrap_or_default()) {
            self.memory.wrote(key, stored.version(), stored.status);
        }
        Ok(())
    }

    /// How long to wait after a pass that the API server made fail.
    pub(super) fn failed(&self, key: &ObjectKey) -> Duration {
        let limit = self.resync.min(CLUSTER_RETRY);
        backoff::delay(FailureClass::AwsUnavailable, self.memory.failed(key), limit, fastrand::f64())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
