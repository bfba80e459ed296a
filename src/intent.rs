//! What one object asks for, and what its status remembers: the custom resource, read into the domain. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::{
    api::{CloudHsmBackupSpec, CloudHsmBackupStatus, DesiredState, REQUESTED_AT},
    backup::{AccountId, Backup, BackupId, BackupState, Region, Scope},
};

/// What one object, in one generation, asks for.
#[derive(Clone, PartialEq, Debug)]
pub struct Intent {
    /// The object's uid: another object of the same name is another object.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// Where the backup is to be looked for; `None` without a region.
    pub scope: Option<Scope>,
    /// The backup.
    pub backup_id: BackupId,
    /// Whether it shall exist.
    pub desired: DesiredState,
    /// Whether it shall be exempt from retention; `None` claims nothing.
    pub never_expires: Option<bool>,
    /// Write nothing to AWS.
    pub suspend: bool,
    /// The object has a deletionTimestamp: it asks for nothing any more.
    pub deleting: bool,
}

impl Intent {
    /// Reads an object. `default_region` is where objects without a region are looked for.
    #[must_use]
    pub fn of(metadata: &ObjectMeta, spec: &CloudHsmBackupSpec, default_region: Option<&Region>) -> Self {
        let region = match (&spec.region, default_region) {
            // Most objects share it.
            (Some(region), Some(default)) if region == default.as_str() => Some(default.clone()),
            (Some(region), _) => Some(Region::new(region.as_str())),
            (None, default) => default.cloned(),
        };
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            scope: region.map(Scope::of_operator),
            backup_id: spec.backup_id,
            desired: spec.desired_state,
            never_expires: spec.never_expires,
            suspend: spec.suspend.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether it holds the operator to anything. A suspended object, and one on its way out, doesn't.
    #[must_use]
    pub fn claims(&self) -> bool {
        !self.suspend && !self.deleting
    }

    /// Whether two objects that name the same backup want what can't both be.
    #[must_use]
    pub fn disagrees_with(&self, other: &Self) -> bool {
        let never_expires = matches!((self.never_expires, other.never_expires), (Some(a), Some(b)) if a != b);
        self.scope.is_some()
            && self.scope == other.scope
            && self.backup_id == other.backup_id
            && self.claims()
            && other.claims()
            && (self.desired != other.desired || never_expires)
    }
}

/// The annotation's value where it asks for something that the status hasn't echoed yet.
#[must_use]
pub fn open_request<'a>(metadata: &'a ObjectMeta, status: &CloudHsmBackupStatus) -> Option<&'a str> {
    let requested = metadata.annotations.as_ref()?.get(REQUESTED_AT)?;
    (status.last_handled_requested_at.as_ref() != Some(requested)).then_some(requested)
}

/// What an object's status witnesses of its backup: all that is left to judge by when AWS no longer shows it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Memory {
    /// AWS's word when it was last shown.
    pub state: Option<BackupState>,
    /// The end of the restore window, as last shown.
    pub delete_timestamp: Option<Timestamp>,
}

impl Memory {
    /// Reads what a status says of the backup, as far as it is about the place looked in now: after a change of the operator's
    /// default region or of its account, what was seen elsewhere proves nothing. `account` is `None` where it isn't known.
    #[must_use]
    pub fn of(status: &CloudHsmBackupStatus, scope: &Scope, account: Option<&AccountId>) -> Self {
        let owner = status.backup_arn.as_deref().and_then(AccountId::of_arn);
        let elsewhere = status.region.as_deref().is_some_and(|region| region != scope.region.as_str())
            || matches!((&owner, account), (Some(owner), Some(account)) if owner != account);
        if elsewhere {
            return Self::default();
        }
        let delete_timestamp = status.delete_timestamp.as_ref().map(|time| time.0);
        let word = status.backup_state.as_deref().or(status.last_backup_state.as_deref());
        // AWS gives a DeleteTimestamp to backups that are deleted or about to be, and to no others.
        let state = word.map(BackupState::from).or(delete_timestamp.map(|_| BackupState::PendingDeletion));
        Self { state, delete_timestamp }
    }
}

/// The backup that a status shows, as far as the status tells; `None` where it shows none.
#[must_use]
pub fn shown_backup(status: &CloudHsmBackupStatus, id: &BackupId) -> Option<Backup> {
    let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    Some(Backup {
        arn: status.backup_arn.clone(),
        cluster_id: status.cluster_id.clone(),
        create_timestamp: time(&status.create_timestamp),
        copy_timestamp: time(&status.copy_timestamp),
        delete_timestamp: time(&status.delete_timestamp),
        never_expires: status.never_expires,
        source_region: status.source_region.clone(),
        source_backup: status.source_backup.clone(),
        source_cluster: status.source_cluster.clone(),
        hsm_type: status.hsm_type.clone(),
        mode: status.mode.clone(),
        tags: status.tags.clone().unwrap_or_default(),
        ..Backup::new(*id, status.backup_state.as_deref()?.into())
    })
}

#[cfg(test)]
mod tests;
