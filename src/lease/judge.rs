//! What is due, from what was seen of the Lease. All times are of this process's monotonic clock: what other machines wrote into the
//! Lease is compared with itself, and never with a clock of here.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use crate::leadership::LEASE;

/// A holder that couldn't renew for this long gives up, well before others may take over.
pub(super) const RENEWAL: Duration = Duration::from_secs(10);

/// The Lease as it was seen last.
pub(super) struct Seen {
    object: Option<Lease>,
    /// Who holds it. Of a Lease that was deleted, who held it before: deleting it ends nobody's right.
    holder: Option<String>,
    /// How long the holder may go without renewing.
    duration: Duration,
    /// When it was seen to change last.
    since: Instant,
}

/// Why the Lease is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Somebody else holds it.
    Taken(String),
    /// Nobody holds it any more, and it wasn't this process that gave it back.
    Vacated,
    /// It couldn't be renewed in time.
    NotRenewed,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Write this process's name into it.
    Take,
    /// Renew it.
    Renew,
    /// Another process holds it, until then at least.
    Wait {
        /// Its identity.
        holder: String,
        /// When its time is over, if it doesn't change before.
        until: Instant,
    },
    /// This process led and doesn't any more.
    Lost(Loss),
}

impl Seen {
    /// Before the first look.
    pub(super) fn nothing(at: Instant) -> Self {
        Self { object: None, holder: None, duration: LEASE, since: at }
    }

    /// The object, to be replaced in exactly this version; `None` when there is none.
    pub(super) fn object(&self) -> Option<&Lease> {
        self.object.as_ref()
    }

    /// Takes in what was read at that time.
    pub(super) fn note(&mut self, object: Option<Lease>, at: Instant) {
        let spec = |lease: &Lease| lease.spec.clone().unwrap_or_default();
        if let Some(lease) = &object
            && self.object.as_ref().map(spec) != Some(spec(lease))
        {
            let LeaseSpec { holder_identity, lease_duration_seconds, .. } = spec(lease);
            let seconds = lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            self.holder = holder_identity.filter(|holder| !holder.is_empty());
            // Whatever is written there: a holder of this kind relies on the whole of its Lease.
            self.duration = seconds.map_or(LEASE, Duration::from_secs).max(LEASE);
            self.since = at;
        }
        self.object = object;
    }
}

/// What `me` has to do. `renewed` is when the last renewal that was answered was sent; `None` while this process doesn't lead.
pub(super) fn judge(me: &str, renewed: Option<Instant>, seen: &Seen, now: Instant) -> Turn {
    let holder = seen.holder.as_deref();
    match renewed {
        Some(sent) if now.saturating_duration_since(sent) >= RENEWAL => Turn::Lost(Loss::NotRenewed),
        Some(_) => match holder {
            Some(holder) if holder == me => Turn::Renew,
            Some(holder) => Turn::Lost(Loss::Taken(holder.to_owned())),
            None => Turn::Lost(Loss::Vacated),
        },
        None => match holder {
            // Its own, when the answer to the request that took it was lost.
            None => Turn::Take,
            Some(holder) if holder == me => Turn::Take,
            Some(_) if now.saturating_duration_since(seen.since) >= seen.duration => Turn::Take,
            Some(holder) => Turn::Wait { holder: holder.to_owned(), until: seen.since + seen.duration },
        },
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp};
    use rstest::rstest;

    use super::*;

    const ME: &str = "me";
    const OTHER: &str = "other";

    /// As an object, renewed by its holder at that second of its own clock.
    fn lease(holder: Option<&str>, renewed: i64, duration: Option<i32>) -> Option<Lease> {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            lease_duration_seconds: duration,
            ..LeaseSpec::default()
        };
        Some(Lease { spec: Some(spec), ..Lease::default() })
    }

    fn held(holder: &str) -> Option<Lease> {
        lease(Some(holder), 0, Some(15))
    }

    fn seen(object: Option<Lease>, at: Instant) -> Seen {
        let mut seen = Seen::nothing(at);
        seen.note(object, at);
        seen
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[rstest]
    #[case::none(None)]
    #[case::empty(Some(Lease::default()))]
    #[case::given_back(lease(None, 0, Some(15)))]
    #[case::given_back_as_client_go_does(lease(Some(""), 0, Some(1)))]
    #[case::own_after_a_lost_answer(held(ME))]
    fn what_nobody_else_holds_is_taken_at_once(#[case] object: Option<Lease>) {
        let now = Instant::now();
        assert_eq!(judge(ME, None, &seen(object, now), now), Turn::Take);
    }

    #[rstest]
    #[case(0, Some(15), 15)]
    // Its clock is a day ahead, or stands still in 1970: only whether it changes counts.
    #[case(4_000_000_000, Some(15), 15)]
    #[case(0, Some(60), 60)]
    #[case(0, Some(1), 15)]
    #[case(0, Some(-5), 15)]
    #[case(0, None, 15)]
    fn what_another_holds_is_taken_once_it_was_seen_unchanged_for_its_duration(
        #[case] renewed: i64,
        #[case] duration: Option<i32>,
        #[case] wait: u64,
    ) {
        let start = Instant::now();
        let read = || lease(Some(OTHER), renewed, duration);
        let mut seen = seen(read(), start);
        let until = start + seconds(wait);
        let waiting = Turn::Wait { holder: OTHER.into(), until };
        assert_eq!(judge(ME, None, &seen, start), waiting);
        seen.note(read(), start + seconds(wait - 1));
        assert_eq!(judge(ME, None, &seen, start + seconds(wait - 1)), waiting, "the same again is no change");
        assert_eq!(judge(ME, None, &seen, until), Turn::Take);
    }

    #[test]
    fn a_renewal_starts_the_time_anew() {
        let start = Instant::now();
        let mut seen = seen(lease(Some(OTHER), 1, Some(15)), start);
        let later = start + seconds(14);
        // A clock that goes backwards is a change too.
        seen.note(lease(Some(OTHER), 0, Some(15)), later);
        assert_eq!(
            judge(ME, None, &seen, start + seconds(15)),
            Turn::Wait { holder: OTHER.into(), until: later + seconds(15) }
        );
    }

    #[test]
    fn deleting_the_lease_takes_the_right_from_nobody() {
        let start = Instant::now();
        let mut seen = seen(held(OTHER), start);
        seen.note(None, start + seconds(3));
        let waiting = Turn::Wait { holder: OTHER.into(), until: start + seconds(15) };
        assert_eq!(judge(ME, None, &seen, start + seconds(3)), waiting);
        assert_eq!(judge(OTHER, Some(start), &seen, start + seconds(3)), Turn::Renew);
        assert_eq!(judge(ME, None, &seen, start + seconds(15)), Turn::Take, "its holder didn't make it again");
        seen.note(held(OTHER), start + seconds(4));
        let waiting = Turn::Wait { holder: OTHER.into(), until: start + seconds(19) };
        assert_eq!(judge(ME, None, &seen, start + seconds(5)), waiting);
    }

    #[rstest]
    #[case(held(ME), 0, Turn::Renew)]
    #[case(held(ME), 9, Turn::Renew)]
    #[case(held(ME), 10, Turn::Lost(Loss::NotRenewed))]
    #[case(held(ME), 60, Turn::Lost(Loss::NotRenewed))]
    #[case(held(OTHER), 0, Turn::Lost(Loss::Taken(OTHER.into())))]
    #[case(lease(None, 0, None), 0, Turn::Lost(Loss::Vacated))]
    fn a_leader_renews_what_is_its_own_and_for_as_long_as_it_succeeds(
        #[case] object: Option<Lease>,
        #[case] age: u64,
        #[case] turn: Turn,
    ) {
        let sent = Instant::now();
        assert_eq!(judge(ME, Some(sent), &seen(object, sent), sent + seconds(age)), turn);
    }
}
