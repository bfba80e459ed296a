//! What the metrics tell of each scope's sweeps. A sweep's age is made at each scrape: it grows by itself.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

use crate::backup::{AccountId, Scope};

/// The last complete sweep of each scope.
#[derive(Debug, Default)]
pub(super) struct Sweeps(Mutex<HashMap<Scope, Sweep>>);

#[derive(Debug)]
struct Sweep {
    account: Option<AccountId>,
    /// Its end; before there was one, when the scope was first to be swept.
    since: Instant,
    pages: Option<usize>,
    took: Option<Duration>,
}

impl Sweeps {
    fn lock(&self) -> MutexGuard<'_, HashMap<Scope, Sweep>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begun(&self, scope: &Scope, account: Option<AccountId>) {
        let new = || Sweep { account: None, since: Instant::now(), pages: None, took: None };
        let mut sweeps = self.lock();
        let sweep = sweeps.entry(scope.clone()).or_insert_with(new);
        sweep.account = account.or(sweep.account.take());
    }

    pub(super) fn ended(&self, scope: &Scope, account: Option<AccountId>, pages: usize, took: Duration) {
        let sweep = Sweep { account, since: Instant::now(), pages: Some(pages), took: Some(took) };
        self.lock().insert(scope.clone(), sweep);
    }

    pub(super) fn remove(&self, scope: &Scope) {
        self.lock().remove(scope);
    }
}

impl Collector for Sweeps {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sweeps = self.lock();
        let mut metric = |name: &str, help: &str, of: &dyn Fn(&Sweep) -> Option<f64>| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (scope, sweep) in &*sweeps {
                let Some(value) = of(sweep) else { continue };
                let account = sweep.account.as_ref().map(AccountId::as_str).unwrap_or_default();
                metric
                    .encode_family(&[("account", account), ("region", scope.region.as_str())])?
                    .encode_gauge(&value)?;
            }
            Ok(())
        };
        metric("sweep_age_seconds", "Time since every backup of the scope had been looked at", &|sweep| {
            Some(sweep.since.elapsed().as_secs_f64())
        })?;
        metric("sweep_pages", "Requests that the last complete sweep of the scope took", &|sweep| {
            sweep.pages.map(|pages| pages as f64)
        })?;
        metric("sweep_duration_seconds", "How long the last complete sweep of the scope took", &|sweep| {
            sweep.took.map(|took| took.as_secs_f64())
        })
    }
}
