//! What is done with one number of objects, in order, and the figures that come of it.

mod flipping;
mod resting;
mod starting;

use std::time::{Duration, Instant};

use test_support::Operator;

use crate::{
    objects,
    sheet::{Column, Row, judged, shown},
    stage::{AllSeen, Stage, TooLong},
};

/// The most that a start, and what an operator does after it, may take before it counts as one that doesn't end.
const START: Duration = Duration::from_secs(180);

/// A bench with so many objects.
pub(crate) struct Measure<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) count: usize,
    /// How many flips a percentile is taken of, if there are objects enough.
    pub(crate) flips: usize,
    column: Column,
    started: Instant,
    /// CPU seconds per second that control plane and operator take while nothing happens.
    idle: (f64, f64),
    peaks: [f64; 3],
}

impl<'a> Measure<'a> {
    pub(crate) fn new(stage: &'a Stage, count: usize, flips: usize) -> Self {
        Self {
            stage,
            count,
            flips,
            column: Column::new(count),
            started: Instant::now(),
            idle: (0.0, 0.0),
            peaks: [0.0; 3],
        }
    }

    /// All of it. What takes too long leaves its figures out, and the rest goes on.
    pub(crate) async fn run(mut self) -> Column {
        self.without_objects().await;
        self.create().await;
        let step = self.empty_statuses().await;
        self.took(step);
        let step = self.restarts().await;
        self.took(step);
        let step = self.idle_then_flips().await;
        self.took(step);
        self.floors_of_a_flip().await;
        let step = self.resyncs().await;
        self.took(step);
        let step = self.flips_while_sweeping().await;
        self.took(step);
        let step = self.flips_while_starting().await;
        self.took(step);
        self.throttled().await;
        let [sweeping, empty, flips] = self.peaks;
        let most = sweeping.max(empty).max(flips);
        self.judge(Row::RssPeak, format!("{sweeping:.1} / {empty:.1} / {flips:.1} MiB"), most <= 64.0);
        self.column
    }

    fn took(&mut self, step: Result<(), TooLong>) {
        if let Err(TooLong(what)) = step {
            self.say(&what);
            self.column.given_up.push(format!("N = {}: {what}", self.count));
        }
    }

    fn say(&self, what: &str) {
        progress(&format!("N = {}, {:.0} s: {what}", self.count, self.started.elapsed().as_secs_f64()));
    }

    fn show(&mut self, row: Row, text: impl Into<String>) {
        self.column.figures.insert(row, shown(text));
    }

    fn judge(&mut self, row: Row, text: impl Into<String>, met: bool) {
        self.column.figures.insert(row, judged(text, met));
    }

    /// The objects that declare `Present`, as many as are flipped where percentiles are taken.
    fn flipped(&self) -> Vec<usize> {
        (0..self.count).filter(|n| objects::is_present(*n)).take(self.flips).collect()
    }

    /// Starts an operator and waits until it has seen all.
    async fn start(&self, resync: &str) -> Result<(Operator, AllSeen), TooLong> {
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator(resync);
        let (seen, coverage) = self.stage.all_seen(&operator, self.count, begin, START).await;
        match seen {
            Some(seen) => Ok((operator, seen)),
            None => Err(TooLong(format!("after {START:?} only {} were seen", coverage.seen(self.count)))),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Says how far the bench has come.
#[allow(clippy::print_stderr, reason = "a person waits")]
pub(crate) fn progress(text: &str) {
    eprintln!("{text}");
}
