//! A status as it is kept while nothing happens: ten thousands are.

use std::sync::Arc;

use crate::api::CloudHsmBackupStatus;

/// A status in one piece of memory, shared by all that keep the same one. Equal ones are the same status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept(Arc<[u8]>);

/// Before a status that was stored with a value that can't be read.
const UNREADABLE: u8 = b'!';
const READABLE: u8 = b' ';

impl Kept {
    /// Keeps a status.
    pub(super) fn of(status: &CloudHsmBackupStatus) -> Self {
        let mut text = vec![if status.unreadable { UNREADABLE } else { READABLE }];
        // It fails for maps with keys that are no texts, and a status has none.
        let _ = CloudHsmBackupStatus::serialize(status, &mut serde_json::Serializer::new(&mut text));
        Self(text.into())
    }

    /// The status.
    pub(super) fn status(&self) -> CloudHsmBackupStatus {
        let Some((mark, text)) = self.0.split_first() else { return CloudHsmBackupStatus::default() };
        let status = CloudHsmBackupStatus::deserialize(&mut serde_json::Deserializer::from_slice(text));
        CloudHsmBackupStatus { unreadable: *mark == UNREADABLE, ..status.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kept_status_is_the_same_again() {
        let status: CloudHsmBackupStatus = serde_json::from_value(json!({
            "observedGeneration": 3, "backupState": "READY", "createTimestamp": "2026-11-01T03:12:44Z",
            "tags": {"team": "payments \" ü"}, "unrequestedDeletion": true,
            "lastWrite": {"operation": "DeleteBackup", "time": "2026-11-01T03:12:44Z", "generation": 2,
                "previousBackupState": "READY", "previousNeverExpires": false},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Available", "message": "m",
                "observedGeneration": 3, "lastTransitionTime": "2026-11-01T03:12:44Z"}],
        }))
        .unwrap();
        for status in [status.clone(), CloudHsmBackupStatus { unreadable: true, ..status }, Default::default()] {
            let kept = Kept::of(&status);
            assert_eq!(kept.status(), status);
            assert_eq!(kept, Kept::of(&kept.status()));
        }
    }

    #[test]
    fn another_status_is_kept_as_another() {
        let status = |state: &str| CloudHsmBackupStatus { backup_state: Some(state.into()), ..Default::default() };
        assert_ne!(Kept::of(&status("READY")), Kept::of(&status("DELETED")));
        let unreadable = CloudHsmBackupStatus { unreadable: true, ..status("READY") };
        assert_ne!(Kept::of(&status("READY")), Kept::of(&unreadable));
    }
}
