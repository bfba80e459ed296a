//! Faults: which calls go wrong, and how.

use crate::errors::{ApiError, INTERNAL};
use crate::fields::{Fields, Wrong};
use serde_json::{Value, json};
use std::time::Duration;

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Error,
    AppliedError,
    AppliedDrop,
    AppliedMalformed,
    Drop,
    Delay,
    Malformed,
}

const EFFECTS: [(&str, Effect); 7] = [
    ("error", Effect::Error),
    ("applied_error", Effect::AppliedError),
    ("applied_drop", Effect::AppliedDrop),
    ("applied_malformed", Effect::AppliedMalformed),
    ("drop", Effect::Drop),
    ("delay", Effect::Delay),
    ("malformed", Effect::Malformed),
];

impl Effect {
    pub(crate) fn name(self) -> &'static str {
        EFFECTS.iter().find(|(_, effect)| *effect == self).map_or("", |(name, _)| name)
    }

    /// Whether the call takes effect all the same.
    pub(crate) fn applies(self) -> bool {
        matches!(self, Self::AppliedError | Self::AppliedDrop | Self::AppliedMalformed | Self::Delay)
    }
}

/// A fault that waits in the queue, or has just fired.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    op: String,
    backup_id: Option<String>,
    /// None never ends.
    times: Option<u64>,
    after: u64,
    pub(crate) effect: Effect,
    code: Option<String>,
    status: Option<u16>,
    message: Option<String>,
    delay: Option<Duration>,
}

const FIELDS: [&str; 9] = ["op", "backup_id", "times", "after", "effect", "code", "status", "message", "delay_seconds"];

impl Fault {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let fields = Fields::of(value, "a fault")?.only(&FIELDS)?;
        if let Some(name) = FIELDS.iter().find(|name| fields.is_null(name)) {
            return Err(format!("{name} can't be null"));
        }
        let times = match fields.whole("times")? {
            Some(-1) => None,
            Some(times) if times > 0 => Some(times.unsigned_abs()),
            None => Some(1),
            Some(_) => return Err("times must be at least 1, or -1 for no end".to_owned()),
        };
        let after = u64::try_from(fields.whole("after")?.unwrap_or(0)).map_err(|_| "after must not be negative")?;
        let effect = fields.text("effect")?.unwrap_or("error");
        let Some((_, effect)) = EFFECTS.iter().find(|(name, _)| *name == effect) else {
            return Err(format!("unknown effect {effect:?}; known are {}", EFFECTS.map(|(name, _)| name).join(", ")));
        };
        let status = fields.whole("status")?.map(|status| match u16::try_from(status) {
            Ok(status @ 400..600) => Ok(status),
            _ => Err("status must be from 400 to 599"),
        });
        let delay = fields.number("delay_seconds")?.map(Duration::try_from_secs_f64);
        let fault = Self {
            op: fields.text("op")?.unwrap_or("*").to_owned(),
            backup_id: fields.text("backup_id")?.map(str::to_owned),
            times,
            after,
            effect: *effect,
            code: fields.text("code")?.map(str::to_owned),
            status: status.transpose()?,
            message: fields.text("message")?.map(str::to_owned),
            delay: delay.transpose().map_err(|_| "delay_seconds must not be negative or endless")?,
        };
        if fault.effect == Effect::Delay && fault.delay.is_none() {
            return Err("the effect delay needs delay_seconds".to_owned());
        }
        Ok(fault)
    }

    fn json(&self) -> Value {
        let mut fault = json!({
            "op": self.op,
            "times": self.times.map_or(Value::from(-1), Value::from),
            "after": self.after,
            "effect": self.effect.name(),
        });
        let delay = self.delay.map(|delay| Value::from(delay.as_secs_f64()));
        let optional = [
            ("backup_id", self.backup_id.as_deref().map(Value::from)),
            ("code", self.answers().then(|| Value::from(self.code()))),
            ("status", self.status.map(Value::from)),
            ("message", self.message.as_deref().map(Value::from)),
            ("delay_seconds", delay),
        ];
        if let Value::Object(members) = &mut fault {
            members.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        fault
    }

    fn answers(&self) -> bool {
        self.code.is_some() || matches!(self.effect, Effect::Error | Effect::AppliedError)
    }

    fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(INTERNAL)
    }

    /// What the effects `error` and `applied_error` answer.
    pub(crate) fn error(&self) -> ApiError {
        let message = self.message.as_deref().unwrap_or("A fault of the emulator's control API.");
        ApiError { status: self.status, ..ApiError::new(self.code(), message) }
    }

    pub(crate) fn delay(&self) -> Duration {
        self.delay.unwrap_or_default()
    }

    fn matches(&self, op: &str, cloudhsm: bool, names: impl Fn(&str) -> bool) -> bool {
        (self.op == op || self.op == "*" && cloudhsm) && self.backup_id.as_deref().is_none_or(names)
    }
}

/// The faults that are left, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queue: Vec<Fault>,
}

impl Faults {
    /// Appends all, or none if one is wrong.
    pub(crate) fn push(&mut self, faults: &Value) -> Result<(), Wrong> {
        let Value::Array(faults) = faults else {
            return Err(format!("faults must be a list, not {}", crate::fields::kind(faults)));
        };
        let read: Result<Vec<Fault>, Wrong> = faults.iter().map(Fault::read).collect();
        self.queue.extend(read?);
        Ok(())
    }

    pub(crate) fn json(&self) -> Value {
        self.queue.iter().map(Fault::json).collect()
    }

    /// Hands a call to the first fault that matches; answers it if it fires.
    pub(crate) fn take(&mut self, op: &str, cloudhsm: bool, names: impl Fn(&str) -> bool) -> Option<Fault> {
        let place = self.queue.iter().position(|fault| fault.matches(op, cloudhsm, &names))?;
        let fault = self.queue.get_mut(place)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let fired = fault.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.queue.remove(place);
            }
        }
        Some(fired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(given: &Value) -> Faults {
        let mut faults = Faults::default();
        faults.push(given).unwrap();
        faults
    }

    fn codes(faults: &mut Faults, calls: usize) -> Vec<Option<String>> {
        (0..calls).map(|_| faults.take("DeleteBackup", true, |_| false).map(|fault| fault.error().code)).collect()
    }

    #[test]
    fn the_first_that_matches_counts_the_call_and_later_ones_do_not_see_it() {
        let mut faults = faults(&json!([
            {"op": "RestoreBackup", "code": "R", "times": -1},
            {"op": "DeleteBackup", "code": "A", "after": 1},
            {"code": "B", "times": 2},
        ]));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(codes(&mut faults, 5), [None, text("A"), text("B"), text("B"), None]);
        assert_eq!(
            faults.json(),
            json!([{"op": "RestoreBackup", "code": "R", "times": -1, "after": 0, "effect": "error"}])
        );
    }

    #[test]
    fn a_star_is_every_cloudhsm_operation_and_none_of_sts() {
        let mut faults = faults(&json!([{"times": -1}]));
        assert!(faults.take("Whatever", true, |_| false).is_some());
        assert!(faults.take("AssumeRole", false, |_| false).is_none());
        faults.push(&json!([{"op": "AssumeRole"}])).unwrap();
        assert!(faults.take("AssumeRole", false, |_| false).is_some());
    }

    #[test]
    fn a_backup_id_limits_it() {
        let mut faults = faults(&json!([{"backup_id": "b"}]));
        assert!(faults.take("DeleteBackup", true, |id| id == "a").is_none());
        assert!(faults.take("DeleteBackup", true, |id| id == "b").is_some());
    }

    #[test]
    fn what_is_left_can_be_given_again() {
        let left = faults(&json!([
            {"op": "ListTags", "times": 3, "after": 2, "effect": "delay", "delay_seconds": 1.5, "backup_id": "b"},
            {"status": 503, "code": "C", "message": "m"},
        ]))
        .json();
        assert_eq!(faults(&left).json(), left);
    }

    #[test]
    fn one_wrong_fault_keeps_all_out() {
        for wrong in [
            json!({"op": 1}),
            json!({"effect": "explode"}),
            json!({"when": 1}),
            json!({"times": 0}),
            json!({"times": -2}),
            json!({"times": "1"}),
            json!({"after": -1}),
            json!({"status": 200}),
            json!({"status": "500"}),
            json!({"code": null}),
            json!({"effect": "delay"}),
            json!({"effect": "delay", "delay_seconds": -1}),
            json!({"effect": "delay", "delay_seconds": "1"}),
            json!([]),
        ] {
            let mut faults = Faults::default();
            assert!(faults.push(&json!([{}, wrong.clone()])).is_err(), "{wrong}");
            assert_eq!(faults.json(), json!([]));
        }
        assert!(Faults::default().push(&json!({})).is_err());
    }
}
