//! A backup as AWS shows it.

use crate::time::Millis;
use crate::wire::Shape;
use std::sync::Arc;

pub(crate) const READY: &str = "READY";
pub(crate) const PENDING_DELETION: &str = "PENDING_DELETION";
pub(crate) const DELETED: &str = "DELETED";

/// The account and region that a call is for, and that own a backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scope {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Scope {
    /// The ARN of a backup in this scope.
    pub(crate) fn arn(&self, id: &str) -> String {
        let partition = if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else if self.region.starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        };
        format!("arn:{partition}:cloudhsm:{}:{}:backup/{id}", self.region, self.account)
    }
}

/// A tag of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Tag {
    pub(crate) fn shape(&self) -> Shape {
        Shape::Record(vec![("Key", Shape::Text(self.key.clone())), ("Value", Shape::Text(self.value.clone()))])
    }
}

/// A backup; everything but its id may be absent, and nothing is checked against AWS's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backup {
    pub(crate) id: Arc<str>,
    pub(crate) arn: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) created: Option<Millis>,
    pub(crate) copied: Option<Millis>,
    pub(crate) never_expires: Option<bool>,
    pub(crate) source_region: Option<String>,
    pub(crate) source_backup: Option<String>,
    pub(crate) source_cluster: Option<String>,
    pub(crate) deletes: Option<Millis>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) hsm_type: Option<String>,
    pub(crate) mode: Option<String>,
}

impl Backup {
    pub(crate) fn is(&self, state: &str) -> bool {
        self.state.as_deref() == Some(state)
    }

    /// The state, for messages.
    pub(crate) fn state_name(&self) -> &str {
        self.state.as_deref().unwrap_or("(none)")
    }

    /// AWS's `Backup`; absent members are left out.
    pub(crate) fn shape(&self) -> Shape {
        let text = |value: &Option<String>| value.clone().map(Shape::Text);
        let tags = (!self.tags.is_empty()).then(|| Shape::List(self.tags.iter().map(Tag::shape).collect()));
        let members = [
            ("BackupId", Some(Shape::Text(self.id.to_string()))),
            ("BackupArn", text(&self.arn)),
            ("BackupState", text(&self.state)),
            ("ClusterId", text(&self.cluster)),
            ("CreateTimestamp", self.created.map(Shape::Time)),
            ("CopyTimestamp", self.copied.map(Shape::Time)),
            ("NeverExpires", self.never_expires.map(Shape::Flag)),
            ("SourceRegion", text(&self.source_region)),
            ("SourceBackup", text(&self.source_backup)),
            ("SourceCluster", text(&self.source_cluster)),
            ("DeleteTimestamp", self.deletes.map(Shape::Time)),
            ("TagList", tags),
            ("HsmType", text(&self.hsm_type)),
            ("Mode", text(&self.mode)),
        ];
        Shape::Record(members.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect())
    }
}
