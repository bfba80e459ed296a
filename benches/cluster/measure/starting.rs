//! Starts: without objects, with empty statuses, with all in sync, and under a throttle.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Measure, START, seconds};
use crate::{
    bare,
    counts::Counts,
    objects,
    process::Process,
    sheet::Row::{
        BareList, BareSweep, EmptyStart, ObjectSize, Restart, RestartPatches, RssEmpty, StatusWriter, ThrottledSeen,
        ThrottledSent, ThrottledUnready,
    },
    stage::{self, TooLong},
    watching::Watch,
};

/// The most that a start may take under the throttle.
const THROTTLED_START: Duration = Duration::from_secs(60);

impl Measure<'_> {
    pub(super) async fn without_objects(&mut self) {
        self.say("an operator without objects");
        let operator = self.stage.operator("1s");
        stage::ready(&operator, Instant::now()).await;
        // The resyncs that there would be.
        sleep(Duration::from_secs(3)).await;
        let rss = Process(operator.id()).rss();
        self.column.rss.0 = rss;
        self.stage.stop(operator).await;
        self.judge(RssEmpty, format!("{rss:.1} MiB"), rss <= 16.0);
    }

    pub(super) async fn create(&mut self) {
        self.say("creating objects and backups");
        let backups: Vec<Value> = (0..self.count).map(|n| objects::backup(n, objects::is_present(n))).collect();
        for some in backups.chunks(1_000) {
            self.stage.control.control("PUT", "backups", &json!(some)).await;
        }
        self.stage.objects.create(self.count).await;
    }

    pub(super) async fn empty_statuses(&mut self) -> Result<(), TooLong> {
        self.say("a start with empty statuses");
        let watch = Watch::start(&self.stage.objects).await;
        let before = Counts::read(self.stage.objects.client()).await;
        let start = Instant::now();
        let operator = self.stage.operator("5m");
        while watch.seen().ready() < self.count {
            if start.elapsed() > START {
                return Err(TooLong(format!("after {START:?} only {} have a status", watch.seen().ready())));
            }
            sleep(Duration::from_millis(10)).await;
        }
        let took = start.elapsed();
        self.peaks[1] = Process(operator.id()).peak();
        self.stage.stop(operator).await;
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
        Ok(())
    }

    pub(super) async fn restarts(&mut self) -> Result<(), TooLong> {
        self.say("restarts with all in sync, and what they stand on");
        let list = bare::list(&self.stage.objects).await;
        let start = Instant::now();
        self.stage.aws.sweep().await;
        let sweep = start.elapsed();
        let before = Counts::read(self.stage.objects.client()).await;
        let mut times = Vec::new();
        for _ in 0..3 {
            let (operator, seen) = self.start("5m").await?;
            self.stage.stop(operator).await;
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
        Ok(())
    }

    pub(super) async fn throttled(&mut self) {
        self.say("a restart under a throttle");
        let throttle = json!({"throttle": {"burst": 40, "per_second": 10}});
        self.stage.control.control("PUT", "behaviour", &throttle).await;
        let watch = Watch::start(&self.stage.objects).await;
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator_with_default_limits();
        let (seen, coverage) = self.stage.all_seen(&operator, self.count, begin, THROTTLED_START).await;
        let (unready, useful) = (watch.seen().ever_unready(), coverage.requests - coverage.throttled);
        self.stage.stop(operator).await;
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
}
