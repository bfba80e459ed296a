//! Writes wait for a token in a line of their own, and without a pass that waits: it ends, and begins anew when it is its turn.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{bucket::Class, partition::Partition};
use crate::backup::BackupId;

/// How long a token is kept for a pass.
pub(super) const KEPT: Duration = Duration::from_secs(10);

/// The line.
#[derive(Default)]
pub(super) struct Turns(Mutex<Line>);

#[derive(Default)]
struct Line {
    order: VecDeque<BackupId>,
    waiting: HashSet<BackupId>,
    dispatching: bool,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those whose turn comes next.
    pub(super) fn first(&self, most: usize) -> Vec<BackupId> {
        self.lock().order.iter().take(most).copied().collect()
    }

    fn is_empty(&self) -> bool {
        self.lock().order.is_empty()
    }

    /// Whoever it is their turn of; `None`, and the end of dispatching, when nobody waits.
    fn front(&self) -> Option<BackupId> {
        let mut line = self.lock();
        line.dispatching = !line.order.is_empty();
        line.order.front().copied()
    }

    fn pop(&self) -> Option<BackupId> {
        let mut line = self.lock();
        let id = line.order.pop_front()?;
        line.waiting.remove(&id);
        Some(id)
    }
}

impl Partition {
    /// Takes the token for a write where there is one, and tells since when it is at hand. Otherwise the objects concerned are told
    /// when it is their turn.
    pub(super) fn take_turn(self: &Arc<Self>, id: &BackupId) -> Option<Instant> {
        let turn = self.change(id, |entry| entry.affair.as_mut().and_then(|affair| affair.turn.take())).flatten();
        let room = self.writes.available_permits() > 0;
        let turn = turn.filter(|since| since.elapsed() < KEPT);
        if room && turn.is_some() {
            return turn;
        }
        if room && self.turns.is_empty() && self.bucket.try_take(Class::Write) {
            return Some(Instant::now());
        }
        let mut line = self.turns.lock();
        if line.waiting.insert(*id) {
            line.order.push_back(*id);
        }
        if !std::mem::replace(&mut line.dispatching, true) {
            tokio::spawn(Arc::clone(self).give_turns());
        }
        None
    }

    async fn give_turns(self: Arc<Self>) {
        while self.turns.front().is_some() {
            // It is never closed. Only that there is room is waited for; the pass takes it.
            drop(self.writes.acquire().await);
            self.bucket.take(Class::Write).await;
            let Some(id) = self.turns.pop() else { continue };
            self.change(&id, |entry| entry.affair().turn = Some(Instant::now()));
            self.tell(&id);
        }
    }
}
