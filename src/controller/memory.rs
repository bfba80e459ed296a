//! What this process remembers of each object.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::{kept::Kept, object::Watched};
use crate::{
    api::{CloudHsmBackupStatus, READY, REQUESTED_AT},
    claims::ObjectKey,
    intent::open_request,
    inventory::Shown,
    status::{self, Showing},
};

/// All of it.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<ObjectKey, Local>>);

#[derive(Default)]
struct Local {
    /// What was concluded last: while the process lives its own word is its memory, and nobody else's.
    concluded: Option<Kept>,
    /// The status as the watch delivered it last.
    delivered: Option<Kept>,
    /// The last status this process wrote, while the watch hasn't delivered it.
    written: Option<Box<Written>>,
    /// What AWS showed when it was concluded.
    shown: Option<Shown>,
    /// When the object began to ask for what it asks for.
    asked_since: Option<Instant>,
    /// The annotation that asks for a look, as the watch delivered it last.
    request: Option<Box<str>>,
    /// When it needs a pass though nothing changes.
    due: Option<Instant>,
    errors: u32,
}

/// A status, and as which version of the object it was stored.
struct Written {
    resource_version: Option<u64>,
    status: Kept,
}

/// What a pass begins with.
pub(super) struct Remembered {
    /// The status as it is stored: of the cache, or of our own last write where the cache doesn't have that yet.
    pub(super) stored: Kept,
    /// The one this process concluded last.
    pub(super) concluded: Option<Kept>,
    /// What AWS showed then.
    pub(super) shown: Option<Shown>,
    /// When the object began to ask for what it asks for.
    pub(super) asked_since: Instant,
    /// The time that the last pass named.
    pub(super) due: Option<Instant>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Local>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an object as the watch delivers it, of which `status` is the decoded status. `another` when it has nothing to do with
    /// what was remembered under its name, `new` when it asks for something else than before. Returns whether what it says is to be
    /// looked into, whatever AWS shows.
    pub(super) fn note(
        &self,
        key: &ObjectKey,
        object: &mut Watched,
        status: &CloudHsmBackupStatus,
        (another, new): (bool, bool),
    ) -> bool {
        let mut all = self.lock();
        let local = all.entry(key.clone()).or_default();
        if another {
            *local = Local::default();
        }
        let request = object.annotations().get(REQUESTED_AT);
        if new || local.request.as_deref() != request.map(String::as_str) {
            local.asked_since = Some(Instant::now());
            local.request = request.map(|request| request.as_str().into());
        }
        local.written.take_if(|written| written.resource_version <= object.version());
        let strayed = match &local.concluded {
            Some(concluded) if *concluded == object.status => {
                object.status = concluded.clone();
                false
            }
            Some(_) => local.written.is_none(),
            // What it says must be shown to be wrong where AWS can't be asked.
            None => status::showing(status, false, false, false) != Showing::Nothing,
        };
        local.delivered = Some(object.status.clone());
        strayed
    }

    /// Whether an object asks for something that neither its status nor what was concluded answers. `late` when it can't rely on the
    /// first sweep to be seen at all.
    pub(super) fn asks(&self, key: &ObjectKey, metadata: &ObjectMeta, stored: &Kept, late: bool) -> bool {
        let (concluded, behind) = match self.lock().get(key) {
            Some(local) => (local.concluded.clone(), local.written.is_some()),
            None => (None, false),
        };
        let open = |kept: &Kept| is_open(metadata, &kept.status());
        match concluded {
            Some(concluded) if concluded == *stored => open(stored),
            Some(concluded) => open(&concluded) || (!behind && open(stored)),
            None => late || open(stored),
        }
    }

    /// What a pass begins with.
    pub(super) fn recall(&self, key: &ObjectKey, object: &Watched) -> Remembered {
        let mut all = self.lock();
        let Some(local) = all.get_mut(key) else {
            let (stored, asked_since) = (object.status.clone(), Instant::now());
            return Remembered { stored, concluded: None, shown: None, asked_since, due: None };
        };
        local.written.take_if(|written| written.resource_version <= object.version());
        Remembered {
            stored: local.written.as_ref().map_or(&object.status, |written| &written.status).clone(),
            concluded: local.concluded.clone(),
            shown: local.shown,
            asked_since: *local.asked_since.get_or_insert_with(Instant::now),
            due: local.due,
        }
    }

    /// What was concluded last.
    pub(super) fn concluded(&self, key: &ObjectKey) -> Option<Kept> {
        self.lock().get(key)?.concluded.clone()
    }

    /// Remembers what is written, or stood there already.
    pub(super) fn conclude(&self, key: &ObjectKey, status: &CloudHsmBackupStatus, shown: Option<Shown>) {
        let kept = Kept::of(status);
        if let Some(local) = self.lock().get_mut(key) {
            // The same piece of memory where it is the same.
            local.concluded = Some(local.delivered.clone().filter(|delivered| *delivered == kept).unwrap_or(kept));
            local.shown = shown;
        }
    }

    /// Remembers a status that was written until the watch delivers it.
    pub(super) fn wrote(&self, key: &ObjectKey, resource_version: Option<u64>, status: Kept) {
        if let Some(local) = self.lock().get_mut(key) {
            local.written = Some(Box::new(Written { resource_version, status }));
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    /// A pass failed. Returns how many in a row did.
    pub(super) fn failed(&self, key: &ObjectKey) -> u32 {
        let mut all = self.lock();
        let Some(local) = all.get_mut(key) else { return 1 };
        local.errors = local.errors.saturating_add(1);
        local.errors
    }

    /// A pass is over. `next` is when the object needs another one though nothing changes.
    pub(super) fn succeeded(&self, key: &ObjectKey, next: Option<Duration>) {
        if let Some(local) = self.lock().get_mut(key) {
            local.errors = 0;
            local.due = next.and_then(|next| Instant::now().checked_add(next));
        }
    }
}

/// Whether an object asks for something that a status doesn't answer: a generation, a request, or to be seen at all.
pub(super) fn is_open(metadata: &ObjectMeta, status: &CloudHsmBackupStatus) -> bool {
    is_unseen(metadata, status) || open_request(metadata, status).is_some()
}

/// Whether a status doesn't speak of an object as it is now.
pub(super) fn is_unseen(metadata: &ObjectMeta, status: &CloudHsmBackupStatus) -> bool {
    status.observed_generation != Some(metadata.generation.unwrap_or_default()) || status.condition(READY).is_none()
}
