//! How many requests a scope may send: a token bucket ahead of the SDK, and one back-off for all when AWS throttles or fails.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::sync::{Notify, oneshot};

use super::Rate;

/// While AWS fails, what somebody asks for is tried no more often than this.
const PROBE: Duration = Duration::from_secs(1);

/// How often in a row a class may be passed over by those before it.
const PATIENCE: u8 = 4;

/// The most by which requests are drawn out where AWS throttles.
const SLOWEST: u32 = 8;

/// After so many good answers they are drawn out half as much.
const GOOD: u32 = 20;

/// What a request is for, in the order in which they go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// A look that a change of an object asks for.
    Asked,
    /// A change in AWS.
    Write,
    /// All that happens by itself.
    Routine,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

/// The bucket.
pub(super) struct Bucket {
    limiter: Limiter,
    /// Between two tokens in the long run.
    period: Duration,
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    asked: Line,
    write: Line,
    routine: Line,
    dispatching: bool,
    paused_until: Option<Instant>,
    probed: Option<Instant>,
    /// Whether the last probe has neither failed nor succeeded.
    probing: bool,
    failures: u32,
    /// AWS lets through less than the bucket gives: so many times its period is between two requests. None where it didn't throttle.
    slow: u32,
    good: u32,
    /// When the next request may go, for that reason.
    paced: Option<Instant>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<oneshot::Sender<()>>,
    passed_over: u8,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Rate) -> Self {
        // AWS counts requests when they arrive, and some are faster on their way than others: a little of the burst is kept back, so
        // that requests sent at the right times don't arrive too early.
        let burst = rate.burst.saturating_sub((rate.burst / 20).max(1));
        let period = Duration::from_secs_f64(1.0 / rate.per_second.max(0.001)).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period);
        let quota = quota.unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        Self {
            limiter: Limiter::direct_with_clock(quota, MonotonicClock),
            period,
            queue: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a token where one may be had without waiting.
    pub(super) fn try_take(&self, class: Class) -> bool {
        let mut queue = self.lock();
        let now = Instant::now();
        let taken = !queue.dispatching
            && queue.opens(class).is_none_or(|at| at <= now)
            && queue.paced.is_none_or(|at| at <= now)
            && self.limiter.check().is_ok();
        if taken {
            queue.sent(class, now, self.period);
        }
        taken
    }

    /// Waits for a token.
    pub(super) async fn take(self: &Arc<Self>, class: Class) {
        if self.try_take(class) {
            return;
        }
        let (sender, turn) = oneshot::channel();
        {
            let mut queue = self.lock();
            queue.line(class).waiting.push_back(sender);
            if !std::mem::replace(&mut queue.dispatching, true) {
                tokio::spawn(Arc::clone(self).dispatch());
            }
        }
        self.arrived.notify_one();
        // The dispatcher drops no sender.
        let _ = turn.await;
    }

    /// AWS gave a good answer.
    pub(super) fn succeeded(&self) {
        let mut queue = self.lock();
        queue.good = queue.good.saturating_add(1);
        if queue.good >= GOOD {
            queue.good = 0;
            queue.slow /= 2;
        }
        if queue.failures > 0 {
            queue.failures = 0;
            queue.probing = false;
            queue.paused_until = None;
            drop(queue);
            self.arrived.notify_one();
        }
    }

    /// AWS throttles or fails: nobody sends for a while, which `delay` tells from the number of failures in a row.
    pub(super) fn failed(&self, throttled: bool, delay: impl Fn(u32) -> Duration) {
        let mut queue = self.lock();
        let now = Instant::now();
        // Those that were under way together fail together, and count once; and so does each probe.
        let probing = std::mem::take(&mut queue.probing);
        if queue.paused_until.is_none_or(|until| until <= now) || probing {
            queue.failures = queue.failures.saturating_add(1);
            // Where nothing gets through it is the pause that grows.
            if throttled && (queue.slow == 0 || queue.good > 0) {
                queue.slow = (queue.slow * 2).clamp(1, SLOWEST);
                queue.good = 0;
            }
        }
        queue.paused_until = now.checked_add(delay(queue.failures));
        if throttled {
            while self.limiter.check().is_ok() {}
        }
    }

    async fn dispatch(self: Arc<Self>) {
        loop {
            let wait = {
                let mut queue = self.lock();
                if queue.forget_abandoned() == 0 {
                    queue.dispatching = false;
                    return;
                }
                let now = Instant::now();
                match queue.next(now) {
                    Err(at) => at.saturating_duration_since(now),
                    Ok(class) => match queue.paced.filter(|at| *at > now) {
                        Some(at) => at.saturating_duration_since(now),
                        None => match self.limiter.check() {
                            Ok(()) => {
                                queue.serve(class, now, self.period);
                                continue;
                            }
                            Err(not_until) => not_until.wait_time_from(MonotonicClock.now()),
                        },
                    },
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.arrived.notified() => {}
            }
        }
    }
}

impl Queue {
    fn line(&mut self, class: Class) -> &mut Line {
        match class {
            Class::Asked => &mut self.asked,
            Class::Write => &mut self.write,
            Class::Routine => &mut self.routine,
        }
    }

    /// From when on a class may send; `None` for at once.
    fn opens(&self, class: Class) -> Option<Instant> {
        let paused = self.paused_until?;
        match (class, self.probed) {
            (Class::Asked, None) => None,
            (Class::Asked, Some(probed)) => Some(paused.min(probed + PROBE)),
            _ => Some(paused),
        }
    }

    fn forget_abandoned(&mut self) -> usize {
        let lines = [&mut self.asked, &mut self.write, &mut self.routine];
        lines.into_iter().fold(0, |left, line| {
            line.waiting.retain(|sender| !sender.is_closed());
            left + line.waiting.len()
        })
    }

    /// Whose turn it is, or when it will be somebody's.
    fn next(&mut self, now: Instant) -> Result<Class, Instant> {
        let mut first = None;
        let mut chosen = None;
        for class in [Class::Asked, Class::Write, Class::Routine] {
            if self.line(class).waiting.is_empty() {
                continue;
            }
            match self.opens(class).filter(|at| *at > now) {
                Some(at) => first = Some(first.map_or(at, |first: Instant| first.min(at))),
                // Each goes before those behind it, unless these have been patient.
                None if chosen.is_none() || self.line(class).passed_over >= PATIENCE => chosen = Some(class),
                None => {}
            }
        }
        chosen.ok_or_else(|| first.unwrap_or(now + PROBE))
    }

    /// What is sent while there is a pause is a probe.
    fn sent(&mut self, class: Class, now: Instant, period: Duration) {
        self.paced = (self.slow > 0).then(|| now + period * self.slow);
        if class == Class::Asked && self.paused_until.is_some_and(|until| until > now) {
            self.probed = Some(now);
            self.probing = true;
        }
    }

    /// Gives the token to the first of the class.
    fn serve(&mut self, class: Class, now: Instant, period: Duration) {
        self.sent(class, now, period);
        for other in [Class::Write, Class::Routine] {
            let line = self.line(other);
            line.passed_over =
                if other == class || line.waiting.is_empty() { 0 } else { line.passed_over.saturating_add(1) };
        }
        let line = self.line(class);
        // One that is no longer wanted leaves the token to the next.
        while let Some(sender) = line.waiting.pop_front() {
            if sender.send(()).is_ok() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
