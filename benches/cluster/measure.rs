//! What is done with one number of objects, in order, and the figures that come of it.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use test_support::Operator;
use tokio::time::sleep;

use crate::{
    aws::Coverage,
    bare::{self, Follower},
    counts::Counts,
    flips::{self, Lags},
    objects,
    process::Process,
    sheet::{
        Column,
        Row::{self, *},
        judged, shown,
    },
    stage::{self, Stage},
    watching::Watch,
};

/// The most that a start may take before it counts as one that doesn't end.
const START: Duration = Duration::from_secs(180);
/// The same under the throttle.
const THROTTLED_START: Duration = Duration::from_secs(60);
/// The resync interval of the idle resyncs.
const RESYNC: Duration = Duration::from_secs(5);
/// How many of them.
const RESYNCS: u32 = 4;
/// How long nothing happens where nothing shall.
const IDLE: Duration = Duration::from_secs(15);
/// How many objects a mass flip takes.
const MASS: usize = 1_000;

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

    /// All of it.
    pub(crate) async fn run(mut self) -> Column {
        self.without_objects().await;
        self.create().await;
        self.empty_statuses().await;
        self.floors_of_a_start().await;
        self.idle_then_flips().await;
        self.floors_of_a_flip().await;
        self.resyncs().await;
        self.flips_while_sweeping().await;
        self.flips_while_starting().await;
        self.throttled().await;
        let [sweeping, empty, flips] = self.peaks;
        let most = sweeping.max(empty).max(flips);
        self.judge(RssPeak, format!("{sweeping:.1} / {empty:.1} / {flips:.1} MiB"), most <= 64.0);
        self.column
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
    async fn start(&self, resync: &str) -> (Operator, stage::AllSeen) {
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator(resync).start();
        let (seen, coverage) = self.stage.all_seen(&operator, self.count, begin, START).await;
        let seen = seen.unwrap_or_else(|| {
            panic!("after {START:?} only {} of {} were seen", coverage.seen(self.count), self.count)
        });
        (operator, seen)
    }

    async fn without_objects(&mut self) {
        self.say("an operator without objects");
        let operator = self.stage.operator("1s").start();
        stage::ready(&operator, Instant::now()).await;
        // The resyncs that there would be.
        sleep(Duration::from_secs(3)).await;
        let rss = Process(operator.id()).rss();
        self.column.rss.0 = rss;
        stage::stop(operator).await;
        self.judge(RssEmpty, format!("{rss:.1} MiB"), rss <= 16.0);
    }

    async fn create(&mut self) {
        self.say("creating objects and backups");
        let backups: Vec<Value> = (0..self.count).map(|n| objects::backup(n, objects::is_present(n))).collect();
        for some in backups.chunks(1_000) {
            self.stage.control.control("PUT", "backups", &json!(some)).await;
        }
        self.stage.objects.create(self.count).await;
    }

    async fn empty_statuses(&mut self) {
        self.say("a start with empty statuses");
        let watch = Watch::start(&self.stage.objects).await;
        let before = Counts::read(self.stage.objects.client()).await;
        let start = Instant::now();
        let operator = self.stage.operator("5m").start();
        while watch.seen().ready() < self.count {
            assert!(start.elapsed() < START, "after {START:?} only {} have a status", watch.seen().ready());
            sleep(Duration::from_millis(10)).await;
        }
        let took = start.elapsed();
        self.peaks[1] = Process(operator.id()).peak();
        stage::stop(operator).await;
        drop(watch);
        let patches = Counts::read(self.stage.objects.client()).await.since(before).status_patches;

        self.say("a bare status writer");
        let floor = bare::status_writer(self.stage, self.count).await;
        let ratio = took.as_secs_f64() / floor.as_secs_f64();
        self.judge(EmptyStart, format!("{} = {ratio:.2} × ({patches})", seconds(took)), ratio <= 0.9);
        self.show(StatusWriter, seconds(floor));

        let objects = self.stage.objects.list().await;
        let bytes: usize = objects.iter().map(|object| serde_json::to_vec(object).map_or(0, |json| json.len())).sum();
        self.show(ObjectSize, format!("{:.2} KB", bytes as f64 / self.count as f64 / 1000.0));
    }

    async fn floors_of_a_start(&mut self) {
        self.say("restarts with all in sync, and what they stand on");
        let list = bare::list(&self.stage.objects).await;
        let start = Instant::now();
        self.stage.aws.sweep().await;
        let sweep = start.elapsed();
        let before = Counts::read(self.stage.objects.client()).await;
        let mut times = Vec::new();
        for _ in 0..3 {
            let (operator, seen) = self.start("5m").await;
            stage::stop(operator).await;
            times.push(seen);
        }
        let patches = Counts::read(self.stage.objects.client()).await.since(before).patches;
        times.sort_by_key(|seen| seen.told);
        let middle = times[1];
        let ratio = middle.told.as_secs_f64() / list.as_secs_f64();
        let text = format!("{} = {ratio:.2} × ({})", seconds(middle.told), seconds(middle.looked));
        // The goal speaks of 10,000; with few, starting the process is all there is.
        if self.count >= 10_000 {
            self.judge(Restart, text, ratio <= 2.5 / 1.6);
        } else {
            self.show(Restart, text);
        }
        self.judge(RestartPatches, format!("{patches}"), patches == 0.0);
        self.show(BareList, seconds(list));
        self.show(BareSweep, seconds(sweep));
    }

    async fn idle_then_flips(&mut self) {
        let (operator, _) = self.start("5m").await;
        let process = Process(operator.id());
        self.say("idle");
        sleep(Duration::from_secs(3)).await;
        let (start, cpu, plane) = (Instant::now(), process.cpu(), self.stage.control_plane_cpu());
        sleep(IDLE).await;
        let per_second = |cpu: Duration| cpu.as_secs_f64() / start.elapsed().as_secs_f64();
        self.idle = (per_second(process.cpu() - cpu), per_second(self.stage.control_plane_cpu() - plane));
        self.show(IdleCpu, format!("{:.2} s ({:.2} s)", self.idle.0 * 60.0, self.idle.1 * 60.0));

        self.say("flips");
        let flipped = self.flipped();
        let before = Counts::read(self.stage.objects.client()).await;
        let lags = flips::one_by_one(self.stage, &flipped).await;
        self.stage.settled(&flipped, START).await;
        let patches = Counts::read(self.stage.objects.client()).await.since(before).status_patches;
        self.percentiles(FlipIdle, &lags, |p50, p99| Some(p50 <= 3.0 && p99 <= 12.0));
        let per_flip = patches / lags.count() as f64;
        self.judge(FlipPatches, format!("{per_flip:.2}"), per_flip <= 2.0);

        if self.count >= MASS {
            self.say("a mass flip");
            let all: Vec<usize> = (0..MASS).collect();
            self.stage.restore(&all).await;
            let (lag, patching) = flips::all_at_once(self.stage, &all).await;
            let text = format!("{} after {} of PATCHes", seconds(lag), seconds(patching));
            self.judge(MassFlip, text, lag.as_secs_f64() <= 0.7);
            self.stage.settled(&all, START).await;
        }
        self.peaks[2] = process.peak();
        let half: Vec<usize> = (0..self.count.min(MASS)).filter(|n| objects::is_present(*n)).collect();
        self.stage.restore(&half).await;
        stage::stop(operator).await;
    }

    async fn floors_of_a_flip(&mut self) {
        let flipped = self.flipped();
        for (row, rereads) in [(BareFlip, false), (BareFlipRereading, true)] {
            self.say("flips with a bare program");
            let follower = Follower::start(self.stage, rereads).await;
            let lags = flips::one_by_one(self.stage, &flipped).await;
            drop(follower);
            self.percentiles(row, &lags, |_, _| None);
            let backups: Vec<Value> = flipped.iter().map(|n| objects::backup(*n, true)).collect();
            self.stage.control.control("PUT", "backups", &json!(backups)).await;
            objects::each(flipped.iter().copied(), async |n| self.stage.objects.declare(n, "Present").await.map(drop))
                .await;
        }
    }

    async fn resyncs(&mut self) {
        let (operator, _) = self.start(&format!("{}s", RESYNC.as_secs())).await;
        let process = Process(operator.id());
        self.stage.settled(&self.flipped(), START).await;
        self.say("idle resyncs");
        // What follows the start is over with the first of them.
        sleep(RESYNC).await;
        let counts = Counts::read(self.stage.objects.client()).await;
        sleep(Duration::from_secs(1)).await;
        let next = self.stage.control.next_request().await;
        let (start, cpu, plane) = (Instant::now(), process.cpu(), self.stage.control_plane_cpu());
        sleep(RESYNC * RESYNCS).await;
        let (operator_cpu, plane_cpu) = (process.cpu() - cpu, self.stage.control_plane_cpu() - plane);
        let period = start.elapsed().as_secs_f64();
        let mut coverage = Coverage::default();
        coverage.add(&self.stage.control.requests(next).await.0);
        let counts = Counts::read(self.stage.objects.client()).await.since(counts);

        let sweeps = coverage.sweeps(self.count);
        let reads = coverage.reads as f64 / sweeps;
        let goal = 1.02 * self.count.div_ceil(50) as f64 + 1.0;
        self.judge(Reads, format!("{reads:.1} ({:.2})", sweeps / f64::from(RESYNCS)), reads <= goal);
        let all = [counts.patches, counts.gets, counts.lists, counts.revisions, counts.events];
        let text = all.map(|count| format!("{:.3}", count / sweeps).trim_end_matches(['0', '.']).to_owned());
        let text = text.map(|count| if count.is_empty() { "0".to_owned() } else { count }).join(", ");
        self.judge(Resync, text, all.iter().all(|count| *count == 0.0));
        let per_sweep = (operator_cpu.as_secs_f64() - self.idle.0 * period) / sweeps;
        self.judge(OperatorCpu, format!("{per_sweep:.3} s"), per_sweep <= 0.3);
        let per_sweep = (plane_cpu.as_secs_f64() - self.idle.1 * period) / sweeps;
        self.judge(ControlPlaneCpu, format!("{per_sweep:.3} s"), per_sweep <= 0.05);

        let rss = process.rss();
        self.peaks[0] = process.peak();
        self.judge(RssSteady, format!("{rss:.1} MiB"), rss <= 48.0);
        self.column.rss.1 = rss;
        stage::stop(operator).await;
    }

    async fn flips_while_sweeping(&mut self) {
        let (operator, _) = self.start("1s").await;
        self.say("flips while sweeps run without a pause");
        let flipped = self.flipped();
        let lags = flips::one_by_one(self.stage, &flipped).await;
        self.percentiles(FlipSweeping, &lags, |_, p99| Some(p99 <= 20.0));
        self.stage.settled(&flipped, START).await;
        self.stage.restore(&flipped).await;
        stage::stop(operator).await;
    }

    async fn flips_while_starting(&mut self) {
        self.say("flips during a cold start");
        let flipped = self.flipped();
        let (over, mark) = (Cell::new(false), Cell::new(None));
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator("5m").start();
        let starting = async {
            let ready = stage::ready(&operator, begin.0).await;
            mark.set(Some(begin.0 + ready));
            self.stage.all_seen(&operator, self.count, begin, START).await;
            over.set(true);
        };
        let pause = Duration::from_millis(25);
        let ((before, after), ()) = tokio::join!(flips::steadily(self.stage, &flipped, pause, &over, &mark), starting);
        for (row, lags) in [(FlipStarting, before), (FlipStartingReady, after)] {
            let text = match (lags.percentile(50), lags.worst()) {
                (Some(middle), Some(worst)) => format!("{middle:.1} / {worst:.1} ms of {}", lags.count()),
                _ => "no flip fell into it".to_owned(),
            };
            self.show(row, text);
        }
        self.stage.settled(&flipped, START).await;
        stage::stop(operator).await;
    }

    async fn throttled(&mut self) {
        self.say("a restart under a throttle");
        let throttle = json!({"throttle": {"burst": 40, "per_second": 10}});
        self.stage.control.control("PUT", "behaviour", &throttle).await;
        let watch = Watch::start(&self.stage.objects).await;
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator_with_default_limits().start();
        let (seen, coverage) = self.stage.all_seen(&operator, self.count, begin, THROTTLED_START).await;
        let (unready, useful) = (watch.seen().ever_unready(), coverage.requests - coverage.throttled);
        stage::stop(operator).await;
        self.stage.control.control("PUT", "behaviour", &json!({"throttle": null})).await;

        let per_useful = coverage.requests as f64 / useful as f64;
        self.judge(ThrottledSent, format!("{per_useful:.2}"), per_useful <= 1.05);
        let seen = seen.map(|seen| seen.told);
        let text = seen.map_or_else(
            || format!("not within {THROTTLED_START:?}: {} of {}", coverage.seen(self.count), self.count),
            seconds,
        );
        self.judge(ThrottledSeen, text, seen.is_some_and(|seen| seen.as_secs_f64() <= 20.0));
        self.judge(ThrottledUnready, format!("{unready}"), unready == 0);
    }

    fn percentiles(&mut self, row: Row, lags: &Lags, met: impl FnOnce(f64, f64) -> Option<bool>) {
        let (Some(p50), Some(p99)) = (lags.percentile(50), lags.percentile(99)) else { return };
        let text = format!("{p50:.2} / {p99:.2} ms of {}", lags.count());
        match met(p50, p99) {
            Some(met) => self.judge(row, text, met),
            None => self.show(row, text),
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
