//! AWS: the only place that names the SDK. Looks, and makes the calls that a [`Permit`] permits, each with one attempt.

mod account;
mod call;
mod classify;
mod clients;
mod credentials;
mod decode;
mod describe;
mod text;
mod transmission;
mod write;

pub use describe::{Listing, LookFailed, PER_PAGE, Progress};

use std::{sync::Arc, time::Duration};

use aws_config::default_provider::region::DefaultRegionChain;
use aws_types::SdkConfig;

use self::{account::Accounts, clients::Clients, credentials::Credentials};
use crate::{
    backup::{AccountId, Backup, Failure, Region, Scope},
    decide::Permit,
    leadership::Leadership,
    metrics::Metrics,
};

/// What AWS answered to a write.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The backup after the change.
    pub backup: Backup,
    /// AWS's request id.
    pub request_id: Option<String>,
}

/// Why a write has no answer.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing was sent: the permit had run out.
    #[error("the permit ran out before the request was sent")]
    PermitExpired,
    /// The call failed; whether it took effect depends on the failure.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    connect: Duration,
    read: Duration,
    operation: Duration,
    /// For what escapes the SDK's own time-outs.
    call: Duration,
    credentials: Duration,
    account: Duration,
    account_pause: Duration,
    region: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(10),
            operation: Duration::from_secs(12),
            call: Duration::from_secs(13),
            credentials: Duration::from_secs(5),
            account: Duration::from_secs(3),
            account_pause: Duration::from_secs(5 * 60),
            region: Duration::from_secs(5),
        }
    }
}

/// The way to AWS.
#[derive(Clone, Debug)]
pub struct Aws {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clients: Clients,
    accounts: Accounts,
    metrics: Metrics,
    leadership: Leadership,
    limits: Limits,
    region: Option<Region>,
    /// Whether the region is to be asked for again where it isn't known.
    ask_for_region: bool,
}

impl Aws {
    /// Reads credentials, region, endpoints, FIPS and dual-stack from the SDK's standard chain. Calls are made while this process leads.
    pub async fn from_env(metrics: Metrics, leadership: Leadership) -> Self {
        let limits = Limits::default();
        let config = clients::load(limits.region, None).await;
        let region = config.region().cloned();
        Self::build(&config, Credentials::chain(region, limits.credentials), true, limits, metrics, leadership)
    }

    /// Takes a configuration as it is.
    #[must_use]
    pub fn new(config: &SdkConfig, metrics: Metrics) -> Self {
        Self::with_limits(config, metrics, Limits::default())
    }

    pub(crate) fn with_limits(config: &SdkConfig, metrics: Metrics, limits: Limits) -> Self {
        let credentials = Credentials::fixed(config.credentials_provider(), limits.credentials);
        Self::build(config, credentials, false, limits, metrics, Leadership::without_election())
    }

    fn build(
        config: &SdkConfig,
        credentials: Credentials,
        ask_for_region: bool,
        limits: Limits,
        metrics: Metrics,
        leadership: Leadership,
    ) -> Self {
        let region = config.region().map(|region| Region::new(region.as_ref()));
        let clients = Clients::new(config, credentials, &limits);
        let accounts = Accounts::default();
        Self { inner: Arc::new(Inner { clients, accounts, metrics, leadership, limits, region, ask_for_region }) }
    }

    /// The region of the SDK's chain: `AWS_REGION`, the profile, instance metadata.
    pub async fn default_region(&self) -> Option<Region> {
        if self.inner.region.is_some() || !self.inner.ask_for_region {
            return self.inner.region.clone();
        }
        let chain = DefaultRegionChain::builder().build();
        let region = tokio::time::timeout(self.inner.limits.region, chain.region()).await.ok()??;
        Some(Region::new(region.as_ref()))
    }

    /// Reads the next page of a listing of backups.
    ///
    /// # Errors
    ///
    /// Where AWS gave no usable answer.
    pub async fn read_on(&self, scope: &Scope, listing: &mut Listing) -> Result<Progress, LookFailed> {
        self.inner.read_on(scope, listing).await
    }

    /// Makes the call that the permit permits, with one attempt.
    ///
    /// # Errors
    ///
    /// After a [`Failure`] it is unknown whether AWS made the change, but for the classes that say that it refused.
    pub async fn write(&self, permit: Permit) -> Result<Answer, WriteError> {
        self.inner.write(permit).await
    }

    /// Lets go of a scope's connections. They are made again when they are needed.
    pub fn leave(&self, scope: &Scope) {
        self.inner.clients.leave(scope);
    }

    /// The account of the scope's credentials where it is known already.
    #[must_use]
    pub fn known_account(&self, scope: &Scope) -> Option<AccountId> {
        self.inner.accounts.known(scope)
    }

    /// The account of the scope's credentials: from an ARN seen there, else from STS; `None` where neither says.
    pub async fn account(&self, scope: &Scope) -> Option<AccountId> {
        self.inner.account(scope).await
    }
}

#[cfg(test)]
mod tests;
