//! The domain: what an AWS CloudHSM backup is and where it lives. Knows neither Kubernetes nor the AWS SDK.

mod failure;
mod ids;

pub use failure::{Failure, FailureClass};
pub use ids::{AccountId, BACKUP_ID_PATTERN, BackupId, Identity, InvalidBackupId, Region, Scope};

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

/// AWS's word for where a backup is in its life.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum BackupState {
    /// AWS is still making it.
    CreateInProgress,
    /// It is whole and can be used or deleted.
    Ready,
    /// It is gone for good.
    Deleted,
    /// It is deleted, and can be restored until its `DeleteTimestamp`.
    PendingDeletion,
    /// A word this version doesn't know, kept verbatim; empty where AWS gave none.
    Unknown(String),
}

impl BackupState {
    /// AWS's own word, verbatim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::Ready => "READY",
            Self::Deleted => "DELETED",
            Self::PendingDeletion => "PENDING_DELETION",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for BackupState {
    fn from(word: &str) -> Self {
        match word {
            "CREATE_IN_PROGRESS" => Self::CreateInProgress,
            "READY" => Self::Ready,
            "DELETED" => Self::Deleted,
            "PENDING_DELETION" => Self::PendingDeletion,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A backup as AWS describes it. Fields are named and meant as in AWS's `Backup` shape.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Backup {
    /// `BackupId`.
    pub id: BackupId,
    /// `BackupState`.
    pub state: BackupState,
    /// `BackupArn`.
    pub arn: Option<String>,
    /// `ClusterId`: absent for a copy from another region.
    pub cluster_id: Option<String>,
    /// `CreateTimestamp`.
    pub create_timestamp: Option<Timestamp>,
    /// `CopyTimestamp`.
    pub copy_timestamp: Option<Timestamp>,
    /// `DeleteTimestamp`: when AWS will delete it for good, so in the future while PENDING_DELETION.
    pub delete_timestamp: Option<Timestamp>,
    /// `NeverExpires`: exempt from the cluster's retention.
    pub never_expires: Option<bool>,
    /// `SourceRegion` of a copy.
    pub source_region: Option<String>,
    /// `SourceBackup` of a copy.
    pub source_backup: Option<String>,
    /// `SourceCluster` of a copy.
    pub source_cluster: Option<String>,
    /// `HsmType`.
    pub hsm_type: Option<String>,
    /// `Mode`: FIPS or NON_FIPS.
    pub mode: Option<String>,
    /// `TagList`.
    pub tags: BTreeMap<String, String>,
}

impl Backup {
    /// A backup of which only id and state are known.
    #[must_use]
    pub fn new(id: BackupId, state: BackupState) -> Self {
        Self {
            id,
            state,
            arn: None,
            cluster_id: None,
            create_timestamp: None,
            copy_timestamp: None,
            delete_timestamp: None,
            never_expires: None,
            source_region: None,
            source_backup: None,
            source_cluster: None,
            hsm_type: None,
            mode: None,
            tags: BTreeMap::new(),
        }
    }

    /// The answer to a write, with what it leaves out filled in from what was shown before: an answer needn't be as full as a look.
    #[must_use]
    pub fn filled_from(self, before: &Self) -> Self {
        Self {
            arn: self.arn.or_else(|| before.arn.clone()),
            cluster_id: self.cluster_id.or_else(|| before.cluster_id.clone()),
            create_timestamp: self.create_timestamp.or(before.create_timestamp),
            copy_timestamp: self.copy_timestamp.or(before.copy_timestamp),
            never_expires: self.never_expires.or(before.never_expires),
            source_region: self.source_region.or_else(|| before.source_region.clone()),
            source_backup: self.source_backup.or_else(|| before.source_backup.clone()),
            source_cluster: self.source_cluster.or_else(|| before.source_cluster.clone()),
            hsm_type: self.hsm_type.or_else(|| before.hsm_type.clone()),
            mode: self.mode.or_else(|| before.mode.clone()),
            tags: if self.tags.is_empty() { before.tags.clone() } else { self.tags },
            // The write may just have changed these.
            id: self.id,
            state: self.state,
            delete_timestamp: self.delete_timestamp,
        }
    }

    /// The account that owns it, as its ARN says.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.arn.as_deref().and_then(AccountId::of_arn)
    }
}

/// What a look at AWS shows where a backup was looked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Observation {
    /// AWS shows the backup.
    Found(Box<Backup>),
    /// A complete answer of AWS doesn't show it.
    NotFound,
}

impl Observation {
    /// The backup, where AWS shows one.
    #[must_use]
    pub fn backup(&self) -> Option<&Backup> {
        match self {
            Self::Found(backup) => Some(backup),
            Self::NotFound => None,
        }
    }
}

/// A call that changes a backup in AWS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// `DeleteBackup`: READY becomes PENDING_DELETION.
    DeleteBackup,
    /// `RestoreBackup`: PENDING_DELETION becomes READY.
    RestoreBackup,
    /// `ModifyBackupAttributes`: sets `NeverExpires` of a READY backup.
    ModifyBackupAttributes {
        /// The value to set.
        never_expires: bool,
    },
}

impl Call {
    /// The name of the operation in AWS's API.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::DeleteBackup => "DeleteBackup",
            Self::RestoreBackup => "RestoreBackup",
            Self::ModifyBackupAttributes { .. } => "ModifyBackupAttributes",
        }
    }
}

#[cfg(test)]
mod tests;
