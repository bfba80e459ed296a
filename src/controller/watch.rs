//! The watch, which outlives what goes wrong between it and the API server: see `docs/adr/0005-enduring-the-api-server.md`.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt, stream, stream::BoxStream};
use http::Request;
use kube::{
    Api, Client, Error, Resource,
    client::Body,
    runtime::watcher::{self, Event},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// How long a watch lasts before the API server ends it and it is begun again where it ended, which costs no list. A watch that says
/// nothing for 5 s longer is given up for dead.
pub const WATCH: Duration = Duration::from_secs(30);

/// How many objects a list asks for at once, and so how many are decoded before they are passed on.
const PAGE: u32 = 500;

/// A watch that ended at once is begun again no sooner than this after it began: kube's watcher waits only after errors.
const PACE: Duration = Duration::from_secs(1);

/// The same client, but for one watch, which it doesn't begin more often than once in [`PACE`].
pub(super) fn paced(client: &Client) -> Client {
    let next = Arc::new(Mutex::new(Instant::now()));
    let inner = client.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, next) = (inner.clone(), Arc::clone(&next));
        async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                let turn = {
                    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                    let turn = Instant::now().max(*next);
                    *next = turn + PACE;
                    turn
                };
                tokio::time::sleep_until(turn).await;
            }
            inner.send(request).await
        }
    });
    Client::new(service, client.default_namespace())
}

/// The objects as they come and go, for ever. After an error it goes on by itself; errors are passed on to be told.
pub(super) fn enduring<K>(api: Api<K>) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    stream::unfold(Watch::new(api), |mut watch| async {
        let event = watch.next().await?;
        Some((event, watch))
    })
}

struct Watch<K: 'static> {
    api: Api<K>,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: Failures,
    pause: Option<Duration>,
}

impl<K> Watch<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    fn new(api: Api<K>) -> Self {
        let events = from_the_list(&api);
        Self { api, events, failures: Failures::default(), pause: None }
    }

    async fn next(&mut self) -> Option<watcher::Result<Event<K>>> {
        // kube's own back-off begins anew with every event, and each try to list begins with one.
        if let Some(pause) = self.pause.take() {
            tokio::time::sleep(pause).await;
        }
        let event = self.events.next().await?;
        if let Err(error) = &event {
            let longest = self.failures.add(Instant::now());
            self.pause = Some(longest.mul_f64(0.5 + fastrand::f64() / 2.0));
            if is_expired(error) || self.failures.call_for_a_list() {
                self.events = from_the_list(&self.api);
            }
        }
        Some(event)
    }
}

fn from_the_list<K>(api: &Api<K>) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config =
        watcher::Config { timeout: u32::try_from(WATCH.as_secs()).ok(), page_size: Some(PAGE), ..Default::default() };
    watcher::watcher(api.clone(), config).boxed()
}

/// Whether the place where the watch is to go on is too long ago. Told as it starts, kube's watcher would ask for the same place for ever.
fn is_expired(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(Error::Api(status)) if status.code == 410)
}

/// Failures in a row, which ends when there was none for [`Failures::QUIET`].
#[derive(Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
}

impl Failures {
    const FIRST: Duration = Duration::from_millis(200);
    /// People wait for the CRD or the API server to come back.
    const LAST: Duration = Duration::from_secs(5);
    /// Longer than it takes to fail again.
    const QUIET: Duration = Duration::from_secs(60);
    /// So many, and whatever stands in the way may stand there for ever unless it is begun from the list.
    const MANY: u32 = 5;

    /// Counts one more. Returns how long to wait, at most.
    fn add(&mut self, now: Instant) -> Duration {
        if self.last.is_none_or(|last| now.duration_since(last) > Self::QUIET) {
            self.count = 0;
        }
        self.last = Some(now);
        self.count = self.count.saturating_add(1);
        let doubled = Self::FIRST.saturating_mul(2_u32.saturating_pow(self.count - 1));
        doubled.min(Self::LAST)
    }

    fn call_for_a_list(&self) -> bool {
        self.count.is_multiple_of(Self::MANY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(failures: &mut Failures, times: &[u64]) -> Vec<u128> {
        let start = Instant::now();
        times.iter().map(|at| failures.add(start + Duration::from_secs(*at)).as_millis()).collect()
    }

    #[test]
    fn the_wait_doubles_up_to_five_seconds_and_begins_anew_after_a_quiet_minute() {
        let mut failures = Failures::default();
        assert_eq!(waits(&mut failures, &[0, 0, 1, 2, 4, 8, 13]), [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        let times: Vec<u64> = (1..100).map(|n| n * 60).collect();
        assert!(waits(&mut failures, &times).iter().all(|wait| *wait == 5_000));
        assert_eq!(waits(&mut failures, &[6_100]), [200]);
    }

    #[test]
    fn every_fifth_failure_in_a_row_calls_for_a_list() {
        let mut failures = Failures::default();
        let mut called = Vec::new();
        for n in 1..=11 {
            failures.add(Instant::now());
            called.extend(failures.call_for_a_list().then_some(n));
        }
        assert_eq!(called, [5, 10]);
    }

    #[test]
    fn only_a_start_that_is_too_late_is_expired() {
        let gone = |code| {
            Error::Api(kube::core::Status::failure("too old resource version", "Expired").with_code(code).boxed())
        };
        assert!(is_expired(&watcher::Error::WatchStartFailed(gone(410))));
        assert!(!is_expired(&watcher::Error::WatchStartFailed(gone(403))));
        // With these kube begins with the list by itself.
        assert!(!is_expired(&watcher::Error::InitialListFailed(gone(410))));
    }
}
