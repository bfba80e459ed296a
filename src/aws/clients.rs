//! The SDK's clients: one per scope, built once from one configuration.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, SdkConfig,
    default_provider::region::DefaultRegionChain,
    identity::IdentityCache,
    meta::region::{ProvideRegion, future},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_cloudhsmv2::config::{FrameworkMetadata, retry::RetryPartition};
use aws_types::{app_name::AppName, region::Region, sdk_config::SharedCredentialsProvider};

use super::{Limits, credentials::Credentials};
use crate::backup::Scope;

/// The name the operator gives itself in the user agent.
const NAME: &str = "cloudhsm-backup-operator";

/// The clients of one scope.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) cloudhsm: aws_sdk_cloudhsmv2::Client,
    pub(super) sts: aws_sdk_sts::Client,
}

/// All clients.
pub(super) struct Clients {
    config: SdkConfig,
    pub(super) credentials: Credentials,
    built: Mutex<HashMap<Scope, Client>>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

impl Clients {
    pub(super) fn new(config: &SdkConfig, credentials: Credentials, limits: &Limits) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.read)
            .operation_attempt_timeout(limits.operation)
            .operation_timeout(limits.operation)
            .build();
        let mut builder = config
            .to_builder()
            .behavior_version(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // The provider keeps what it found.
            .identity_cache(IdentityCache::no_cache())
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()));
        if config.app_name().is_none() {
            builder.set_app_name(AppName::new(NAME).ok());
        }
        let version = FrameworkMetadata::new(NAME, Some(env!("CARGO_PKG_VERSION")));
        if let Ok(version) = version {
            builder = builder.framework_metadata(version);
        }
        Self { config: builder.build(), credentials, built: Mutex::default() }
    }

    /// The clients of a scope.
    pub(super) fn of(&self, scope: &Scope) -> Client {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(scope.clone()).or_insert_with(|| self.build(scope)).clone()
    }

    /// Lets go of the clients of a scope.
    pub(super) fn leave(&self, scope: &Scope) {
        self.built.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    fn build(&self, scope: &Scope) -> Client {
        let region = Region::new(scope.region.as_str().to_owned());
        let name = format!("{:?} {}", scope.identity, scope.region);
        let mut cloudhsm = aws_sdk_cloudhsmv2::config::Builder::from(&self.config)
            .region(region.clone())
            .retry_partition(RetryPartition::custom(name.clone()).build());
        if self.config.use_fips() == Some(true) {
            // The only FIPS endpoints of CloudHSM are the dual-stack ones.
            cloudhsm = cloudhsm.use_dual_stack(true);
        }
        let sts = aws_sdk_sts::config::Builder::from(&self.config)
            .region(region)
            .retry_partition(RetryPartition::custom(name).build());
        Client {
            cloudhsm: aws_sdk_cloudhsmv2::Client::from_conf(cloudhsm.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
        }
    }
}

/// Reads the SDK's standard configuration. A call for credentials may take as long as the limit; where no region is given it is asked
/// for, for a third of that.
pub(super) async fn load(limit: Duration, region: Option<Region>) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(limit).read_timeout(limit).operation_timeout(limit).build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    match region {
        Some(region) => loader.region(region).load().await,
        None => loader.region(Bounded { chain: DefaultRegionChain::builder().build(), limit: limit / 3 }).load().await,
    }
}

/// The SDK's region chain, with an end: instance metadata may not answer at all.
#[derive(Debug)]
struct Bounded {
    chain: DefaultRegionChain,
    limit: Duration,
}

impl ProvideRegion for Bounded {
    fn region(&self) -> future::ProvideRegion<'_> {
        future::ProvideRegion::new(async { tokio::time::timeout(self.limit, self.chain.region()).await.ok().flatten() })
    }
}
