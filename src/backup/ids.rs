//! What names a backup and the place it is looked for.

use std::{fmt, str::FromStr, sync::Arc};

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

/// The shape of a backup id: the pattern of the AWS service model (2017-04-28), anchored.
pub const BACKUP_ID_PATTERN: &str = "^backup-[2-7a-zA-Z]{11,16}$";

const LONGEST: usize = "backup-".len() + 16;

/// The id of a CloudHSM backup, unique within an account and region. Ten thousands of them are held, so it needs no memory elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(ArrayString<LONGEST>);

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
        if shaped { ArrayString::from(text).map(Self).map_err(|_| invalid()) } else { Err(invalid()) }
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
        id.0.to_string()
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an AWS region, such as `us-east-1`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Region(Arc<str>);

impl Region {
    /// Takes the name as it is: the API server has checked what users write, the AWS SDK the rest.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
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
