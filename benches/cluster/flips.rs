//! Users change their mind: from the API server's answer to the PATCH to the DeleteBackup that AWS receives.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use tokio::time::{sleep, sleep_until};

use crate::{
    objects::{self, WRITERS},
    stage::Stage,
};

/// A flip that leads to nothing within this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lags of some flips, in milliseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lags(Vec<f64>);

impl Lags {
    fn new(mut lags: Vec<f64>) -> Self {
        lags.sort_by(f64::total_cmp);
        Self(lags)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The lag that `percent` of the flips don't exceed; none without flips.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }

    pub(crate) fn worst(&self) -> Option<f64> {
        self.0.last().copied()
    }
}

/// From the answer to the arrival. It may be negative: the watch can be faster than the answer.
fn lag(answered: Instant, arrived: Instant) -> f64 {
    let later = arrived.saturating_duration_since(answered).as_secs_f64();
    let sooner = answered.saturating_duration_since(arrived).as_secs_f64();
    (later - sooner) * 1000.0
}

/// Flips an object and waits until AWS has received what follows.
async fn flip(stage: &Stage, n: usize) -> f64 {
    let id = objects::id(n);
    stage.wire.arrivals.forget(&id);
    let answered = stage.objects.declare(n, "Deleted").await.unwrap_or_else(|error| panic!("flipping: {error}"));
    match stage.wire.arrivals.of(&id, PATIENCE).await {
        Some(arrived) => lag(answered, arrived),
        None => PATIENCE.as_secs_f64() * 1000.0,
    }
}

/// Flips one object after the other, with pauses in which the status is written.
pub(crate) async fn one_by_one(stage: &Stage, objects: &[usize]) -> Lags {
    let mut lags = Vec::new();
    for (count, n) in objects.iter().enumerate() {
        lags.push(flip(stage, *n).await);
        // Not all the same, so that they don't fall in step with anything.
        sleep(Duration::from_millis(30 + 7 * (count as u64 % 8))).await;
    }
    Lags::new(lags)
}

/// Flips an object every `pause`, whatever became of the one before, until `over`. The lags of the flips made before and after `mark`.
pub(crate) async fn steadily(
    stage: &Stage,
    objects: &[usize],
    pause: Duration,
    over: &Cell<bool>,
    mark: &Cell<Option<Instant>>,
) -> (Lags, Lags) {
    let started = Instant::now();
    let flips = objects.iter().enumerate().map(|(count, n)| async move {
        let due = started + pause * u32::try_from(count).unwrap_or(u32::MAX);
        sleep_until(due.into()).await;
        if over.get() {
            return None;
        }
        let lag = flip(stage, *n).await;
        Some((mark.get().is_some_and(|mark| due > mark), lag))
    });
    let lags: Vec<(bool, f64)> = join_all(flips).await.into_iter().flatten().collect();
    let of = |after: bool| Lags::new(lags.iter().filter(|lag| lag.0 == after).map(|lag| lag.1).collect());
    (of(false), of(true))
}

/// Flips all of them as fast as [`WRITERS`] writers can. How long after the answer to the last PATCH the last DeleteBackup arrived,
/// and how long the PATCHes took.
pub(crate) async fn all_at_once(stage: &Stage, objects: &[usize]) -> (Duration, Duration) {
    for n in objects {
        stage.wire.arrivals.forget(&objects::id(*n));
    }
    let start = Instant::now();
    let answers = stream::iter(objects)
        .map(async |n| stage.objects.declare(*n, "Deleted").await.unwrap_or_else(|error| panic!("flipping: {error}")));
    let last_answer = answers.buffer_unordered(WRITERS).fold(start, async |last, at| last.max(at)).await;
    let mut last_arrival = start;
    for n in objects {
        let arrived = stage.wire.arrivals.of(&objects::id(*n), PATIENCE).await;
        last_arrival = last_arrival.max(arrived.unwrap_or_else(|| Instant::now() + PATIENCE));
    }
    (last_arrival.saturating_duration_since(last_answer), last_answer - start)
}
