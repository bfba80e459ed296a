//! What becomes of a call to AWS that fails.

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

impl Failure {
    /// Whether AWS failed in the same way: each try has a request id of its own.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let Self { class, operation, code, text, request_id: _ } = self;
        (class, operation, code, text) == (&other.class, &other.operation, &other.code, &other.text)
    }
}
