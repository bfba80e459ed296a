//! What the metrics tell of each object: made at each scrape from a table, since as series of their own they would take more memory
//! than the objects themselves.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::MetricType,
};

use crate::{
    api::{CloudHsmBackupStatus, READY, Reason},
    backup::BackupState,
    claims::ObjectKey,
};

/// The table.
#[derive(Default)]
pub(super) struct Objects(Mutex<HashMap<ObjectKey, Row>>);

struct Row {
    state: Option<BackupState>,
    ready: Option<(&'static str, Reason)>,
    permanent_deletion: Option<i64>,
}

/// Further labels, and the value.
type Sample = (Vec<(&'static str, String)>, i64);

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Objects {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, object: &ObjectKey, status: &CloudHsmBackupStatus) {
        let state = status.backup_state.as_deref().map(BackupState::from);
        let pending = state == Some(BackupState::PendingDeletion);
        let ready = status.condition(READY).and_then(|ready| {
            let word = match ready.status.as_str() {
                "True" => "True",
                "False" => "False",
                _ => "Unknown",
            };
            Reason::from_word(&ready.reason).map(|reason| (word, reason))
        });
        let end = status.delete_timestamp.as_ref().map(|end| end.0.as_second());
        let row = Row { state, ready, permanent_deletion: end.filter(|_| pending) };
        let mut rows = self.lock();
        match rows.get_mut(object) {
            Some(old) => *old = row,
            None => {
                rows.insert(object.clone(), row);
            }
        }
    }

    pub(super) fn remove(&self, object: &ObjectKey) {
        self.lock().remove(object);
    }
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rows = self.lock();
        let mut metric = |name: &str, help: &str, of: &dyn Fn(&Row) -> Option<Sample>| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (object, row) in &*rows {
                let Some((labels, value)) = of(row) else { continue };
                let names = [("namespace", object.namespace.to_string()), ("name", object.name.to_string())];
                let labels: Vec<_> = names.into_iter().chain(labels).collect();
                encode(&mut metric, &labels, value)?;
            }
            Ok(())
        };
        metric("state", "1 for the state of each object's backup, in AWS's own word", &|row| {
            row.state.as_ref().map(|state| (vec![("backup_state", state.to_string())], 1))
        })?;
        metric("ready", "1 for the condition Ready of each object", &|row| {
            let (status, reason) = row.ready?;
            Some((vec![("status", status.to_owned()), ("reason", reason.as_str().to_owned())], 1))
        })?;
        metric(
            "permanent_deletion_timestamp_seconds",
            "When AWS deletes the backup of an object for good, in seconds since the epoch",
            &|row| row.permanent_deletion.map(|end| (vec![], end)),
        )
    }
}

fn encode(
    metric: &mut prometheus_client::encoding::MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: i64,
) -> fmt::Result {
    metric.encode_family(labels)?.encode_gauge(&value)
}
