//! What an operator costs while nothing happens.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Measure, START};
use crate::{
    aws::Coverage,
    counts::Counts,
    process::Process,
    sheet::Row::{ControlPlaneCpu, OperatorCpu, Reads, Resync, RssSteady},
    stage::TooLong,
};

/// The resync interval of the idle resyncs.
const RESYNC: Duration = Duration::from_secs(5);
/// How many of them.
const RESYNCS: u32 = 4;

impl Measure<'_> {
    pub(super) async fn resyncs(&mut self) -> Result<(), TooLong> {
        let (operator, _) = self.start(&format!("{}s", RESYNC.as_secs())).await?;
        let process = Process(operator.id());
        self.stage.settled(&self.flipped(), START).await?;
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
        self.stage.stop(operator).await;
        Ok(())
    }
}
