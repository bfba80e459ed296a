//! The domain: what an AWS CloudHSM backup is and where it lives. Knows neither Kubernetes nor the AWS SDK.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The shape of a backup id: the pattern of the AWS service model (2017-04-28), anchored.
pub const BACKUP_ID_PATTERN: &str = "^backup-[2-7a-zA-Z]{11,16}$";

/// The id of a CloudHSM backup, unique within an account and region.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

/// The text is not a backup id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a backup id: it must match {BACKUP_ID_PATTERN}")]
pub struct InvalidBackupId(String);

impl BackupId {
    /// The id as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BackupId {
    type Err = InvalidBackupId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidBackupId(text.chars().take(64).collect());
        let rest = text.strip_prefix("backup-").ok_or_else(invalid)?;
        let shaped = (11..=16).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b));
        if shaped { Ok(Self(text.to_owned())) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for BackupId {
    type Error = InvalidBackupId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an AWS region, such as `us-east-1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Region(String);

impl Region {
    /// Takes the name as it is: the API server has checked what users write, the AWS SDK the rest.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as AWS writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A 12-digit AWS account id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AccountId(String);

impl AccountId {
    /// `None` unless the text is 12 digits.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.to_owned()))
    }

    /// The account in `arn:<partition>:<service>:<region>:<account>:…`.
    #[must_use]
    pub fn of_arn(arn: &str) -> Option<Self> {
        arn.strip_prefix("arn:")?.split(':').nth(3).and_then(Self::new)
    }

    /// The 12 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose AWS credentials a scope is reached with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Identity {
    /// The operator's own, from the AWS SDK's standard chain.
    Operator,
}

/// Where a backup is looked for: one account (by the credentials that reach it) and one region.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Scope {
    /// The credentials.
    pub identity: Identity,
    /// The region.
    pub region: Region,
}

impl Scope {
    /// The region as the operator's own credentials see it.
    #[must_use]
    pub fn of_operator(region: Region) -> Self {
        Self { identity: Identity::Operator, region }
    }
}

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
#[derive(Clone, PartialEq, Debug)]
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
#[derive(Clone, PartialEq, Debug)]
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

/// Why a call to AWS didn't succeed, as far as the reaction depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FailureClass {
    /// The credentials lack a permission.
    AccessDenied,
    /// AWS understood the request and refused it.
    InvalidRequest,
    /// There is no region to look in.
    NoRegion,
    /// AWS asks for fewer requests.
    Throttled,
    /// AWS couldn't be reached or gave no usable answer; whether a write took effect is unknown.
    AwsUnavailable,
    /// There are no credentials, or AWS doesn't accept them.
    NoCredentials,
}

/// A call to AWS that failed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{operation} failed{}: {text}", code.as_deref().map(|code| format!(" with {code}")).unwrap_or_default())]
pub struct Failure {
    /// What it means for what happens next.
    pub class: FailureClass,
    /// The operation of AWS's API that was called, such as `DescribeBackups`.
    pub operation: &'static str,
    /// AWS's error code, where it gave one.
    pub code: Option<String>,
    /// AWS's own text or ours where it gave none: printable, at most 200 characters, the same for the same failure.
    pub text: String,
    /// AWS's request id, where it gave one.
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("backup-ro5c4er4aac")]
    #[case("backup-ABCDEFGHIJK2345a")]
    fn a_backup_id_of_the_models_shape_is_taken(#[case] text: &str) {
        assert_eq!(text.parse::<BackupId>().unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case("backup-")]
    #[case("backup-short")]
    #[case("backup-ro5c4er4aac1")]
    #[case("backup-abcdefghijklmnopq")]
    #[case("Backup-ro5c4er4aac")]
    #[case("backup-ro5c4er4aac\n")]
    #[case(" backup-ro5c4er4aac")]
    #[case("backup-ro5c4er4aaé")]
    fn any_other_backup_id_is_refused_and_the_error_shows_the_pattern(#[case] text: &str) {
        let error = text.parse::<BackupId>().unwrap_err().to_string();
        assert!(error.contains(BACKUP_ID_PATTERN), "{error}");
    }

    #[test]
    fn an_answer_is_filled_in_but_for_what_the_write_may_have_changed() {
        let id: BackupId = "backup-ro5c4er4aac".parse().unwrap();
        let mut before = Backup::new(id.clone(), BackupState::PendingDeletion);
        before.arn = Some("arn".into());
        before.delete_timestamp = Timestamp::from_second(7).ok();
        before.tags.insert("team".into(), "payments".into());
        let mut answer = Backup::new(id, BackupState::Ready);
        answer.never_expires = Some(true);

        let filled = answer.filled_from(&before);
        assert_eq!((filled.arn.as_deref(), filled.tags.len()), (Some("arn"), 1));
        assert_eq!((filled.state, filled.delete_timestamp), (BackupState::Ready, None));
        assert_eq!(filled.never_expires, Some(true));
    }

    #[rstest]
    #[case("arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac", Some("111122223333"))]
    #[case("arn:aws-us-gov:cloudhsm:us-gov-west-1:111122223333:backup/b", Some("111122223333"))]
    #[case("arn:aws:cloudhsm:us-east-1::backup/b", None)]
    #[case("nonsense", None)]
    fn the_account_is_read_from_an_arn(#[case] arn: &str, #[case] account: Option<&str>) {
        assert_eq!(AccountId::of_arn(arn).as_ref().map(AccountId::as_str), account);
    }

    #[test]
    fn a_state_that_is_not_known_keeps_awss_word() {
        assert_eq!(BackupState::from("ARCHIVED").as_str(), "ARCHIVED");
        for word in ["CREATE_IN_PROGRESS", "READY", "DELETED", "PENDING_DELETION"] {
            assert_eq!(BackupState::from(word).as_str(), word);
            assert!(!matches!(BackupState::from(word), BackupState::Unknown(_)));
        }
    }
}
