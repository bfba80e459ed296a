//! A token bucket per account and region.

use crate::backup::Scope;
use std::collections::HashMap;
use std::time::SystemTime;

/// How many calls at once, and how many a second after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) burst: f64,
    pub(crate) per_second: f64,
}

/// Sums of fractions of tokens may miss a whole one by this much.
const ROUNDING: f64 = 1e-6;

/// The buckets that were drawn from; all others are full.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    buckets: HashMap<Scope, (f64, SystemTime)>,
}

impl Throttle {
    /// All buckets full again.
    pub(crate) fn refill(&mut self) {
        self.buckets.clear();
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, scope: &Scope, rate: Rate, now: SystemTime) -> bool {
        let (tokens, at) = self.buckets.entry(scope.clone()).or_insert((rate.burst, now));
        // A real clock that was set back gives nothing, and isn't waited for.
        let passed = now.duration_since(*at).unwrap_or_default().as_secs_f64();
        *tokens = (*tokens + passed * rate.per_second).min(rate.burst);
        *at = now;
        let enough = *tokens >= 1.0 - ROUNDING;
        if enough {
            *tokens = (*tokens - 1.0).max(0.0);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn scope(region: &str) -> Scope {
        Scope { account: "111122223333".into(), region: region.into() }
    }

    #[test]
    fn a_bucket_starts_full_and_refills_continuously() {
        let (mut throttle, rate) = (Throttle::default(), Rate { burst: 3.0, per_second: 10.0 });
        let start = SystemTime::UNIX_EPOCH;
        let at = |millis| start + Duration::from_millis(millis);
        let here = scope("us-east-1");
        assert_eq!((0..4).filter(|_| throttle.take(&here, rate, start)).count(), 3);
        assert!(!throttle.take(&here, rate, at(99)), "refused calls take no token, but 99 ms aren't enough");
        assert!(throttle.take(&here, rate, at(100)));
        assert!(!throttle.take(&here, rate, at(150)));
        assert_eq!((0..9).filter(|_| throttle.take(&here, rate, at(60_000))).count(), 3, "never more than the burst");
    }

    #[test]
    fn each_scope_has_its_own_and_a_refill_fills_all() {
        let (mut throttle, rate) = (Throttle::default(), Rate { burst: 1.0, per_second: 0.0 });
        let now = SystemTime::UNIX_EPOCH;
        assert!(throttle.take(&scope("us-east-1"), rate, now));
        assert!(!throttle.take(&scope("us-east-1"), rate, now));
        assert!(throttle.take(&scope("us-west-2"), rate, now));
        throttle.refill();
        assert!(throttle.take(&scope("us-east-1"), rate, now));
    }

    #[test]
    fn tenths_of_tokens_add_up() {
        let (mut throttle, rate) = (Throttle::default(), Rate { burst: 1.0, per_second: 0.1 });
        let start = SystemTime::UNIX_EPOCH;
        assert!(throttle.take(&scope("x"), rate, start));
        let passed = (1..=10).filter(|s| throttle.take(&scope("x"), rate, start + Duration::from_secs(*s))).count();
        assert_eq!(passed, 1);
    }
}
