//! One backup over time: how it truly is, and what DescribeBackups shows of it by now.

use crate::backup::{Backup, DELETED, PENDING_DELETION};
use crate::time::Millis;
use std::collections::VecDeque;
use std::sync::Arc;

/// A backup and the changes that DescribeBackups doesn't show yet.
#[derive(Debug)]
pub(crate) struct History {
    truth: Arc<Backup>,
    shown: Option<Arc<Backup>>,
    /// When each change was made and what it led to, oldest first; the last one is the truth.
    hidden: VecDeque<(Millis, Arc<Backup>)>,
}

impl History {
    /// A backup that shows at once.
    pub(crate) fn placed(backup: Backup) -> Self {
        let backup = Arc::new(backup);
        Self { truth: Arc::clone(&backup), shown: Some(backup), hidden: VecDeque::new() }
    }

    /// A backup that comes into being now and shows when the lag is over.
    pub(crate) fn made(backup: Backup, now: Millis) -> Self {
        let backup = Arc::new(backup);
        Self { truth: Arc::clone(&backup), shown: None, hidden: VecDeque::from([(now, backup)]) }
    }

    /// The backup as it truly is.
    pub(crate) fn truth(&self) -> &Arc<Backup> {
        &self.truth
    }

    /// The backup as DescribeBackups shows it, if it does.
    pub(crate) fn shown(&self) -> Option<&Arc<Backup>> {
        self.shown.as_ref()
    }

    /// A change made at `at`.
    pub(crate) fn change(&mut self, at: Millis, backup: Backup) {
        let backup = Arc::new(backup);
        self.truth = Arc::clone(&backup);
        self.hidden.push_back((at, backup));
    }

    /// Brings the backup up to `now`: its purge, if its time has come, and what shows by now. What has shown once
    /// stays so, whatever the clock and the lag become.
    pub(crate) fn settle(&mut self, now: Millis, lag: i64) {
        if self.truth.is(PENDING_DELETION)
            && let Some(at) = self.truth.deletes.filter(|at| *at <= now)
        {
            let purged = Backup { state: Some(DELETED.to_owned()), ..(*self.truth).clone() };
            self.change(at, purged);
        }
        let due = |(at, _): &(Millis, Arc<Backup>)| lag == 0 || at.plus(lag) <= now;
        if let Some(last) = self.hidden.iter().rposition(due) {
            self.shown = self.hidden.drain(..=last).next_back().map(|(_, backup)| backup);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::READY;

    fn backup(state: &str, deletes: Option<i64>) -> Backup {
        Backup {
            id: "backup-aaaaaaaaaaa".into(),
            arn: None,
            state: Some(state.to_owned()),
            cluster: None,
            created: None,
            copied: None,
            never_expires: None,
            source_region: None,
            source_backup: None,
            source_cluster: None,
            deletes: deletes.map(Millis::new),
            tags: vec![],
            hsm_type: None,
            mode: None,
        }
    }

    fn shown(history: &History) -> Option<&str> {
        history.shown().map(|backup| backup.state_name())
    }

    #[test]
    fn a_change_shows_when_the_lag_is_over() {
        let mut history = History::placed(backup(READY, None));
        history.change(Millis::new(1000), backup(PENDING_DELETION, None));
        history.settle(Millis::new(5999), 5000);
        assert_eq!((shown(&history), history.truth().state_name()), (Some(READY), PENDING_DELETION));
        history.settle(Millis::new(6000), 5000);
        assert_eq!(shown(&history), Some(PENDING_DELETION));
    }

    #[test]
    fn each_change_shows_at_its_own_time() {
        let mut history = History::made(backup(READY, None), Millis::new(0));
        history.change(Millis::new(50), backup("A", None));
        history.change(Millis::new(90), backup("B", None));
        for (now, expected) in [(99, None), (100, Some(READY)), (149, Some(READY)), (150, Some("A")), (190, Some("B"))]
        {
            history.settle(Millis::new(now), 100);
            assert_eq!(shown(&history), expected, "at {now}");
        }
    }

    #[test]
    fn the_purge_happens_at_its_time_and_shows_later() {
        let mut history = History::placed(backup(PENDING_DELETION, Some(1000)));
        history.settle(Millis::new(999), 100);
        assert_eq!(history.truth().state_name(), PENDING_DELETION);
        history.settle(Millis::new(1099), 100);
        assert_eq!((shown(&history), history.truth().state_name()), (Some(PENDING_DELETION), DELETED));
        assert_eq!(history.truth().deletes, Some(Millis::new(1000)));
        history.settle(Millis::new(1100), 100);
        assert_eq!(shown(&history), Some(DELETED));
    }

    #[test]
    fn a_purge_stands_when_the_clock_is_set_back() {
        let mut history = History::placed(backup(PENDING_DELETION, Some(1000)));
        history.settle(Millis::new(1000), 0);
        history.settle(Millis::new(0), 0);
        assert_eq!((shown(&history), history.truth().state_name()), (Some(DELETED), DELETED));
        history.settle(Millis::new(0), 100);
        assert_eq!(shown(&history), Some(DELETED));
    }

    #[test]
    fn without_a_time_the_deletion_stays_pending() {
        let mut history = History::placed(backup(PENDING_DELETION, None));
        history.settle(Millis::new(i64::MAX), 0);
        assert_eq!(history.truth().state_name(), PENDING_DELETION);
    }
}
