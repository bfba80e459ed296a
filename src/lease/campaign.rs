//! The way to the Lease and its renewal: look, judge, write, wait.

use std::time::{Duration, Instant};

use super::{
    Candidate,
    judge::{Loss, RENEWAL, Seen, Turn, judge},
    requests::LeaseError,
};
use crate::leadership::LEASE;

/// How often the leader renews.
const RENEW: Duration = Duration::from_secs(2);

/// How soon a leader tries again what failed.
const RETRY: Duration = Duration::from_millis(500);

/// How often a standby looks at the Lease.
const LOOK: Duration = Duration::from_secs(1);

/// How long one request may take, so that a leader has three attempts. One whose time runs out waits shorter.
const REQUEST: Duration = Duration::from_secs(3);

/// What a candidate knows on its way.
pub(super) struct Campaign<'a> {
    candidate: &'a Candidate,
    seen: Seen,
    /// Whether somebody else may have written since. The leader knows the version that it wrote itself.
    stale: bool,
    /// When the last renewal that was answered was sent.
    renewed: Option<Instant>,
    /// When another's Lease was last seen, or the campaign began.
    good: Instant,
    /// Why the last request failed.
    failure: Option<LeaseError>,
    /// The holder that was told of last.
    told: Option<String>,
}

enum Step {
    Lost(Loss),
    Next(Duration),
}

impl<'a> Campaign<'a> {
    pub(super) fn new(candidate: &'a Candidate) -> Self {
        let now = Instant::now();
        Self { candidate, seen: Seen::nothing(now), stale: true, renewed: None, good: now, failure: None, told: None }
    }

    /// Ends when the Lease is lost; with what went wrong last, if anything did.
    pub(super) async fn run(mut self) -> (Loss, Option<LeaseError>) {
        loop {
            // A leader's time runs, whatever fails.
            if let Turn::Lost(loss) = self.turn() {
                return (loss, self.failure);
            }
            let pause = match self.step().await {
                Ok(Step::Lost(loss)) => return (loss, self.failure),
                Ok(Step::Next(pause)) => pause,
                Err(error) => {
                    self.failed(error);
                    if self.renewed.is_some() { self.within_time(RETRY) } else { LOOK }
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn step(&mut self) -> Result<Step, LeaseError> {
        if std::mem::replace(&mut self.stale, true) {
            let lease = self.candidate.read(self.within_time(REQUEST)).await?;
            self.seen.note(lease, Instant::now());
        }
        match self.turn() {
            Turn::Lost(loss) => Ok(Step::Lost(loss)),
            Turn::Wait { holder, until } => {
                self.standing_by(holder);
                let look = LOOK.mul_f64(0.8 + 0.4 * fastrand::f64());
                Ok(Step::Next(look.min(until.saturating_duration_since(Instant::now()))))
            }
            Turn::Take | Turn::Renew => self.hold().await,
        }
    }

    async fn hold(&mut self) -> Result<Step, LeaseError> {
        let (identity, limit) = (&self.candidate.identity, self.within_time(REQUEST));
        // The others count from when they see it, which is later.
        let sent = Instant::now();
        match self.candidate.write(self.seen.object().cloned(), Some(identity), limit).await {
            Ok(lease) => {
                self.seen.note(Some(lease), Instant::now());
                self.stale = false;
                self.failure = None;
                if self.renewed.replace(sent).is_none() {
                    tracing::info!(lease = %self.candidate, "elected");
                    self.candidate.metrics.leader(&self.candidate.name, true);
                }
                self.candidate.leadership.renewed(sent);
                Ok(Step::Next(RENEW.saturating_sub(sent.elapsed())))
            }
            Err(error) if error.is_overtaken() => Ok(Step::Next(Duration::ZERO)),
            Err(error) => Err(error),
        }
    }

    fn turn(&self) -> Turn {
        judge(&self.candidate.identity, self.renewed, &self.seen, Instant::now())
    }

    /// No longer than a leader has time for.
    fn within_time(&self, wait: Duration) -> Duration {
        self.renewed.map_or(wait, |sent| wait.min(RENEWAL.saturating_sub(sent.elapsed())))
    }

    fn standing_by(&mut self, holder: String) {
        self.good = Instant::now();
        self.failure = None;
        self.candidate.leadership.hinder(None);
        if self.told.as_ref() != Some(&holder) {
            tracing::info!(lease = %self.candidate, holder, "standing by");
            self.told = Some(holder);
        }
    }

    fn failed(&mut self, error: LeaseError) {
        let candidate = self.candidate;
        // Told once; how it ends is told too.
        let is_news = self.failure.is_none();
        if self.renewed.is_some() {
            if is_news {
                tracing::warn!(lease = %candidate, error = %error, "the Lease wasn't renewed and is tried again");
            }
        } else if error.is_for_people() {
            let namespace = &candidate.namespace;
            let obstacle = format!(
                "the Lease {candidate} can't be had: {error}; grant get, create, update and patch on leases in namespace {namespace}, \
                 choose another with --lease-namespace, or run one replica with --leader-elect=false"
            );
            // An API server that has just started knows of no rights for a moment, and says that nobody has them.
            let lasts = candidate.leadership.obstacle().is_some() || self.good.elapsed() > LEASE;
            if lasts && candidate.leadership.hinder(Some(obstacle.clone())) {
                tracing::warn!("{obstacle}");
            }
        } else if is_news {
            tracing::warn!(lease = %candidate, error = %error, "the Lease can't be read or taken; trying again");
        }
        self.failure = Some(error);
    }
}
