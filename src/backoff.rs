//! From a failure's class and the number of tries to the delay before the next. Pure: the randomness is an argument.

use std::time::Duration;

use crate::backup::FailureClass;

/// No failure is retried more slowly than this.
pub const CAP: Duration = Duration::from_secs(300);

const BASE: Duration = Duration::from_millis(500);

/// How long to wait after the `tries`-th failure in a row (counted from 1). `jitter` is a random number from 0 to 1.
///
/// What only a human can mend is tried again at the resync interval; what mends itself, with exponential back-off up to it, of
/// which the second half is random, so that many objects don't come back at once. Neither ever waits longer than [`CAP`].
#[must_use]
pub fn delay(class: FailureClass, tries: u32, resync: Duration, jitter: f64) -> Duration {
    let cap = resync.min(CAP);
    match class {
        FailureClass::AccessDenied | FailureClass::InvalidRequest | FailureClass::NoRegion => cap,
        FailureClass::Throttled | FailureClass::AwsUnavailable | FailureClass::NoCredentials => {
            let doubled = BASE.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1).min(20)));
            doubled.min(cap).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
        }
    }
}

/// The jittered resync interval: never longer than asked for, so that drift is found within it.
#[must_use]
pub fn resync(interval: Duration, jitter: f64) -> Duration {
    interval.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 10.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(FailureClass::AwsUnavailable, 1, 250, 500)]
    #[case(FailureClass::Throttled, 2, 500, 1_000)]
    #[case(FailureClass::NoCredentials, 5, 4_000, 8_000)]
    #[case(FailureClass::AwsUnavailable, 40, 30_000, 60_000)]
    #[case(FailureClass::AccessDenied, 1, 60_000, 60_000)]
    #[case(FailureClass::InvalidRequest, 9, 60_000, 60_000)]
    fn a_delay_doubles_up_to_the_resync_interval_and_half_of_it_is_random(
        #[case] class: FailureClass,
        #[case] tries: u32,
        #[case] least: u64,
        #[case] most: u64,
    ) {
        let at = |jitter| delay(class, tries, Duration::from_secs(60), jitter);
        assert_eq!((at(0.0), at(1.0)), (Duration::from_millis(least), Duration::from_millis(most)));
    }

    #[test]
    fn no_delay_exceeds_five_minutes_however_long_the_resync_interval_is() {
        for class in [FailureClass::AccessDenied, FailureClass::Throttled, FailureClass::AwsUnavailable] {
            for tries in [0, 1, 100, u32::MAX] {
                assert!(delay(class, tries, Duration::from_secs(86_400), 1.0) <= CAP);
            }
        }
    }

    #[test]
    fn a_jittered_resync_is_never_late() {
        let interval = Duration::from_secs(300);
        assert_eq!(resync(interval, 0.0), interval);
        assert_eq!(resync(interval, 1.0), Duration::from_secs(270));
    }
}
