//! Leader election: one process holds the Lease and acts, the others stand by.

mod campaign;
mod judge;
mod requests;

use std::{fmt, time::Duration};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

use self::{
    campaign::Campaign,
    judge::{Loss, RENEWAL},
    requests::LeaseError,
};
use crate::{leadership::Leadership, metrics::Metrics};

/// How long giving the Lease back may take. It only saves the others a wait.
const RELEASE: Duration = Duration::from_secs(2);

/// This process as a candidate for the Lease.
#[derive(Clone)]
pub struct Candidate {
    api: Api<Lease>,
    namespace: String,
    name: String,
    identity: String,
    leadership: Leadership,
    metrics: Metrics,
}

/// The Lease is lost: another process may lead.
#[derive(Debug, thiserror::Error)]
#[error("the Lease {lease} is lost, and nothing is sent any more: {why}")]
pub struct Lost {
    lease: String,
    why: String,
    #[source]
    failure: Option<LeaseError>,
}

impl Candidate {
    /// Under an identity that no other process has. `leadership` is told how it goes.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, leadership: Leadership, metrics: Metrics) -> Self {
        let host = hostname::get().unwrap_or_default();
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: format!("{}_{}", host.to_string_lossy(), uuid::Uuid::new_v4()),
            leadership,
            metrics,
        }
    }

    /// Waits for the Lease, takes it, and renews it until it is lost.
    pub async fn run(&self) -> Lost {
        self.metrics.leader(&self.name, false);
        tracing::info!(lease = %self, identity = self.identity, "standing for election");
        let (loss, failure) = Campaign::new(self).run().await;
        self.end();
        let why = match loss {
            Loss::Taken(holder) => format!("{holder} holds it"),
            Loss::Vacated => "somebody took this process out of it".to_owned(),
            Loss::NotRenewed if failure.is_some() => format!("it couldn't be renewed for {RENEWAL:?}"),
            Loss::NotRenewed => format!("the process stood still and didn't renew it for {RENEWAL:?}"),
        };
        Lost { lease: self.to_string(), why, failure }
    }

    /// Gives the Lease back, if this process holds it, so that another can take it at once; once [`run`](Self::run) has ended. Nothing is
    /// sent after this.
    pub async fn release(&self) {
        self.end();
        match tokio::time::timeout(RELEASE, self.vacate()).await {
            Ok(Ok(true)) => tracing::info!(lease = %self, "the Lease is given back"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(lease = %self, error = %error, "the Lease couldn't be given back"),
            Err(_) => tracing::warn!(lease = %self, "the Lease couldn't be given back within {RELEASE:?}"),
        }
    }

    /// Returns whether it was this process's.
    async fn vacate(&self) -> Result<bool, LeaseError> {
        loop {
            let lease = self.read(RELEASE).await?;
            let held = lease.as_ref().and_then(|lease| lease.spec.as_ref()?.holder_identity.as_ref());
            if held != Some(&self.identity) {
                return Ok(false);
            }
            match self.write(lease, None, RELEASE).await {
                Ok(_) => return Ok(true),
                // A renewal that was under way came first.
                Err(error) if error.is_overtaken() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn end(&self) {
        self.leadership.end();
        self.metrics.leader(&self.name, false);
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
