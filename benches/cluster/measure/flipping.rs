//! Flips: idle, in a mass, while swept, during a start, and what a bare program makes of them.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Measure, START, seconds};
use crate::{
    bare::Follower,
    counts::Counts,
    flips::{self, Lags},
    objects,
    process::Process,
    sheet::Row::{
        self, BareFlip, BareFlipRereading, FlipIdle, FlipPatches, FlipStarting, FlipStartingReady, FlipSweeping,
        IdleCpu, MassFlip,
    },
    stage::{self, TooLong},
};

/// How long nothing happens where nothing shall.
const IDLE: Duration = Duration::from_secs(15);
/// How many objects a mass flip takes.
const MASS: usize = 1_000;

impl Measure<'_> {
    pub(super) async fn idle_then_flips(&mut self) -> Result<(), TooLong> {
        let (operator, _) = self.start("5m").await?;
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
        self.stage.settled(&flipped, START).await?;
        let patches = Counts::read(self.stage.objects.client()).await.since(before).status_patches;
        self.percentiles(FlipIdle, &lags, |p50, p99| Some(p50 <= 3.0 && p99 <= 12.0));
        let per_flip = patches / lags.count() as f64;
        self.judge(FlipPatches, format!("{per_flip:.2}"), per_flip <= 2.0);

        if self.count >= MASS {
            self.say("a mass flip");
            let all: Vec<usize> = (0..MASS).collect();
            self.stage.restore(&all).await?;
            let (lag, patching) = flips::all_at_once(self.stage, &all).await;
            let text = format!("{} after {} of PATCHes", seconds(lag), seconds(patching));
            self.judge(MassFlip, text, lag.as_secs_f64() <= 0.7);
            self.stage.settled(&all, START).await?;
        }
        self.peaks[2] = process.peak();
        let half: Vec<usize> =
            (0..self.count.min(MASS.max(2 * self.flips))).filter(|n| objects::is_present(*n)).collect();
        self.stage.restore(&half).await?;
        self.stage.stop(operator).await;
        Ok(())
    }

    pub(super) async fn floors_of_a_flip(&mut self) {
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

    pub(super) async fn flips_while_sweeping(&mut self) -> Result<(), TooLong> {
        let (operator, _) = self.start("1s").await?;
        self.say("flips while sweeps run without a pause");
        let flipped = self.flipped();
        let lags = flips::one_by_one(self.stage, &flipped).await;
        self.percentiles(FlipSweeping, &lags, |_, p99| Some(p99 <= 20.0));
        self.stage.settled(&flipped, START).await?;
        self.stage.restore(&flipped).await?;
        self.stage.stop(operator).await;
        Ok(())
    }

    pub(super) async fn flips_while_starting(&mut self) -> Result<(), TooLong> {
        self.say("flips during a cold start");
        let flipped = self.flipped();
        let (over, mark) = (Cell::new(false), Cell::new(None));
        let begin = (Instant::now(), self.stage.control.next_request().await);
        let operator = self.stage.operator("5m");
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
        self.stage.settled(&flipped, START).await?;
        self.stage.stop(operator).await;
        Ok(())
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
