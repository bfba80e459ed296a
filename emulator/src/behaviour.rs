//! The knobs.

use crate::fields::{Fields, Wrong};
use crate::throttle::Rate;
use crate::time::Millis;
use serde_json::{Value, json};

/// How the emulator behaves where AWS's documents say nothing, and how badly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    /// DescribeBackups refuses ids it doesn't know, rather than leaving them out.
    pub(crate) unknown_id_fails: bool,
    /// In milliseconds.
    pub(crate) describe_lag: i64,
    /// A purged backup is unknown, rather than listed as DELETED.
    pub(crate) purged_absent: bool,
    pub(crate) latency_ms: u64,
    pub(crate) throttle: Option<Rate>,
    pub(crate) page_size: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            unknown_id_fails: false,
            describe_lag: 0,
            purged_absent: false,
            latency_ms: 0,
            throttle: None,
            page_size: 50,
        }
    }
}

const KNOBS: [&str; 6] = ["unknown_id", "describe_lag_seconds", "purged", "latency_ms", "throttle", "page_size"];

impl Behaviour {
    /// This behaviour with the knobs that `change` turns.
    pub(crate) fn changed(&self, change: &Value) -> Result<Self, Wrong> {
        let fields = Fields::of(change, "the behaviour")?.only(&KNOBS)?;
        if let Some(knob) = KNOBS.iter().find(|knob| **knob != "throttle" && fields.is_null(knob)) {
            return Err(format!("{knob} can't be null"));
        }
        let mut new = self.clone();
        if let Some(word) = fields.text("unknown_id")? {
            new.unknown_id_fails = one_of("unknown_id", word, "empty", "error")?;
        }
        if let Some(seconds) = fields.number("describe_lag_seconds")? {
            let lag = Millis::from_seconds(seconds).filter(|lag| lag.get() >= 0);
            new.describe_lag = lag.ok_or("describe_lag_seconds must not be negative or endless")?.get();
        }
        if let Some(word) = fields.text("purged")? {
            new.purged_absent = one_of("purged", word, "listed", "absent")?;
        }
        if let Some(millis) = fields.whole("latency_ms")? {
            new.latency_ms = u64::try_from(millis).map_err(|_| "latency_ms must not be negative")?;
        }
        if fields.has("throttle") {
            new.throttle = fields.get("throttle").map(rate).transpose()?;
        }
        if let Some(size) = fields.whole("page_size")? {
            let size = usize::try_from(size).ok().filter(|size| *size > 0);
            new.page_size = size.ok_or("page_size must be at least 1")?;
        }
        Ok(new)
    }

    /// All knobs.
    pub(crate) fn json(&self) -> Value {
        let word = |flag, off, on| if flag { on } else { off };
        let rate = |rate: Rate| json!({"burst": number(rate.burst), "per_second": number(rate.per_second)});
        json!({
            "unknown_id": word(self.unknown_id_fails, "empty", "error"),
            "describe_lag_seconds": Millis::new(self.describe_lag).json(),
            "purged": word(self.purged_absent, "listed", "absent"),
            "latency_ms": self.latency_ms,
            "throttle": self.throttle.map(rate),
            "page_size": self.page_size,
        })
    }
}

fn one_of(knob: &str, word: &str, off: &str, on: &str) -> Result<bool, Wrong> {
    match word {
        word if word == off => Ok(false),
        word if word == on => Ok(true),
        other => Err(format!("{knob} must be {off:?} or {on:?}, not {other:?}")),
    }
}

fn rate(value: &Value) -> Result<Rate, Wrong> {
    let fields = Fields::of(value, "throttle")?.only(&["burst", "per_second"])?;
    let part = |name: &str| match fields.number(name)? {
        Some(number) if number >= 0.0 => Ok(number),
        Some(_) => Err(format!("throttle.{name} must not be negative")),
        None => Err(format!("throttle needs {name}")),
    };
    Ok(Rate { burst: part("burst")?, per_second: part("per_second")? })
}

/// A number as it was given: 40 stays 40, not 40.0.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only numbers that stay the same are used")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with the number itself")]
    if whole as f64 == value { Value::from(whole) } else { Value::from(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_turn_alone_and_show_as_given() {
        let turned = Behaviour::default().changed(&json!({"page_size": 2})).unwrap();
        let turned =
            turned.changed(&json!({"throttle": {"burst": 40, "per_second": 0.5}, "purged": "absent"})).unwrap();
        assert_eq!(
            turned.json(),
            json!({"unknown_id": "empty", "describe_lag_seconds": 0, "purged": "absent", "latency_ms": 0,
                "throttle": {"burst": 40, "per_second": 0.5}, "page_size": 2})
        );
        assert_eq!(turned.changed(&json!({"throttle": null})).unwrap().throttle, None);
    }

    #[test]
    fn what_it_shows_it_takes() {
        let turned = Behaviour::default()
            .changed(&json!({"unknown_id": "error", "describe_lag_seconds": 1.5, "latency_ms": 7}))
            .unwrap();
        assert_eq!(Behaviour::default().changed(&turned.json()).unwrap(), turned);
    }

    #[test]
    fn what_it_cannot_use_is_refused() {
        for change in [
            json!([]),
            json!({"knob": 1}),
            json!({"unknown_id": "maybe"}),
            json!({"unknown_id": null}),
            json!({"describe_lag_seconds": "5"}),
            json!({"describe_lag_seconds": -1}),
            json!({"describe_lag_seconds": 1e300}),
            json!({"purged": true}),
            json!({"latency_ms": -1}),
            json!({"latency_ms": 1.5}),
            json!({"throttle": 5}),
            json!({"throttle": {"burst": 1}}),
            json!({"throttle": {"burst": 1, "per_second": 1, "x": 1}}),
            json!({"throttle": {"burst": -1, "per_second": 1}}),
            json!({"throttle": {"burst": 1, "per_second": null}}),
            json!({"page_size": 0}),
            json!({"page_size": "50"}),
        ] {
            assert!(Behaviour::default().changed(&change).is_err(), "{change}");
        }
    }
}
