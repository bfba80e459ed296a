//! Looks that somebody waits for, brought together without a timer: one goes out at once when none is under way, and those that
//! come meanwhile share the next.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
};

use super::{bucket::Class, partition::Partition};
use crate::{aws::PER_PAGE, backup::BackupId};

/// A look that takes longer doesn't keep the next one waiting.
const SLOW: Duration = Duration::from_secs(1);

/// How many looks are under way at once while more full ones wait.
const AT_ONCE: usize = 4;

/// How many are under way at once though none comes to an end.
const HANGING: usize = 8;

/// A look older than this is renewed where it costs nothing.
const OLD: Duration = Duration::from_secs(2);

/// Those who wait.
#[derive(Default)]
pub(super) struct Asks {
    queue: Mutex<Queue>,
    full: Notify,
}

#[derive(Default)]
struct Queue {
    order: VecDeque<BackupId>,
    waiting: HashMap<BackupId, Vec<oneshot::Sender<()>>>,
    dispatching: bool,
}

struct Batch {
    ids: Vec<BackupId>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Partition {
    /// Asks for a look that is sent after this. It resolves when AWS has answered, or failed.
    pub(super) fn ask(self: &Arc<Self>, id: &BackupId) -> oneshot::Receiver<()> {
        let (sender, answered) = oneshot::channel();
        let mut queue = self.asks.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Queue { order, waiting, .. } = &mut *queue;
        let waiting = waiting.entry(*id).or_insert_with(|| {
            order.push_back(*id);
            Vec::new()
        });
        waiting.retain(|waiting| !waiting.is_closed());
        waiting.push(sender);
        if order.len() >= PER_PAGE {
            self.asks.full.notify_one();
        }
        if !std::mem::replace(&mut queue.dispatching, true) {
            tokio::spawn(Arc::clone(self).answer());
        }
        answered
    }

    async fn answer(self: Arc<Self>) {
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() >= HANGING {
                under_way.join_next().await;
            }
            if self.asks.is_done() {
                break;
            }
            self.bucket.take(Class::Asked).await;
            // Only now, so that those who came while the token was waited for are in it.
            let Batch { ids, waiting } = self.next_batch();
            let partition = Arc::clone(&self);
            under_way.spawn(async move {
                partition.look(ids, Class::Asked).await;
                for waiting in waiting {
                    let _ = waiting.send(());
                }
            });
            let slow = tokio::time::sleep(SLOW);
            tokio::select! {
                _ = under_way.join_next() => {}
                () = slow => {}
                () = self.asks.full.notified(), if under_way.len() < AT_ONCE => {}
            }
        }
        // What is still under way goes on by itself.
        under_way.detach_all();
    }

    fn next_batch(&self) -> Batch {
        let mut queue = self.asks.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch { ids: Vec::new(), waiting: Vec::new() };
        let is_alone = |id: &BackupId| self.read(id, |entry| entry.alone).unwrap_or_default();
        while batch.ids.len() < PER_PAGE
            && let Some(id) = queue.order.front().copied()
        {
            let alone = is_alone(&id);
            if alone && !batch.ids.is_empty() {
                break;
            }
            queue.order.pop_front();
            batch.ids.push(id);
            batch.waiting.extend(queue.waiting.remove(&id).unwrap_or_default());
            if alone {
                return batch;
            }
        }
        drop(queue);
        // A write needs a look of the last seconds: those that wait for their turn get one where there is room.
        let now = Instant::now();
        let old = |id: &BackupId| {
            let read = self.read(id, |entry| !entry.alone && entry.looked.is_none_or(|looked| now > looked + OLD));
            read.unwrap_or_default()
        };
        let room = PER_PAGE - batch.ids.len();
        let waiting = self.turns.first(PER_PAGE).into_iter().filter(old).filter(|id| !batch.ids.contains(id));
        let more: Vec<BackupId> = waiting.take(room).collect();
        batch.ids.extend(more);
        batch
    }
}

impl Asks {
    fn is_done(&self) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.dispatching = !queue.order.is_empty();
        !queue.dispatching
    }
}
