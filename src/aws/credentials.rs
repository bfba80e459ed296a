//! Credentials from the SDK's chain: kept while they are valid, asked for within a bounded time, by one caller at a time, and from a
//! fresh chain after a failure or once AWS rejected them (the SDK's own chain reads profile files once and for all).

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_credential_types::{
    Credentials as Keys,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_types::region::Region;
use tokio::sync::Mutex;

use super::{clients, text};

/// How long before their end credentials are renewed.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// How long credentials without an end are kept.
const KEEP: Duration = Duration::from_secs(15 * 60);
/// How long a failure is the answer to all who ask.
const FAILURE_STANDS: Duration = Duration::from_secs(2);
/// How long credentials that AWS rejects are kept at least: they may be too new for it.
const REJECTED_KEPT: Duration = Duration::from_secs(5);

/// No credentials, and why: stable, printable, without secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoCredentials(pub(super) String);

/// The provider given to the SDK.
#[derive(Clone)]
pub(super) struct Credentials(Arc<Inner>);

struct Inner {
    source: Source,
    limit: Duration,
    state: Mutex<State>,
}

enum Source {
    Chain(Option<Region>),
    Fixed(Option<SharedCredentialsProvider>),
}

#[derive(Default)]
struct State {
    provider: Option<SharedCredentialsProvider>,
    held: Option<(Keys, Instant)>,
    failed: Option<(NoCredentials, Instant)>,
}

impl Credentials {
    /// From the SDK's chain. The region is where STS is asked for a role's credentials.
    pub(super) fn chain(region: Option<Region>, limit: Duration) -> Self {
        Self::new(Source::Chain(region), limit)
    }

    /// From this provider.
    pub(super) fn fixed(provider: Option<SharedCredentialsProvider>, limit: Duration) -> Self {
        Self::new(Source::Fixed(provider), limit)
    }

    fn new(source: Source, limit: Duration) -> Self {
        Self(Arc::new(Inner { source, limit, state: Mutex::default() }))
    }

    /// AWS doesn't accept the credentials: the next call reads them anew.
    pub(super) fn rejected(&self) {
        // Where someone has the lock, they are being read just now.
        let Ok(mut state) = self.0.state.try_lock() else { return };
        if state.held.as_ref().is_some_and(|(_, since)| since.elapsed() >= REJECTED_KEPT) {
            state.held = None;
            state.provider = None;
        }
    }

    async fn keys(&self) -> Result<Keys, CredentialsError> {
        let mut state = self.0.state.lock().await;
        let valid = state.held.as_ref().filter(|(keys, _)| ends_in(keys).is_none_or(|left| !left.is_zero()));
        let valid = valid.cloned();
        if let Some((keys, since)) = &valid
            && ends_in(keys).map_or(since.elapsed() < KEEP, |left| left > RENEW_BEFORE)
        {
            return Ok(keys.clone());
        }
        let error = match &state.failed {
            Some((error, at)) if at.elapsed() < FAILURE_STANDS => error.clone(),
            _ => match self.load(&mut state).await {
                Ok(keys) => {
                    state.failed = None;
                    state.held = Some((keys.clone(), Instant::now()));
                    return Ok(keys);
                }
                Err(error) => {
                    state.provider = None;
                    state.failed = Some((error.clone(), Instant::now()));
                    error
                }
            },
        };
        // What could not be renewed is good until its end.
        valid.map(|(keys, _)| keys).ok_or_else(|| CredentialsError::not_loaded(error))
    }

    async fn load(&self, state: &mut State) -> Result<Keys, NoCredentials> {
        let limit = self.0.limit;
        let load = async {
            let provider = match &state.provider {
                Some(provider) => Some(provider.clone()),
                None => match &self.0.source {
                    Source::Fixed(provider) => provider.clone(),
                    Source::Chain(region) => clients::load(limit, region.clone()).await.credentials_provider(),
                },
            };
            let provider = provider.ok_or_else(CredentialsError::not_loaded_no_source)?;
            state.provider = Some(provider.clone());
            provider.provide_credentials().await
        };
        match tokio::time::timeout(limit, load).await {
            Ok(Ok(keys)) => Ok(keys),
            Ok(Err(error)) => {
                tracing::debug!(error = text::chain(&error), "no AWS credentials");
                Err(NoCredentials(reason(&error)))
            }
            Err(_) => state.provider.as_ref().and_then(ProvideCredentials::fallback_on_interrupt).ok_or_else(|| {
                NoCredentials(format!("the AWS SDK's chain gave no credentials within {} s", limit.as_secs()))
            }),
        }
    }
}

/// The time to the end of credentials that have one.
fn ends_in(keys: &Keys) -> Option<Duration> {
    keys.expiry().map(|end| end.duration_since(SystemTime::now()).unwrap_or_default())
}

fn reason(error: &CredentialsError) -> String {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return "no credentials were found in the AWS SDK's chain".to_owned();
    }
    let reason = error.source().map(|source| text::printable(&innermost(source).to_string())).unwrap_or_default();
    text::printable(&if reason.is_empty() { error.to_string() } else { format!("{error}: {reason}") })
}

fn innermost<'a>(mut error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.keys())
    }
}
