//! What the election asks of the API server, each with a deadline.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
use kube::api::PostParams;

use super::Candidate;
use crate::{api::FIELD_MANAGER, leadership::LEASE, refusal::InWords};

/// A request about the Lease that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// It was answered with an error, or not at all.
    #[error("{verb} failed: {}", InWords(error))]
    Call {
        /// What was to be done.
        verb: &'static str,
        /// Why it failed.
        error: Box<kube::Error>,
    },
    /// It took too long.
    #[error("{verb} wasn't answered within {limit:?}")]
    Deadline {
        /// What was to be done.
        verb: &'static str,
        /// The deadline.
        limit: Duration,
    },
}

impl LeaseError {
    /// The API server's own error.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Call { error, .. } => match &**error {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Deadline { .. } => None,
        }
    }

    /// Somebody else wrote in between: look again.
    pub(super) fn is_overtaken(&self) -> bool {
        let verb = match self {
            Self::Call { verb, .. } | Self::Deadline { verb, .. } => *verb,
        };
        self.code() == Some(409) || (verb == "PUT" && self.code() == Some(404))
    }

    /// It won't go away by itself: a right or the namespace is missing.
    pub(super) fn is_for_people(&self) -> bool {
        !self.is_overtaken() && matches!(self.code(), Some(403 | 404))
    }
}

impl Candidate {
    /// The Lease as it is now, not from a cache; `None` when there is none.
    pub(super) async fn read(&self, limit: Duration) -> Result<Option<Lease>, LeaseError> {
        within("GET", limit, self.api.get_opt(&self.name)).await
    }

    /// Writes the holder, or that there is none, into the Lease in exactly the version given; without one makes it, if there still is none.
    pub(super) async fn write(
        &self,
        before: Option<Lease>,
        holder: Option<&str>,
        limit: Duration,
    ) -> Result<Lease, LeaseError> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let is_new = before.is_none();
        let lease = written(before.unwrap_or_default(), &self.name, holder, is_new);
        if is_new {
            within("POST", limit, self.api.create(&params, &lease)).await
        } else {
            within("PUT", limit, self.api.replace(&self.name, &params, &lease)).await
        }
    }
}

fn written(mut lease: Lease, name: &str, holder: Option<&str>, is_new: bool) -> Lease {
    lease.metadata.name = Some(name.to_owned());
    lease.metadata.managed_fields = None;
    let now = MicroTime(Timestamp::now());
    let spec = lease.spec.get_or_insert_default();
    if holder.is_some() && spec.holder_identity.as_deref() != holder {
        spec.acquire_time = Some(now.clone());
        let before = spec.lease_transitions.unwrap_or_default();
        spec.lease_transitions = Some(if is_new { before } else { before.saturating_add(1) });
    }
    spec.holder_identity = holder.map(str::to_owned);
    spec.lease_duration_seconds = i32::try_from(LEASE.as_secs()).ok();
    // For people to read: no process compares it with its own clock.
    spec.renew_time = Some(now);
    lease
}

async fn within<T>(
    verb: &'static str,
    limit: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, LeaseError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(LeaseError::Call { verb, error: Box::new(error) }),
        Err(_) => Err(LeaseError::Deadline { verb, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_who_holds_it_since_when_and_keeps_what_others_put_there() {
        let mut made = written(Lease::default(), "a", Some("me"), true);
        let spec = made.spec.clone().unwrap();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some("me"), Some(15)));
        assert_eq!((spec.lease_transitions, spec.acquire_time.as_ref()), (Some(0), spec.renew_time.as_ref()));

        made.metadata.resource_version = Some("7".into());
        made.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
        let renewed = written(made.clone(), "a", Some("me"), false);
        assert_eq!(renewed.metadata, made.metadata);
        let after = renewed.spec.clone().unwrap();
        assert_eq!((after.lease_transitions, after.acquire_time), (Some(0), spec.acquire_time));
        assert!(after.renew_time.unwrap().0 >= spec.renew_time.unwrap().0);

        let vacated = written(renewed, "a", None, false);
        assert_eq!(vacated.spec.as_ref().unwrap().holder_identity, None);
        let taken = written(vacated, "a", Some("other"), false).spec.unwrap();
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("other"), Some(1)));
    }
}
