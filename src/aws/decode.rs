//! From the SDK's shapes to the domain.

use aws_sdk_cloudhsmv2::types;
use aws_smithy_types::DateTime;
use jiff::{Timestamp, Unit};

use crate::backup::{Backup, BackupState};

/// An answer that can't be what AWS meant to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// Reads a backup.
pub(super) fn backup(shown: types::Backup) -> Result<Backup, Malformed> {
    if shown.backup_id.is_empty() {
        return Err(Malformed("AWS's answer holds a backup without an id"));
    }
    let id = shown.backup_id.parse().map_err(|_| Malformed("AWS's answer holds a backup whose id is none"))?;
    Ok(Backup {
        id,
        state: BackupState::from(shown.backup_state.as_ref().map_or("", types::BackupState::as_str)),
        arn: shown.backup_arn,
        cluster_id: shown.cluster_id,
        create_timestamp: timestamp(shown.create_timestamp)?,
        copy_timestamp: timestamp(shown.copy_timestamp)?,
        delete_timestamp: timestamp(shown.delete_timestamp)?,
        never_expires: shown.never_expires,
        source_region: shown.source_region,
        source_backup: shown.source_backup,
        source_cluster: shown.source_cluster,
        hsm_type: shown.hsm_type,
        mode: shown.mode.map(|mode| mode.as_str().to_owned()),
        tags: shown.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
    })
}

fn timestamp(time: Option<DateTime>) -> Result<Option<Timestamp>, Malformed> {
    let Some(time) = time else { return Ok(None) };
    let nanos = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    // AWS sends a binary fraction: what is smaller than a microsecond is noise.
    Timestamp::new(time.secs(), nanos)
        .and_then(|time| time.round(Unit::Microsecond))
        .map(Some)
        .map_err(|_| Malformed("AWS's answer holds a time out of all range"))
}
