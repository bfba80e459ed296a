//! What is measured, what the goal is, and the table that shows both.

use std::collections::BTreeMap;

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    ObjectSize,
    Reads,
    Resync,
    ControlPlaneCpu,
    OperatorCpu,
    IdleCpu,
    Restart,
    RestartPatches,
    BareList,
    BareSweep,
    EmptyStart,
    StatusWriter,
    FlipIdle,
    BareFlip,
    BareFlipRereading,
    FlipPatches,
    FlipSweeping,
    FlipStarting,
    FlipStartingReady,
    MassFlip,
    ThrottledSent,
    ThrottledSeen,
    ThrottledUnready,
    RssSteady,
    RssPeak,
    RssSlope,
    RssEmpty,
    Decide,
    Binary,
}

impl Row {
    const ALL: [Self; 29] = [
        Self::ObjectSize,
        Self::Reads,
        Self::Resync,
        Self::OperatorCpu,
        Self::ControlPlaneCpu,
        Self::IdleCpu,
        Self::Restart,
        Self::RestartPatches,
        Self::BareList,
        Self::BareSweep,
        Self::EmptyStart,
        Self::StatusWriter,
        Self::FlipIdle,
        Self::BareFlip,
        Self::BareFlipRereading,
        Self::FlipPatches,
        Self::FlipSweeping,
        Self::FlipStarting,
        Self::FlipStartingReady,
        Self::MassFlip,
        Self::ThrottledSent,
        Self::ThrottledSeen,
        Self::ThrottledUnready,
        Self::RssSteady,
        Self::RssPeak,
        Self::RssSlope,
        Self::RssEmpty,
        Self::Decide,
        Self::Binary,
    ];

    fn what(self) -> &'static str {
        match self {
            Self::ObjectSize => "an object as stored, with managedFields",
            Self::Reads => "AWS reads per full drift check (sweeps per interval)",
            Self::Resync => "per idle resync: PATCH, GET, LIST, etcd revisions, events",
            Self::OperatorCpu => "CPU per sweep: operator",
            Self::ControlPlaneCpu => "CPU per sweep: kube-apiserver and etcd, beyond idle",
            Self::IdleCpu => "CPU per idle minute: operator (kube-apiserver and etcd)",
            Self::Restart => "restart, all in sync: until all are seen (AWS has shown all)",
            Self::RestartPatches => "  PATCHes",
            Self::BareList => "  floor: a bare paged LIST, decoded",
            Self::BareSweep => "  floor: a bare sweep of AWS",
            Self::EmptyStart => "start, all statuses empty: until all are written (PATCHes)",
            Self::StatusWriter => "  floor: a bare 16-way status writer",
            Self::FlipIdle => "flip → DeleteBackup received, idle: p50 / p99",
            Self::BareFlip => "  floor: a bare watch + look + delete: p50 / p99",
            Self::BareFlipRereading => "  floor: the same with a re-read of the object",
            Self::FlipPatches => "  PATCHes per flip",
            Self::FlipSweeping => "flip while swept every second: p50 / p99",
            Self::FlipStarting => "flip during a cold start, before readyz: p50 / worst",
            Self::FlipStartingReady => "flip during a cold start, after readyz: p50 / worst",
            Self::MassFlip => "mass flip: lag of the last DeleteBackup after the last PATCH",
            Self::ThrottledSent => "restart under a bucket of 40 + 10/s: sent per useful call",
            Self::ThrottledSeen => "  until all are seen",
            Self::ThrottledUnready => "  objects falsely not Ready",
            Self::RssSteady => "RSS steady",
            Self::RssPeak => "RSS peak: in sync and sweeping / empty statuses / flips",
            Self::RssSlope => "RSS steady per object, beyond the column before (or none)",
            Self::RssEmpty => "RSS without objects",
            Self::Decide => "decide, unchanged (micro benchmark)",
            Self::Binary => "binary, stripped",
        }
    }

    fn goal(self) -> &'static str {
        match self {
            Self::ObjectSize => "about 2.3 KB",
            Self::Reads => "≤ 1.02 × ceil(N/50) + 1",
            Self::Resync => "0, 0, 0, 0, 0",
            Self::OperatorCpu => "≤ 0.3 s",
            Self::ControlPlaneCpu => "≤ 0.05 s",
            Self::Restart => "≤ 2.5 s where the LIST takes 1.6 s",
            Self::RestartPatches => "0",
            Self::EmptyStart => "≤ 0.9 × the writer",
            Self::FlipIdle => "≤ 3 / ≤ 12 ms",
            Self::FlipPatches => "≤ 2",
            Self::FlipSweeping => "p99 ≤ 20 ms",
            Self::MassFlip => "≤ 0.7 s",
            Self::ThrottledSent => "≤ 1.05",
            Self::ThrottledSeen => "≤ 20 s",
            Self::ThrottledUnready => "0",
            Self::RssSteady => "≤ 48 MiB",
            Self::RssPeak => "≤ 64 MiB",
            Self::RssSlope => "≤ 3.5 KiB",
            Self::RssEmpty => "≤ 16 MiB",
            Self::Decide => "≤ 100 ns, 0 allocations",
            Self::Binary => "≤ 16 MB",
            Self::IdleCpu
            | Self::BareList
            | Self::BareSweep
            | Self::StatusWriter
            | Self::BareFlip
            | Self::BareFlipRereading
            | Self::FlipStarting
            | Self::FlipStartingReady => "",
        }
    }
}

/// A figure, and whether it meets the goal, where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    text: String,
    met: Option<bool>,
}

/// A figure without a goal.
pub(crate) fn shown(text: impl Into<String>) -> Figure {
    Figure { text: text.into(), met: None }
}

/// A figure with a goal.
pub(crate) fn judged(text: impl Into<String>, met: bool) -> Figure {
    Figure { text: text.into(), met: Some(met) }
}

/// The figures of one number of objects.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// How many.
    pub(crate) count: usize,
    /// The figures.
    pub(crate) figures: BTreeMap<Row, Figure>,
    /// RSS without objects and with them, in MiB.
    pub(crate) rss: (f64, f64),
    /// What took too long.
    pub(crate) given_up: Vec<String>,
}

impl Column {
    /// For so many objects.
    pub(crate) fn new(count: usize) -> Self {
        Self { count, figures: BTreeMap::new(), rss: (0.0, 0.0), given_up: Vec::new() }
    }

    /// What an object adds to the RSS, seen from a run with fewer, or with none.
    pub(crate) fn judge_slope(&mut self, before: Option<&Self>) {
        let (fewer, least) = before.map_or((0, self.rss.0), |column| (column.count, column.rss.1));
        let Some(more) = self.count.checked_sub(fewer).filter(|more| *more > 0) else { return };
        let slope = (self.rss.1 - least) * 1024.0 / more as f64;
        self.figures.insert(Row::RssSlope, judged(format!("{slope:.2} KiB"), slope <= 3.5));
    }
}

/// The table.
pub(crate) fn table(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let heads = columns.iter().map(|column| format!("N = {}", column.count));
    table.set_header(["what".to_owned()].into_iter().chain(heads).chain(["goal".to_owned()]));
    for row in Row::ALL {
        let cells = columns.iter().map(|column| match column.figures.get(&row) {
            None => String::new(),
            Some(Figure { text, met: None }) => text.clone(),
            Some(Figure { text, met: Some(true) }) => format!("{text}: met"),
            Some(Figure { text, met: Some(false) }) => format!("{text}: MISSED"),
        });
        table.add_row([row.what().to_owned()].into_iter().chain(cells).chain([row.goal().to_owned()]));
    }
    table
}
