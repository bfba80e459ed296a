//! The way of an AWS call: latency, throttle, faults, input checks, the operation, and into the requests log.

use crate::emulator::LogSink;
use crate::errors::ApiError;
use crate::faults::{Effect, Fault};
use crate::journal::{Answered, Entry};
use crate::ops::{self, Done};
use crate::request::Call;
use crate::sts;
use crate::wire::{self, Encoded, Protocol};
use crate::world::World;
use serde_json::{Map, Value};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What all connections share.
pub(crate) struct Core {
    world: Mutex<World>,
    sink: Option<LogSink>,
}

/// What a client gets.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer { encoded: Encoded, protocol: Protocol, request_id: String },
    Drop,
}

/// How a call ends, before it is written in a protocol.
enum Verdict {
    Result(Result<Done, ApiError>),
    Malformed,
    Drop,
}

enum Step {
    Ends(Reply),
    Waits(Duration),
}

impl Core {
    pub(crate) fn new(world: World, sink: Option<LogSink>) -> Self {
        Self { world: Mutex::new(world), sink }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if let Some(sink) = &self.sink {
            sink(&line());
        }
    }

    /// Answers a call. Runs to its end even if nobody waits for the answer any more, if it is spawned.
    pub(crate) async fn answer(&self, call: Call) -> Reply {
        let latency = self.world().behaviour().latency_ms;
        if latency > 0 {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        match self.decide(&call) {
            Step::Ends(reply) => reply,
            Step::Waits(delay) => {
                tokio::time::sleep(delay).await;
                let mut world = self.world();
                let result = perform(&mut world, &call);
                self.conclude(&mut world, &call, Verdict::Result(result), Some(Effect::Delay.name().to_owned()))
            }
        }
    }

    fn decide(&self, call: &Call) -> Step {
        let mut world = self.world();
        if !passes_throttle(&mut world, call) {
            let refused = Verdict::Result(Err(ApiError::throttled()));
            return Step::Ends(self.conclude(&mut world, call, refused, None));
        }
        let fault = world.faults.take(&call.op, call.is_cloudhsm(), |id| call.names(id));
        let Some(fault) = fault else {
            let result = perform(&mut world, call);
            return Step::Ends(self.conclude(&mut world, call, Verdict::Result(result), None));
        };
        if fault.effect == Effect::Delay {
            return Step::Waits(fault.delay());
        }
        let (verdict, applied) = fire(&mut world, call, &fault);
        let effect = Some(format!("{}{applied}", fault.effect.name()));
        Step::Ends(self.conclude(&mut world, call, verdict, effect))
    }

    /// Writes the answer and the log.
    fn conclude(&self, world: &mut World, call: &Call, verdict: Verdict, effect: Option<String>) -> Reply {
        let request_id = world.ids.request();
        let (encoded, code, note) = match verdict {
            Verdict::Drop => (None, None, "connection closed".to_owned()),
            Verdict::Malformed => (Some(wire::broken(call.protocol)), None, "malformed".to_owned()),
            Verdict::Result(Ok(done)) => {
                (Some(wire::success(call.protocol, &call.op, &done.shape, &request_id)), None, done.note)
            }
            Verdict::Result(Err(error)) => {
                let note = format!("{}: {}", error.code, error.message);
                (Some(wire::failure(call.protocol, &error, &request_id)), Some(error.code), note)
            }
        };
        let now = world.now();
        let status = encoded.as_ref().map(|encoded| encoded.status);
        let answered = status.map(|status| Answered { status, code, request_id: request_id.clone() });
        let input = call.input.as_ref().ok().cloned().unwrap_or_else(|| Value::Object(Map::new()));
        self.say(|| {
            let status = status.map_or("---".to_owned(), |status| status.to_string());
            let effect = effect.map(|effect| format!("[fault {effect}] ")).unwrap_or_default();
            let subject = subject(&input);
            let (time, scope, op) = (now.of_day(), &call.scope, &call.op);
            let line = format!("{time} {} {} {op} {subject}{status} {effect}{note}", scope.region, scope.account);
            line.trim_end().chars().map(visible).collect()
        });
        world.journal.push(Entry {
            time: now,
            op: call.op.clone(),
            protocol: call.protocol.name(),
            scope: call.scope.clone(),
            input,
            user_agent: call.user_agent.clone(),
            answered,
        });
        match encoded {
            Some(encoded) => Reply::Answer { encoded, protocol: call.protocol, request_id },
            None => Reply::Drop,
        }
    }
}

fn passes_throttle(world: &mut World, call: &Call) -> bool {
    match world.behaviour().throttle {
        Some(rate) if call.is_cloudhsm() => {
            let now = world.real_time();
            world.throttle.take(&call.scope, rate, now)
        }
        _ => true,
    }
}

fn perform(world: &mut World, call: &Call) -> Result<Done, ApiError> {
    if call.protocol == Protocol::Query { sts::run(world, call) } else { ops::run(world, call) }
}

/// Also answers what the call brought about all the same, for the line that a person reads.
fn fire(world: &mut World, call: &Call, fault: &Fault) -> (Verdict, String) {
    let mut applied = String::new();
    if fault.effect.applies() {
        // Whether it was legal or not: the answer is the fault's.
        applied = match perform(world, call) {
            Ok(done) => format!(": {}", done.note),
            Err(error) => format!(": {}", error.code),
        };
    }
    let verdict = match fault.effect {
        Effect::Drop | Effect::AppliedDrop => Verdict::Drop,
        Effect::Malformed | Effect::AppliedMalformed => Verdict::Malformed,
        Effect::Error | Effect::AppliedError | Effect::Delay => Verdict::Result(Err(fault.error())),
    };
    (verdict, applied)
}

/// What a call is about, with a space behind, for the line that a person reads.
fn subject(input: &Value) -> String {
    let member = ["BackupId", "ResourceId", "RoleArn"].iter().find_map(|member| input.get(member)?.as_str());
    member.map(|member| format!("{member} ")).unwrap_or_default()
}

/// Keeps a line one line.
fn visible(letter: char) -> char {
    if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }
}
