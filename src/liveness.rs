//! Whether the loops of the process still go round. Each beats its pulse; the probe `/healthz` asks for those that don't.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// How often the time is taken.
const TICK: Duration = Duration::from_secs(1);

/// The most that counts between two ticks. A process that was stopped, or a machine that slept, wakes up with clocks far ahead and
/// loops that had no chance to beat.
const LONGEST_TICK: Duration = Duration::from_secs(2);

/// All loops that are watched over. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<Mutex<Loops>>);

#[derive(Debug, Default)]
struct Loops {
    /// For how long the process has been awake.
    awake: Duration,
    next: u64,
    watched: BTreeMap<u64, Watched>,
}

#[derive(Debug)]
struct Watched {
    name: String,
    bound: Duration,
    /// When it last beat, as time awake.
    beat: Duration,
    must_not_end: bool,
    ended: bool,
}

impl Liveness {
    /// Watches over a loop, named as in "the sweep of us-east-1", which goes round at least once within `bound`. It counts as having
    /// gone round just now. When its pulse is dropped it isn't watched over any more.
    #[must_use]
    pub fn watch_over(&self, name: impl Into<String>, bound: Duration) -> Pulse {
        let mut loops = self.lock();
        let key = loops.next;
        loops.next += 1;
        let beat = loops.awake;
        loops.watched.insert(key, Watched { name: name.into(), bound, beat, must_not_end: false, ended: false });
        Pulse { liveness: self.clone(), key }
    }

    /// Which loops don't go round, one a line; `None` when all do.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let loops = self.lock();
        let lines: Vec<String> = loops.watched.values().filter_map(|watched| watched.complaint(loops.awake)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Counts the time for which the process is awake. Never ends; while it isn't polled no loop is late, so give it a task of its own.
    pub async fn keep_time(&self) {
        let mut before = Instant::now();
        loop {
            sleep(TICK).await;
            let now = Instant::now();
            self.passed(now.duration_since(before));
            before = now;
        }
    }

    /// What the clock has gone on by since it was last read.
    pub(crate) fn passed(&self, time: Duration) {
        self.lock().awake += time.min(LONGEST_TICK);
    }

    fn lock(&self) -> MutexGuard<'_, Loops> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn complaint(&self, awake: Duration) -> Option<String> {
        let Self { name, bound, .. } = self;
        let silent = awake.saturating_sub(self.beat);
        if self.ended {
            Some(format!("{name} has ended, {} s ago, and must not", silent.as_secs()))
        } else if silent > *bound {
            Some(format!("{name} hasn't moved for {} s (bound {} s)", silent.as_secs(), bound.as_secs()))
        } else {
            None
        }
    }
}

/// A loop's sign of life.
#[derive(Debug)]
pub struct Pulse {
    liveness: Liveness,
    key: u64,
}

impl Pulse {
    /// For a loop that runs as long as the process: that its pulse is dropped is a failure, and is told from then on.
    #[must_use]
    pub fn must_not_end(self) -> Self {
        self.with(|watched, _| watched.must_not_end = true);
        self
    }

    /// The loop goes round.
    pub fn beat(&self) {
        self.with(|watched, awake| watched.beat = awake);
    }

    fn with(&self, change: impl FnOnce(&mut Watched, Duration)) {
        let mut loops = self.liveness.lock();
        let awake = loops.awake;
        if let Some(watched) = loops.watched.get_mut(&self.key) {
            change(watched, awake);
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let mut loops = self.liveness.lock();
        let awake = loops.awake;
        match loops.watched.get_mut(&self.key) {
            Some(watched) if watched.must_not_end => {
                watched.ended = true;
                watched.beat = awake;
            }
            _ => {
                loops.watched.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(60);

    /// The process runs for so long.
    fn runs(liveness: &Liveness, time: Duration) {
        for _ in 0..time.as_secs() {
            liveness.passed(TICK);
        }
    }

    #[test]
    fn a_loop_that_does_not_beat_within_its_bound_is_told_until_it_beats_again() {
        let liveness = Liveness::default();
        let late = liveness.watch_over("the sweep of us-east-1", BOUND);
        let well = liveness.watch_over("the lease", BOUND);
        runs(&liveness, BOUND);
        well.beat();
        assert_eq!(liveness.reason(), None);
        runs(&liveness, Duration::from_secs(1));
        assert_eq!(liveness.reason().unwrap(), "the sweep of us-east-1 hasn't moved for 61 s (bound 60 s)");
        late.beat();
        assert_eq!(liveness.reason(), None);
    }

    #[test]
    fn each_loop_that_is_late_has_a_line() {
        let liveness = Liveness::default();
        let _pulses = [liveness.watch_over("the one", BOUND), liveness.watch_over("the other", BOUND)];
        runs(&liveness, BOUND * 2);
        let reason = liveness.reason().unwrap();
        let lines: Vec<&str> = reason.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("the one ") && lines[1].starts_with("the other "), "{reason}");
    }

    #[test]
    fn a_process_that_stood_still_is_not_dead_when_it_wakes_but_a_loop_that_then_stays_silent_is() {
        let liveness = Liveness::default();
        let _pulse = liveness.watch_over("the controller", BOUND);
        // What a stopped process sees: the clock jumps, and nothing ran meanwhile.
        liveness.passed(BOUND * 10);
        assert_eq!(liveness.reason(), None);
        runs(&liveness, BOUND);
        assert_eq!(liveness.reason().unwrap(), "the controller hasn't moved for 62 s (bound 60 s)");
    }

    #[test]
    fn a_loop_that_ends_is_forgotten_but_one_that_must_not_end_is_told_of() {
        let liveness = Liveness::default();
        drop(liveness.watch_over("the sweep of us-east-1", BOUND));
        runs(&liveness, BOUND * 2);
        assert_eq!(liveness.reason(), None);
        drop(liveness.watch_over("the controller", BOUND).must_not_end());
        assert_eq!(liveness.reason().unwrap(), "the controller has ended, 0 s ago, and must not");
    }

    #[tokio::test]
    async fn the_time_is_kept() {
        let liveness = Liveness::default();
        let _pulse = liveness.watch_over("the controller", Duration::ZERO);
        tokio::select! {
            () = liveness.keep_time() => {}
            () = async {
                while liveness.reason().is_none() {
                    sleep(TICK / 20).await;
                }
            } => {}
        }
    }
}
