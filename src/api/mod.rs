//! The custom resource `CloudHsmBackup`: what users write and read. Its doc comments are what `kubectl explain` shows.

// The derives below generate items that rustc takes for unreachable, or unread.
#![allow(unreachable_pub, dead_code)]

mod crd;
mod reason;
mod stored;

pub use crd::crds;
pub use reason::{Progress, Reason};

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::backup::BackupId;

/// Who the operator is to the API server: field manager of its writes and reporter of its events.
pub const FIELD_MANAGER: &str = "cloudhsm-backup-operator";

/// Set to a new value, this annotation asks for a fresh look at AWS now.
pub const REQUESTED_AT: &str = "cloudhsm.dev/requested-at";

/// The condition that is always there once the operator has seen the object.
pub const READY: &str = "Ready";
/// The condition that is there, and True, while the operator is still working towards the declared state.
pub const RECONCILING: &str = "Reconciling";
/// The condition that is there, and True, while only a human can help.
pub const STALLED: &str = "Stalled";

/// What shall be true of one AWS CloudHSM backup.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "cloudhsm.dev",
    version = "v1alpha1",
    kind = "CloudHsmBackup",
    plural = "cloudhsmbackups",
    shortname = "chb",
    category = "cloudhsm",
    namespaced,
    status = "CloudHsmBackupStatus",
    derive = "PartialEq",
    doc = "CloudHsmBackup declares whether one AWS CloudHSM v2 backup shall exist, and shows what AWS says about it. \
           Removing the object changes nothing in AWS: a backup is deleted only by desiredState: Deleted.",
    selectable = ".spec.backupId",
    selectable = ".spec.desiredState",
    validation = Rule::new("self.spec.backupId == oldSelf.spec.backupId")
        .message("backupId is immutable: create a new object for another backup")
        .field_path(".spec.backupId"),
    validation = Rule::new(
        "has(self.spec.region) == has(oldSelf.spec.region) && (!has(self.spec.region) || self.spec.region == oldSelf.spec.region)"
    )
        .message("region is immutable, and can't be added or removed later: create a new object for a backup in another region")
        .field_path(".spec.region"),
    printcolumn(name = "Desired", type_ = "string", json_path = ".spec.desiredState",
        description = "What is declared: Present or Deleted"),
    printcolumn(name = "Backup-State", type_ = "string", json_path = ".status.backupState",
        description = "AWS's own word for the state of the backup"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether AWS shows what is declared"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp",
        description = "Age of this object, not of the backup"),
    printcolumn(name = "Reason", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why Ready is what it is"),
    printcolumn(name = "Backup-ID", type_ = "string", priority = 1, json_path = ".spec.backupId",
        description = "The backup in AWS"),
    printcolumn(name = "Cluster", type_ = "string", priority = 1, json_path = ".status.clusterId",
        description = "The CloudHSM cluster the backup was made of"),
    printcolumn(name = "Region", type_ = "string", priority = 1, json_path = ".status.region",
        description = "The region the backup was looked for in"),
    printcolumn(name = "Deletes-At", type_ = "string", priority = 1, json_path = ".status.deleteTimestamp",
        description = "When AWS deletes the backup for good: the end of the restore window"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "What is going on, and the next step")
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
pub struct CloudHsmBackupSpec {
    /// The id of the backup in AWS, such as `backup-ro5c4er4aac`, as `aws cloudhsmv2 describe-backups` lists it. Immutable:
    /// create a new object for another backup.
    #[schemars(with = "String", length(max = 256), regex(pattern = r"^backup-[2-7a-zA-Z]{11,16}$"))]
    #[x_kube(validation = Rule::new("self.matches('^backup-[2-7a-zA-Z]{11,16}$')")
        .message("backupId must be the id of a CloudHSM backup, such as backup-ro5c4er4aac: copy it from `aws cloudhsmv2 describe-backups`"))]
    pub backup_id: BackupId,

    /// What shall be true of the backup. `Present`: it exists; if it is PENDING_DELETION, the operator restores it. `Deleted`: the
    /// operator deletes it; AWS keeps it PENDING_DELETION for 7 days, and setting this back to `Present` within that time restores
    /// it. After that it is gone for ever, and so is every key that only this backup held.
    pub desired_state: DesiredState,

    /// The AWS region of the backup, such as `eu-central-1`. Absent: the operator's default region. Immutable, and can't be added
    /// or removed later: create a new object for a backup in another region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$"))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$')")
        .message("region must be the name of an AWS region, such as us-east-1 or us-gov-west-1, not a URL or a zone"))]
    pub region: Option<String>,

    /// Whether the backup shall be exempt from its cluster's backup retention (`NeverExpires` in AWS). Absent: not managed. It is
    /// applied only while desiredState is `Present` and the backup is READY, and doesn't keep anyone from deleting the backup
    /// explicitly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_expires: Option<bool>,

    /// `true`: keep mirroring what AWS says in the status, but change nothing in AWS. Absent means `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// Whether the backup shall exist.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DesiredState {
    // Without doc comments: with them the schema becomes a `oneOf` per variant, which says less to `kubectl explain`.
    #[allow(missing_docs)]
    Present,
    #[allow(missing_docs)]
    Deleted,
}

impl DesiredState {
    /// The word in the manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "Present",
            Self::Deleted => "Deleted",
        }
    }
}

/// What AWS says about the backup, and how that compares with what is declared.
///
/// When AWS no longer shows the backup, only `backupState` goes; the other fields stay, as memory of what was last seen.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct CloudHsmBackupStatus {
    /// The generation of the object that this status speaks of; -1 before the operator has seen the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// AWS's own word for the state of the backup, verbatim: CREATE_IN_PROGRESS, READY, PENDING_DELETION, DELETED. Absent when AWS
    /// shows no such backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_state: Option<String>,

    /// AWS's word when it last showed the backup. There only while AWS no longer shows it: together with deleteTimestamp it tells a
    /// backup that is gone for good from one that was never there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup_state: Option<String>,

    /// The ARN of the backup; it names the account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_arn: Option<String>,

    /// The cluster the backup was made of. Absent for a copy from another region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,

    /// When the backup was made; for a copy, when its source was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_timestamp: Option<Time>,

    /// When the backup was copied from another region. Only copies have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_timestamp: Option<Time>,

    /// When AWS will delete the backup for good, or has: the end of the restore window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_timestamp: Option<Time>,

    /// Whether the backup is exempt from its cluster's backup retention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_expires: Option<bool>,

    /// The region the backup was copied from. Only copies have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_region: Option<String>,

    /// The backup this one was copied from. Only copies have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_backup: Option<String>,

    /// The cluster of the backup this one was copied from. Only copies have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_cluster: Option<String>,

    /// The type of HSM the backup was made of, such as `hsm2m.medium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hsm_type: Option<String>,

    /// FIPS or NON_FIPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,

    /// The tags of the backup in AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,

    /// The region the backup was looked for in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// The last value of the annotation `cloudhsm.dev/requested-at` that was answered by a look at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_requested_at: Option<String>,

    /// `true` when AWS had the backup PENDING_DELETION though this object declared `Present`, and nothing exempts it from
    /// retention. Memory for the warning that retention will take the backup again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrequested_deletion: Option<bool>,

    /// The last change that the operator made in AWS for this object: for the audit, and for a restarted operator to know that AWS may
    /// go on showing, for a while, what was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_write: Option<LastWrite>,

    /// `Ready` is always there once the operator has seen the object; `Reconciling` and `Stalled` only while they are True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// Whether the stored status held a value that can't be read. It was left out here, and is to be written over.
    #[serde(skip)]
    pub unreadable: bool,
}

/// A change that the operator made in AWS.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LastWrite {
    /// The operation of AWS's API: DeleteBackup, RestoreBackup or ModifyBackupAttributes.
    pub operation: String,

    /// When the operator learned that it took effect.
    pub time: Time,

    /// The generation of the object that asked for it.
    pub generation: i64,

    /// AWS's request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,

    /// What AWS showed before it as backupState.
    pub previous_backup_state: String,

    /// What AWS showed before it as deleteTimestamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_delete_timestamp: Option<Time>,

    /// What AWS showed before it as neverExpires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_never_expires: Option<bool>,
}

impl CloudHsmBackupStatus {
    /// The condition of that type.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

#[cfg(test)]
mod tests;
