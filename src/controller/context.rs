//! What all passes share.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::channel::mpsc::UnboundedSender;
use kube::{Client, ResourceExt};
use tokio::sync::RwLock;

use super::cluster::{Cluster, ClusterError};
use crate::{
    api::{CloudHsmBackup, CloudHsmBackupStatus},
    backoff,
    backup::{FailureClass, Region},
    claims::{Claims, ObjectKey},
    clock::Clock,
    decide::Mode,
    events::Events,
    intent::Intent,
    inventory::Inventory,
    leadership::Leadership,
    message::Rival,
    metrics::Metrics,
};

/// How often a pass that waits for AWS asks whether its object has changed.
const CHANGED: Duration = Duration::from_millis(250);

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
    stopping: AtomicBool,
}

/// What this process remembers of an object.
#[derive(Default)]
struct Local {
    uid: Option<String>,
    concluded: Option<CloudHsmBackupStatus>,
    written: Option<Written>,
    errors: u32,
}

impl Local {
    /// Another object of the same name has nothing to do with what was remembered.
    fn belongs_to(&mut self, uid: Option<&str>) {
        if self.uid.as_deref() != uid {
            *self = Self { uid: uid.map(str::to_owned), ..Self::default() };
        }
    }
}

/// The last status this process wrote, and as which version of the object it was stored.
struct Written {
    resource_version: Option<u64>,
    status: CloudHsmBackupStatus,
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

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Takes in what the watch says an object asks for, and wakes those that this concerns.
    pub(super) fn claim(&self, key: &ObjectKey, intent: Option<Intent>) {
        let affected = lock(&self.claims).set(key, intent);
        self.wake(affected);
    }

    /// The same as a pass reads it.
    pub(super) fn refresh_claim(&self, key: &ObjectKey, intent: &Intent) {
        let affected = lock(&self.claims).refresh(key, intent);
        self.wake(affected);
    }

    /// Waits for a look, but no longer than the object asks for what it asked for when the pass began: a look that hangs must not
    /// keep a change of mind waiting. `None` when it changed.
    pub(super) async fn unless_changed<T>(
        &self,
        key: &ObjectKey,
        intent: &Intent,
        look: impl Future<Output = T>,
    ) -> Option<T> {
        let changed = async {
            loop {
                tokio::time::sleep(CHANGED).await;
                if lock(&self.claims).of(key) != Some(intent) {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            looked = look => Some(looked),
            () = changed => None,
        }
    }

    /// Wakes the other objects that name the same backup: what AWS shows of it has just changed.
    pub(super) fn wake_sharing(&self, key: &ObjectKey) {
        let sharing = lock(&self.claims).sharing(key);
        self.wake(sharing);
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
        let (intent, affected) = {
            let mut claims = lock(&self.claims);
            let intent = claims.of(key).cloned();
            let affected = claims.set(key, None);
            lock(&self.local).remove(key);
            self.metrics.object_gone(&key.namespace, &key.name);
            (intent.filter(|intent| !claims.is_named(&intent.backup_id)), affected)
        };
        self.wake(affected);
        if let Some(Intent { scope: Some(scope), backup_id, .. }) = intent {
            self.inventory.forget(&scope, &backup_id);
        }
    }

    /// The object's status as it is stored: of the cache, or of our own last write where the cache doesn't have that yet. And the
    /// one this process concluded last: while the process lives its own word is its memory, and nobody else's.
    pub(super) fn statuses(
        &self,
        key: &ObjectKey,
        object: &CloudHsmBackup,
    ) -> (CloudHsmBackupStatus, Option<CloudHsmBackupStatus>) {
        let cached = || object.status.clone().unwrap_or_default();
        let mut local = lock(&self.local);
        let Some(local) = local.get_mut(key) else { return (cached(), None) };
        local.belongs_to(object.uid().as_deref());
        local.written.take_if(|written| written.resource_version <= version(object));
        let stored = local.written.as_ref().map_or_else(cached, |written| written.status.clone());
        (stored, local.concluded.clone())
    }

    /// Remembers what is written, or stood there already, and shows it in the metrics; but nothing of an object that went meanwhile.
    pub(super) fn conclude(&self, key: &ObjectKey, uid: &str, status: CloudHsmBackupStatus) {
        // Held to the end, so that the watch takes the object away before or after this, not in between.
        let claims = lock(&self.claims);
        if !claims.is_known(key, uid) {
            return;
        }
        self.metrics.object(&key.namespace, &key.name, &status);
        let mut local = lock(&self.local);
        let local = local.entry(key.clone()).or_default();
        local.belongs_to(Some(uid));
        local.concluded = Some(status);
    }

    /// Writes a status and remembers it until the cache has it.
    pub(super) async fn write_status(
        &self,
        key: &ObjectKey,
        object: &CloudHsmBackup,
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
        let status = stored.status.clone().unwrap_or_default();
        let written = Written { resource_version: version(&stored), status };
        let mut local = lock(&self.local);
        let local = local.entry(key.clone()).or_default();
        local.belongs_to(stored.uid().as_deref());
        local.written = Some(written);
        Ok(())
    }

    /// How long to wait after a pass that the API server made fail.
    pub(super) fn failed(&self, key: &ObjectKey) -> Duration {
        let mut local = lock(&self.local);
        let errors = &mut local.entry(key.clone()).or_default().errors;
        *errors = errors.saturating_add(1);
        backoff::delay(FailureClass::AwsUnavailable, *errors, self.resync, fastrand::f64())
    }

    pub(super) fn succeeded(&self, key: &ObjectKey) {
        if let Some(local) = lock(&self.local).get_mut(key) {
            local.errors = 0;
        }
    }
}

fn version(object: &CloudHsmBackup) -> Option<u64> {
    object.resource_version().and_then(|version| version.parse().ok())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
