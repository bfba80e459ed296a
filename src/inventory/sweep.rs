//! All looks that happen by themselves: the sweep of each resync interval, the follow-ups of writes, and new tries after failures.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::Instrument;

use super::{
    bucket::Class,
    entry::Sent,
    partition::{Looked, Partition},
};
use crate::{
    aws::{Listing, LookFailed, PER_PAGE, Progress},
    backoff,
    backup::{BackupId, FailureClass, Observation},
    spans,
};

/// What is due within this goes along: so follow-ups share their looks.
const TOGETHER: Duration = Duration::from_millis(500);

/// So many others are looked at along with one that failed: where it is the only bad one, that shows.
const COMPANY: usize = 8;

/// How often the loop shows that it is alive, and when it counts as dead: it may wait for minutes while AWS fails.
const BEAT: Duration = Duration::from_secs(30);
const BEAT_BOUND: Duration = Duration::from_secs(15 * 60);

/// After so many sweeps that asked for the known ids a listing is tried again, even if it once held more than these.
const ANEW: usize = 10;

/// One sweep.
struct Round {
    began: Sent,
    /// Those to look at; the last ones come first.
    ids: Vec<BackupId>,
    /// How many are asked for at once.
    together: usize,
    /// Whether AWS said nothing of one of them.
    failed: bool,
    /// Those that only alone get an answer; one of them is asked for in each round.
    alone: Option<BackupId>,
    way: Way,
    /// Whether a listing told of all.
    listed: bool,
    pages: usize,
    span: tracing::Span,
}

/// How a sweep asks.
enum Way {
    /// For the known ids.
    ByIds,
    /// For all that the scope holds; with the known ids seen so far.
    ByListing { listing: Box<Listing>, seen: HashSet<BackupId> },
}

/// What earlier rounds tell of which way is the cheaper.
#[derive(Default)]
pub(super) struct Outlook {
    /// How many backups, at least, a listing of the scope shows.
    at_least: Option<usize>,
    /// How many sweeps were begun, and in a row ended by asking for the known ids.
    turn: usize,
    by_ids: usize,
}

impl Outlook {
    /// Whether a listing of the scope takes fewer pages than asking for so many ids, as far as is known.
    pub(super) fn favours_listing(&self, ids: usize) -> bool {
        self.at_least.is_some_and(|shown| pages(shown).max(1) < pages(ids))
    }

    /// Takes in how many backups the scope shows at least, as a sweep for the known ids tells.
    fn shows(&mut self, shown: usize) {
        self.by_ids += 1;
        // What a listing once held may have gone since.
        let anew = self.by_ids.is_multiple_of(ANEW);
        self.at_least = if anew { Some(shown) } else { self.at_least.max(Some(shown)) };
    }
}

/// How many pages so many backups take.
pub(super) fn pages(backups: usize) -> usize {
    backups.div_ceil(PER_PAGE)
}

impl Partition {
    /// Looks whenever it is time, for ever. The first sweep begins after `first`.
    pub(super) async fn keep_looking(self: Arc<Self>, first: Duration) {
        let pulse = self.liveness.watch_over(format!("the sweep of {}", self.scope.region), BEAT_BOUND);
        let mut outlook = Outlook::default();
        let mut round = None;
        let mut next = Instant::now() + first;
        let mut followed_up = false;
        loop {
            pulse.beat();
            if round.is_none() && next <= Instant::now() {
                next = Instant::now() + backoff::resync(self.settings.resync, fastrand::f64());
                round = self.begin(&mut outlook);
            }
            let due = self.first_follow_up().filter(|first| *first <= Instant::now() + TOGETHER / 2);
            // Where both are due they take turns: there may always be another follow-up.
            if let Some(first) = due.filter(|_| !followed_up || round.is_none()) {
                followed_up = true;
                tokio::time::sleep_until(first.into()).await;
                self.bucket.take(Class::Routine).await;
                self.follow_up().await;
            } else if let Some(under_way) = &mut round {
                followed_up = false;
                let span = under_way.span.clone();
                if self.sweep_on(under_way, &mut outlook).instrument(span).await {
                    self.swept(under_way, &mut outlook).await;
                    round = None;
                }
            } else {
                let wake = self.first_follow_up().map_or(next, |first| first.min(next)).min(Instant::now() + BEAT);
                tokio::select! {
                    () = tokio::time::sleep_until(wake.into()) => {}
                    () = self.arrived.notified() => {}
                }
            }
        }
    }

    fn first_follow_up(&self) -> Option<Instant> {
        self.entries().follow_ups.values().min().copied()
    }

    /// Looks at what is due.
    async fn follow_up(&self) {
        let ids = {
            let entries = self.entries();
            let until = Instant::now() + TOGETHER;
            let mut due: Vec<_> = entries.follow_ups.iter().filter(|(_, at)| **at <= until).collect();
            due.sort_unstable_by_key(|(_, at)| **at);
            let is_alone = |id: &BackupId| entries.by_id.get(id).is_some_and(|entry| entry.alone);
            let mut ids: Vec<BackupId> = due.into_iter().map(|(id, _)| *id).take(PER_PAGE).collect();
            if let Some(alone) = ids.iter().find(|id| is_alone(id)).copied() {
                ids = vec![alone];
            } else if !ids.is_empty() {
                let others =
                    entries.by_id.iter().filter(|(id, entry)| entry.tracked && !entry.alone && !ids.contains(id));
                let company: Vec<BackupId> =
                    others.map(|(id, _)| *id).take(COMPANY.min(PER_PAGE - ids.len())).collect();
                ids.extend(company);
            }
            ids
        };
        if !ids.is_empty() {
            self.look_routinely(ids).await;
        }
    }

    /// Returns the failure where AWS said nothing of the ids.
    async fn look_routinely(&self, ids: Vec<BackupId>) -> Option<LookFailed> {
        let Looked::Failed(failed, sent) = self.look(ids, Class::Routine).await else { return None };
        self.fail_stale(&failed, sent);
        Some(failed)
    }

    /// Begins a round, and lets go of what nobody needs any more. `None` when there is nothing to look at.
    fn begin(&self, outlook: &mut Outlook) -> Option<Round> {
        let mut entries = self.entries();
        entries.tidy();
        let tracked = || entries.by_id.iter().filter(|(_, entry)| entry.tracked);
        let ids: Vec<BackupId> = tracked().filter(|(_, entry)| !entry.alone).map(|(id, _)| *id).collect();
        let mut alone: Vec<BackupId> = tracked().filter(|(_, entry)| entry.alone).map(|(id, _)| *id).collect();
        alone.sort_unstable();
        outlook.turn = outlook.turn.wrapping_add(1);
        let turn = outlook.turn.checked_rem(alone.len()).and_then(|turn| alone.get(turn)).copied();
        if ids.is_empty() && turn.is_none() {
            return None;
        }
        let way = if outlook.favours_listing(ids.len()) {
            Way::ByListing { listing: Box::new(Listing::all()), seen: HashSet::new() }
        } else {
            Way::ByIds
        };
        drop(entries);
        self.metrics.sweep_begun(&self.scope, self.aws.known_account(&self.scope));
        let began = self.sent();
        Some(Round {
            began,
            ids,
            together: PER_PAGE,
            failed: false,
            alone: turn,
            way,
            listed: false,
            pages: 0,
            span: spans::sweep(self.scope.region.as_str()),
        })
    }

    /// One request more; `true` once the round is over.
    async fn sweep_on(&self, round: &mut Round, outlook: &mut Outlook) -> bool {
        if let Way::ByListing { .. } = round.way {
            self.bucket.take(Class::Routine).await;
            return self.list_on(round, outlook).await;
        }
        if self.unseen(round, 1).is_empty() {
            let Some(alone) = round.alone.take().filter(|id| self.is_to_be_seen(round, id)) else { return true };
            self.bucket.take(Class::Routine).await;
            round.pages += 1;
            self.look_routinely(vec![alone]).await;
            return false;
        }
        self.bucket.take(Class::Routine).await;
        // Only now: what was looked at while the token was waited for needs no other look.
        let ids = self.unseen(round, round.together);
        if !ids.is_empty() {
            round.pages += 1;
            let failed = self.look_routinely(ids.clone()).await;
            self.went(round, ids, failed).await;
        }
        false
    }

    /// Where a look of a round failed the others come first, so that none waits for one of which AWS says nothing, and fewer are asked
    /// for at once: until one that spoils the answer, in whatever way, is alone.
    async fn went(&self, round: &mut Round, ids: Vec<BackupId>, failed: Option<LookFailed>) {
        let Some(failed) = failed else {
            round.together = (round.together * 2).min(PER_PAGE);
            return;
        };
        round.ids.retain(|id| !ids.contains(id));
        match failed.failure.class {
            FailureClass::AwsUnavailable | FailureClass::InvalidRequest if ids.len() == 1 => {
                // That is all that this round can find out about it.
                round.failed = true;
                if self.is_answering(Class::Routine).await {
                    self.set_alone(&ids, &failed);
                }
                return;
            }
            FailureClass::AwsUnavailable | FailureClass::InvalidRequest => {
                round.together = (round.together.min(ids.len()) / 2).max(1);
            }
            _ => {}
        }
        round.ids.splice(..0, ids);
    }

    /// The next ids of the round that haven't been looked at since it began.
    fn unseen(&self, round: &mut Round, most: usize) -> Vec<BackupId> {
        let mut unseen = Vec::new();
        let mut rest = round.ids.len();
        while unseen.len() < most && rest > 0 {
            rest -= 1;
            let Some(id) = round.ids.get(rest).copied() else { break };
            if self.is_to_be_seen(round, &id) && !self.read(&id, |entry| entry.alone).unwrap_or_default() {
                unseen.push(id);
            } else if unseen.is_empty() {
                round.ids.truncate(rest);
            }
        }
        unseen
    }

    fn is_to_be_seen(&self, round: &Round, id: &BackupId) -> bool {
        let to_be = self.read(id, |entry| entry.tracked && entry.looked.is_none_or(|looked| looked < round.began.at));
        to_be.unwrap_or_default()
    }

    /// Reads another page of all that the scope holds. Where that turns out to be more than what is known here, the rest is asked for
    /// by id: a sweep costs one page more than that at most.
    async fn list_on(&self, round: &mut Round, outlook: &mut Outlook) -> bool {
        let Way::ByListing { listing, seen } = &mut round.way else { return false };
        let progress = self.aws.read_on(&self.scope, listing).await;
        round.pages += 1;
        if let Err(failed) = &progress {
            self.back_off(failed.failure.class);
        } else {
            self.bucket.succeeded();
            let tracked = |id: &BackupId| self.read(id, |entry| entry.tracked).unwrap_or_default();
            for backup in listing.take_found().into_iter().filter(|backup| tracked(&backup.id)) {
                let id = backup.id;
                seen.insert(id);
                self.saw(&id, Observation::Found(Box::new(backup)), round.began);
            }
        }
        match progress {
            Ok(Progress::Complete) => {
                for id in round.ids.iter().filter(|id| !seen.contains(id)) {
                    self.saw(id, Observation::NotFound, round.began);
                }
                // The one that is alone may be one that a listing doesn't show.
                round.ids.clear();
                round.way = Way::ByIds;
                round.listed = true;
                round.alone.is_none()
            }
            Ok(Progress::More)
                if round.pages + pages(round.ids.len().saturating_sub(seen.len())) <= pages(round.ids.len()) =>
            {
                false
            }
            // It holds more than that, or can't be listed.
            _ => {
                outlook.at_least = Some(round.ids.len());
                round.way = Way::ByIds;
                // That page was in its place.
                round.alone = None;
                false
            }
        }
    }

    /// The round is over: every backup of which AWS says anything has been looked at since it began.
    async fn swept(&self, round: &Round, outlook: &mut Outlook) {
        if round.listed {
            outlook.by_ids = 0;
        } else {
            let entries = self.entries();
            outlook.shows(entries.by_id.values().filter(|entry| entry.tracked && entry.is_there).count());
        }
        if round.failed {
            return;
        }
        spans::swept(&round.span, round.pages as u64, None);
        let account = self.aws.account(&self.scope).await;
        if self.entries().is_deserted() {
            return;
        }
        self.metrics.sweep_ended(&self.scope, account, round.pages, round.began.at.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0)]
    #[case(1, 1)]
    #[case(50, 1)]
    #[case(51, 2)]
    #[case(10_000, 200)]
    fn backups_take_pages_of_fifty(#[case] backups: usize, #[case] wanted: usize) {
        assert_eq!(pages(backups), wanted);
    }

    #[rstest]
    #[case::nothing_is_known(None, 10_000, false)]
    #[case::nothing_is_there(Some(0), 51, true)]
    #[case::nothing_is_there_and_little_is_asked(Some(0), 50, false)]
    #[case::as_many(Some(120), 120, false)]
    #[case::fewer_but_not_by_a_page(Some(101), 150, false)]
    #[case::fewer_by_a_page(Some(100), 101, true)]
    #[case::more(Some(500), 120, false)]
    fn a_listing_is_chosen_only_where_it_may_be_cheaper(
        #[case] at_least: Option<usize>,
        #[case] ids: usize,
        #[case] listing: bool,
    ) {
        assert_eq!(Outlook { at_least, ..Outlook::default() }.favours_listing(ids), listing);
    }

    #[test]
    fn what_a_listing_held_too_much_of_is_forgotten_after_a_while() {
        let mut outlook = Outlook::default();
        outlook.shows(10);
        assert!(outlook.favours_listing(120));
        outlook.at_least = Some(120);
        let tried = (0..2 * ANEW).filter(|_| {
            outlook.shows(10);
            let tried = outlook.favours_listing(120);
            if tried {
                // It still holds too much.
                outlook.at_least = Some(120);
            }
            tried
        });
        assert_eq!(tried.count(), 2);
    }
}
