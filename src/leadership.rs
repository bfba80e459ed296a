//! Whether this process may act: what the election says, for those who must ask before they send. Cheap to clone; all clones know the same.

use std::{
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// How long a renewal of the Lease lasts, counted from when it was sent.
pub const LEASE: Duration = Duration::from_secs(15);

/// Longer than anything that asks for it takes.
const UNBOUNDED: Duration = Duration::from_secs(24 * 3600);

/// Shared between the election, which reports, and those who wait or ask.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<watch::Sender<Standing>>);

#[derive(Debug)]
struct Standing {
    term: Term,
    obstacle: Option<String>,
}

#[derive(Debug)]
enum Term {
    /// There is no election.
    Always,
    /// Another process leads, or none.
    NotYet,
    /// By the last renewal.
    Until(Instant),
    /// It was lost or given back, and doesn't come again.
    Over,
}

impl Leadership {
    /// This process leads without asking anybody.
    #[must_use]
    pub fn without_election() -> Self {
        Self::new(Term::Always, None)
    }

    /// This process leads once it is elected.
    #[must_use]
    pub fn of_candidate() -> Self {
        Self::new(Term::NotYet, Some("the Lease hasn't been read yet".into()))
    }

    fn new(term: Term, obstacle: Option<String>) -> Self {
        Self(Arc::new(watch::Sender::new(Standing { term, obstacle })))
    }

    /// Nothing may be sent after this, by the monotonic clock: another process may lead then. `None` when this one doesn't lead.
    #[must_use]
    pub fn valid_until(&self) -> Option<Instant> {
        match self.0.borrow().term {
            Term::Always => Some(Instant::now() + UNBOUNDED),
            Term::Until(end) => Some(end),
            Term::NotYet | Term::Over => None,
        }
    }

    /// Whether something may be sent now.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.valid_until().is_some_and(|end| Instant::now() <= end)
    }

    /// Waits until this process is elected.
    pub async fn acquired(&self) {
        let mut changes = self.0.subscribe();
        // It fails only without senders, and `self` is one.
        let _ = changes.wait_for(|standing| matches!(standing.term, Term::Always | Term::Until(_))).await;
    }

    /// Lets a call that sends something go on while this process leads, and not a step further: after the end it never resolves, for the
    /// process is about to end too. It is asked at each step, because a process that was stopped may go on anywhere.
    pub async fn while_leading<T>(&self, call: impl Future<Output = T>) -> T {
        self.acquired().await;
        let mut call = pin!(call);
        std::future::poll_fn(|context| if self.leads() { call.as_mut().poll(context) } else { Poll::Pending }).await
    }

    /// What keeps this process from ever being elected, for people to put right.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        self.0.borrow().obstacle.clone()
    }

    /// The Lease was renewed, by a request sent at that time.
    pub fn renewed(&self, sent: Instant) {
        self.0.send_if_modified(|standing| {
            let counts = matches!(standing.term, Term::NotYet | Term::Until(_));
            if counts {
                standing.term = Term::Until(sent + LEASE);
                standing.obstacle = None;
            }
            counts
        });
    }

    /// The Lease was lost, or is about to be given back.
    pub fn end(&self) {
        self.0.send_modify(|standing| standing.term = Term::Over);
    }

    /// Says what keeps it from being elected, or that nothing does. Returns whether that is news.
    pub fn hinder(&self, obstacle: Option<String>) -> bool {
        self.0.send_if_modified(|standing| {
            let news = standing.obstacle != obstacle;
            standing.obstacle = obstacle;
            news
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn without_an_election_it_always_leads() {
        let leadership = Leadership::without_election();
        assert!(leadership.leads() && leadership.obstacle().is_none());
        assert!(leadership.valid_until().unwrap() > Instant::now() + Duration::from_secs(3600));
        assert!(leadership.acquired().now_or_never().is_some());
    }

    #[test]
    fn a_candidate_leads_for_one_lease_from_when_its_renewal_was_sent() {
        let leadership = Leadership::of_candidate();
        assert!(!leadership.leads() && leadership.valid_until().is_none() && leadership.obstacle().is_some());
        assert!(leadership.acquired().now_or_never().is_none());
        let sent = ago(14);
        leadership.renewed(sent);
        assert!(leadership.leads() && leadership.obstacle().is_none());
        assert_eq!(leadership.valid_until(), Some(sent + LEASE));
        leadership.renewed(ago(16));
        assert!(!leadership.leads(), "an answer that comes late renews nothing");
    }

    #[test]
    fn once_over_it_is_over() {
        let leadership = Leadership::of_candidate();
        leadership.renewed(ago(0));
        leadership.end();
        leadership.renewed(ago(0));
        assert!(!leadership.leads() && leadership.valid_until().is_none());
        assert!(leadership.acquired().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_call_stops_at_the_step_before_which_the_lease_ended() {
        let leadership = Leadership::of_candidate();
        let steps = std::cell::Cell::new(0);
        let call = async {
            loop {
                steps.set(steps.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        let mut call = pin!(leadership.while_leading(call));
        let mut step = || assert!(call.as_mut().now_or_never().is_none());
        step();
        assert_eq!(steps.get(), 0, "not elected yet");
        leadership.renewed(ago(0));
        step();
        step();
        assert!(steps.get() >= 2);
        let before = steps.get();
        leadership.renewed(ago(16));
        step();
        assert_eq!(steps.get(), before);
    }
}
