//! What the controller asks of the API server, each with a deadline.

use std::time::{Duration, Instant};

use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::object::Watched;
use crate::{
    api::{CloudHsmBackupStatus, FIELD_MANAGER},
    claims::ObjectKey,
    leadership::Leadership,
    refusal::InWords,
    spans,
};

/// A read that justifies an AWS write is asked for and answered within this, and the write leaves within it too, connection and all:
/// below the 5 s after which a read justifies nothing.
const READ: Duration = Duration::from_secs(4);

const WRITE: Duration = Duration::from_secs(10);

/// How many statuses are written at once. More don't make the API server faster, and each takes a connection on both sides.
const WRITES: usize = 32;

/// A call to the API server that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClusterError {
    /// It was answered with an error, or not at all.
    #[error("{verb} of {object} failed: {}", InWords(error))]
    Call {
        /// What was to be done.
        verb: &'static str,
        /// With which object.
        object: ObjectKey,
        /// Why it failed.
        error: Box<kube::Error>,
    },
    /// It took too long.
    #[error("{verb} of {object} wasn't answered within {limit:?}")]
    Deadline {
        /// What was to be done.
        verb: &'static str,
        /// With which object.
        object: ObjectKey,
        /// The deadline.
        limit: Duration,
    },
}

impl ClusterError {
    /// Whether the object isn't there any more, or is another one of the same name: the watch will tell the rest.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Call { error, .. } if matches!(&**error, kube::Error::Api(status) if [404, 409].contains(&status.code)))
    }
}

/// The API server.
pub(super) struct Cluster {
    client: Client,
    leadership: Leadership,
    writes: Semaphore,
}

impl Cluster {
    /// Through this client. Nothing is written unless this process leads.
    #[must_use]
    pub(super) fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership, writes: Semaphore::new(WRITES) }
    }

    /// Reads the object as it is now, not from a cache. The time is when what was read gets too old to justify an AWS write;
    /// `None` when there is no such object.
    ///
    /// # Errors
    ///
    /// When the API server didn't answer well, or not in time.
    pub(super) async fn read(&self, key: &ObjectKey) -> Result<Option<(Watched, Instant)>, ClusterError> {
        let valid_until = Instant::now() + READ;
        let read = self.api(key).get_opt(&key.name).await_within("GET", key, READ).await?;
        Ok(read.map(|object| (object, valid_until)))
    }

    /// Writes the status over whatever stands there, if the object is still the same one (by uid). Returns what is stored.
    ///
    /// # Errors
    ///
    /// When the API server refused, didn't answer well, or not in time.
    pub(super) async fn write_status(
        &self,
        key: &ObjectKey,
        object: &impl ResourceExt,
        previous: &CloudHsmBackupStatus,
        next: &CloudHsmBackupStatus,
    ) -> Result<Watched, ClusterError> {
        let patch = json!({"metadata": {"uid": object.uid()}, "status": replacing(previous, next)});
        // A merge patch and not server-side apply: apply leaves what others have put there, and a falsified status shall not stay.
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let (api, patch) = (self.api(key), Patch::Merge(&patch));
        let _turn = self.writes.acquire().await;
        self.leadership
            .while_leading(api.patch_status(&key.name, &params, &patch))
            .await_within("status PATCH", key, WRITE)
            .await
    }

    fn api(&self, key: &ObjectKey) -> Api<Watched> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }
}

/// The merge patch that leaves exactly `next`: every field that it lacks is set to null, and so is every tag that goes.
fn replacing(previous: &CloudHsmBackupStatus, next: &CloudHsmBackupStatus) -> Value {
    let mut patch: Map<String, Value> =
        CloudHsmBackupStatus::FIELDS.into_iter().map(|field| (field.to_owned(), Value::Null)).collect();
    if let Ok(Value::Object(fields)) = serde_json::to_value(next) {
        patch.extend(fields);
    }
    if let Some(Value::Object(tags)) = patch.get_mut("tags") {
        for gone in previous.tags.iter().flatten().map(|(key, _)| key) {
            tags.entry(gone).or_insert(Value::Null);
        }
    }
    Value::Object(patch)
}

trait AwaitWithin<T> {
    async fn await_within(self, verb: &'static str, key: &ObjectKey, limit: Duration) -> Result<T, ClusterError>;
}

impl<T, F: Future<Output = Result<T, kube::Error>>> AwaitWithin<T> for F {
    async fn await_within(self, verb: &'static str, key: &ObjectKey, limit: Duration) -> Result<T, ClusterError> {
        let (subresource, method) = verb.split_once(' ').unwrap_or(("", verb));
        let span = spans::cluster_call(method, subresource, key);
        match tokio::time::timeout(limit, self).instrument(span.clone()).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                spans::cluster_failed(&span, &error);
                Err(ClusterError::Call { verb, object: key.clone(), error: Box::new(error) })
            }
            Err(_) => {
                spans::timed_out(&span);
                Err(ClusterError::Deadline { verb, object: key.clone(), limit })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_status_patch_removes_what_is_no_longer_there() {
        let tags = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>())
        };
        let previous = CloudHsmBackupStatus {
            backup_state: Some("READY".into()),
            cluster_id: Some("cluster-dygnwhmscg5".into()),
            tags: tags(&[("team", "payments"), ("old", "yes")]),
            ..Default::default()
        };
        let next = CloudHsmBackupStatus {
            cluster_id: Some("cluster-dygnwhmscg5".into()),
            tags: tags(&[("team", "billing")]),
            ..Default::default()
        };
        let patch = replacing(&previous, &next);
        assert_eq!(patch["tags"], json!({"team": "billing", "old": null}));
        assert_eq!((&patch["backupState"], &patch["copyTimestamp"]), (&Value::Null, &Value::Null));
        assert_eq!(patch["clusterId"], "cluster-dygnwhmscg5");
    }
}
