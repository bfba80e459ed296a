//! Points in time, in whole milliseconds, and how they are read and written.

use serde_json::Value;
use std::time::SystemTime;

/// Beyond this many seconds from the epoch a double can't tell milliseconds apart any more.
const FARTHEST_SECONDS: f64 = 9e12;

/// Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(i64);

impl Millis {
    pub(crate) fn new(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) fn get(self) -> i64 {
        self.0
    }

    pub(crate) fn of(time: SystemTime) -> Self {
        let millis = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Self(millis)
    }

    /// Epoch seconds with a fraction; none when they are out of reach.
    pub(crate) fn from_seconds(seconds: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (seconds.abs() <= FARTHEST_SECONDS).then(|| Self((seconds * 1000.0).round() as i64))
    }

    pub(crate) fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    pub(crate) fn seconds(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "exact within FARTHEST_SECONDS")]
        (self.0 as f64 / 1000.0)
    }

    /// Epoch seconds as a JSON number, without a fraction where there is none.
    pub(crate) fn json(self) -> Value {
        if self.0 % 1000 == 0 { Value::from(self.0 / 1000) } else { Value::from(self.seconds()) }
    }

    /// `2026-01-31T12:03:44Z`, to the second.
    pub(crate) fn iso(self) -> String {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(time) => time.to_string(),
            Err(_) => self.seconds().to_string(),
        }
    }

    /// `12:03:44Z`, the time of day.
    pub(crate) fn of_day(self) -> String {
        let seconds = self.0.div_euclid(1000).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn milliseconds_survive_the_way_through_seconds() {
        for seconds in [1_534_461_854.64, 0.001, -0.5, 4_102_444_799.999] {
            let time = Millis::from_seconds(seconds).unwrap();
            assert_eq!(time.seconds(), seconds);
            assert_eq!(time.json().as_f64(), Some(seconds));
        }
    }

    #[test]
    fn whole_seconds_are_whole_json_numbers() {
        assert_eq!(Millis::from_seconds(1_534_461_854.0).unwrap().json(), serde_json::json!(1_534_461_854));
    }

    #[test]
    fn times_out_of_reach_are_refused() {
        for seconds in [1e13, -1e13, f64::INFINITY, f64::NAN] {
            assert_eq!(Millis::from_seconds(seconds), None);
        }
    }

    #[test]
    fn times_are_written_for_people() {
        let time = Millis::of(SystemTime::UNIX_EPOCH + Duration::from_millis(1_534_461_854_640));
        assert_eq!(time.iso(), "2018-08-16T23:24:14Z");
        assert_eq!(time.of_day(), "23:24:14Z");
        assert_eq!(Millis::of(SystemTime::UNIX_EPOCH - Duration::from_millis(500)).iso(), "1969-12-31T23:59:59Z");
    }
}
