//! The requests log.

use crate::backup::Scope;
use crate::time::Millis;
use serde_json::{Value, json};

/// One AWS call.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) time: Millis,
    pub(crate) op: String,
    pub(crate) protocol: &'static str,
    pub(crate) scope: Scope,
    pub(crate) input: Value,
    pub(crate) user_agent: Option<String>,
    /// None for a dropped connection.
    pub(crate) answered: Option<Answered>,
}

/// How a call was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// None for a success.
    pub(crate) code: Option<String>,
    pub(crate) request_id: String,
}

/// All AWS calls since the last reset, in the order in which their answers were decided.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
}

impl Journal {
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The calls from number `since` on.
    pub(crate) fn json(&self, since: usize) -> Value {
        let requests: Value = self
            .entries
            .iter()
            .enumerate()
            .skip(since)
            .map(|(n, entry)| {
                let answered = entry.answered.as_ref();
                json!({
                    "n": n,
                    "time": entry.time.json(),
                    "op": entry.op,
                    "protocol": entry.protocol,
                    "account": entry.scope.account,
                    "region": entry.scope.region,
                    "input": entry.input,
                    "status": answered.map(|answered| answered.status),
                    "code": answered.and_then(|answered| answered.code.as_deref()),
                    "request_id": answered.map(|answered| answered.request_id.as_str()),
                    "user_agent": entry.user_agent,
                })
            })
            .collect();
        json!({"next": self.entries.len(), "requests": requests})
    }
}
