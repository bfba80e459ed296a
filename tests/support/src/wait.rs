//! Waiting for something to become true, instead of sleeping and hoping.

use std::panic::Location;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// How long a test waits for what usually takes a moment: generous, as only a failing test waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Calls `probe`, at once and then again and again, until it answers `Ok`, and returns what it answered.
///
/// # Panics
///
/// After `deadline`, with `what` (a sentence such as "the backup is restored") and the probe's last error.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        let mut pause = FIRST_PAUSE;
        let mut last = "no try came to an end".to_owned();
        loop {
            // A probe may hang itself, with a paused API server for one.
            match timeout_at(end, probe()).await {
                Ok(Ok(value)) => return value,
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
            assert!(Instant::now() + pause < end, "{caller}: not within {deadline:?}: {what}; last: {last}");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Calls `probe` again and again for the whole `period`: for what must not happen.
///
/// # Panics
///
/// As soon as the probe answers `Err`, with `what` (a sentence such as "nothing is sent to AWS") and that error.
#[track_caller]
pub fn consistently(
    what: &str,
    period: Duration,
    mut probe: impl AsyncFnMut() -> Result<(), String>,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let end = Instant::now() + period;
        loop {
            if let Err(error) = probe().await {
                panic!("{caller}: not so for all of {period:?}: {what}; found: {error}");
            }
            if Instant::now() >= end {
                return;
            }
            sleep(FIRST_PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn eventually_returns_what_the_probe_found() {
        let mut tries = 0;
        let found = eventually("the third try", DEADLINE, async || {
            tries += 1;
            if tries == 3 { Ok("found") } else { Err(format!("try {tries}")) }
        })
        .await;
        assert_eq!((found, tries), ("found", 3));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "src/wait.rs")]
    async fn eventually_names_the_caller() {
        eventually("never", DEADLINE, async || Err::<(), _>("still not".to_owned())).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not within 60s: never; last: still not")]
    async fn eventually_tells_the_last_error() {
        eventually("never", DEADLINE, async || Err::<(), _>("still not".to_owned())).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not within 60s: never; last: no try came to an end")]
    async fn eventually_ends_a_probe_that_hangs() {
        eventually("never", DEADLINE, async || std::future::pending::<Result<(), String>>().await).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "not so for all of 3s: quiet; found: noise")]
    async fn consistently_ends_at_the_first_error() {
        let start = Instant::now();
        consistently("quiet", Duration::from_secs(3), async || {
            if start.elapsed() < Duration::from_secs(2) { Ok(()) } else { Err("noise".to_owned()) }
        })
        .await;
    }
}
