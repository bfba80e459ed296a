//! Kubernetes events, on transitions only.

use std::time::Duration;

use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::Instrument;

use crate::{api::FIELD_MANAGER, backup::Call, leadership::Leadership, refusal::InWords, spans};

/// An event is news, not truth: it isn't waited for longer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Something worth an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The event's reason.
    pub reason: String,
    /// Whether it is a Warning.
    pub warning: bool,
    /// The event's action: what was done, or what was being done.
    pub action: &'static str,
    /// The event's note.
    pub note: String,
}

impl Notice {
    /// AWS accepted a write.
    #[must_use]
    pub fn written(call: Call, note: String) -> Self {
        let reason = match call {
            Call::DeleteBackup => "DeleteRequested",
            Call::RestoreBackup => "RestoreRequested",
            Call::ModifyBackupAttributes { .. } => "RetentionChanged",
        };
        Self { reason: reason.into(), warning: false, action: call.operation(), note }
    }

    /// The backup is back as declared.
    #[must_use]
    pub fn restored(note: String) -> Self {
        Self { reason: "BackupRestored".into(), warning: false, action: "RestoreBackup", note }
    }

    /// AWS moved away from what is declared.
    #[must_use]
    pub fn drift(note: String) -> Self {
        Self { reason: "DriftDetected".into(), warning: false, action: "DescribeBackups", note }
    }

    /// Only a human can help now.
    #[must_use]
    pub fn stalled(reason: &str, note: &str) -> Self {
        Self { reason: reason.into(), warning: true, action: "Reconcile", note: note.into() }
    }
}

/// Sends events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    leadership: Leadership,
    reporter: Reporter,
}

impl Events {
    /// Sends as this operator, while this process leads; the instance is the host name, in a pod its name.
    #[must_use]
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership, reporter: FIELD_MANAGER.into() }
    }

    /// Sends one event about an object. A failure is logged and loses only the event.
    pub async fn publish(&self, object: &impl Resource<DynamicType = ()>, notice: Notice) {
        let Notice { reason, warning, action, note } = notice;
        tracing::info!(reason, note, "event");
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.clone(),
            note: Some(cut(&note)),
            action: action.into(),
            secondary: None,
        };
        // A recorder folds a repeat into its first event without looking at the note, and the note holds the AWS request id: so a
        // new one each time.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        let reference = object.object_ref(&());
        let span = spans::event(reference.namespace.as_deref().unwrap_or_default(), &reason);
        let publish = self.leadership.while_leading(recorder.publish(&event, &reference));
        match tokio::time::timeout(DEADLINE, publish).instrument(span.clone()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                spans::cluster_failed(&span, &error);
                tracing::warn!(reason, error = %InWords(&error), "the event couldn't be recorded");
            }
            Err(_) => {
                spans::timed_out(&span);
                tracing::warn!(reason, "the event couldn't be recorded within {DEADLINE:?}");
            }
        }
    }
}

/// The API server takes notes of at most 1,024 bytes.
fn cut(note: &str) -> String {
    const LIMIT: usize = 1024;
    if note.len() <= LIMIT {
        return note.to_owned();
    }
    let mut end = LIMIT - '…'.len_utf8();
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", note.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes() {
        assert_eq!(cut("short"), "short");
        let cut = cut(&"ä".repeat(600));
        assert!(cut.len() <= 1024 && cut.ends_with('…'));
    }
}
