//! The reasons of the condition `Ready`, and what each means for the other conditions.

/// The reason of the condition `Ready`: one word for how what is declared compares with what AWS shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Declared Present, and the backup is READY.
    Available,
    /// AWS is still making the backup.
    Creating,
    /// RestoreBackup is due or under way.
    Restoring,
    /// ModifyBackupAttributes is due or under way.
    Updating,
    /// Declared Present, but the backup can't be restored any more.
    RestoreWindowClosed,
    /// DeleteBackup is due or under way.
    Deleting,
    /// Declared Deleted, and the backup is PENDING_DELETION: it can still be restored.
    PendingDeletion,
    /// Declared Deleted, and the backup is gone for good.
    Deleted,
    /// AWS shows no such backup, and nothing proves that it was deleted.
    BackupNotFound,
    /// AWS reports a state that this version doesn't know.
    UnknownBackupState,
    /// A call is due, and the object is suspended.
    Suspended,
    /// A call is due, and the operator's mode forbids it.
    WriteNotAllowed,
    /// Another object says otherwise about the same backup.
    Conflict,
    /// The credentials lack a permission.
    AccessDenied,
    /// AWS refused the request.
    InvalidRequest,
    /// There is no region to look in.
    NoRegion,
    /// AWS asks for fewer requests.
    Throttled,
    /// AWS can't be reached, or gave no usable answer.
    AwsUnavailable,
    /// There are no credentials, or AWS doesn't accept them.
    NoCredentials,
}

/// Whether anything will still happen by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Nothing is under way: all is well, or it is held on purpose.
    Settled,
    /// The operator is working on it: the condition `Reconciling`.
    Reconciling,
    /// Only a human can help: the condition `Stalled`.
    Stalled,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Available,
        Self::Creating,
        Self::Restoring,
        Self::Updating,
        Self::RestoreWindowClosed,
        Self::Deleting,
        Self::PendingDeletion,
        Self::Deleted,
        Self::BackupNotFound,
        Self::UnknownBackupState,
        Self::Suspended,
        Self::WriteNotAllowed,
        Self::Conflict,
        Self::AccessDenied,
        Self::InvalidRequest,
        Self::NoRegion,
        Self::Throttled,
        Self::AwsUnavailable,
        Self::NoCredentials,
    ];

    /// The word in the condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::Creating => "Creating",
            Self::Restoring => "Restoring",
            Self::Updating => "Updating",
            Self::RestoreWindowClosed => "RestoreWindowClosed",
            Self::Deleting => "Deleting",
            Self::PendingDeletion => "PendingDeletion",
            Self::Deleted => "Deleted",
            Self::BackupNotFound => "BackupNotFound",
            Self::UnknownBackupState => "UnknownBackupState",
            Self::Suspended => "Suspended",
            Self::WriteNotAllowed => "WriteNotAllowed",
            Self::Conflict => "Conflict",
            Self::AccessDenied => "AccessDenied",
            Self::InvalidRequest => "InvalidRequest",
            Self::NoRegion => "NoRegion",
            Self::Throttled => "Throttled",
            Self::AwsUnavailable => "AwsUnavailable",
            Self::NoCredentials => "NoCredentials",
        }
    }

    /// The reason with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// Whether AWS shows what is declared.
    #[must_use]
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Available | Self::PendingDeletion | Self::Deleted)
    }

    /// What goes with it.
    #[must_use]
    pub fn progress(self) -> Progress {
        match self {
            Self::Available | Self::PendingDeletion | Self::Deleted | Self::Suspended | Self::WriteNotAllowed => {
                Progress::Settled
            }
            Self::Creating
            | Self::Restoring
            | Self::Updating
            | Self::Deleting
            | Self::Throttled
            | Self::AwsUnavailable
            | Self::NoCredentials => Progress::Reconciling,
            Self::RestoreWindowClosed
            | Self::BackupNotFound
            | Self::UnknownBackupState
            | Self::Conflict
            | Self::AccessDenied
            | Self::InvalidRequest
            | Self::NoRegion => Progress::Stalled,
        }
    }

    /// Whether it says that a call to AWS failed, rather than what AWS shows.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::AccessDenied
                | Self::InvalidRequest
                | Self::NoRegion
                | Self::Throttled
                | Self::AwsUnavailable
                | Self::NoCredentials
        )
    }
}
