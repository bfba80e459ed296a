//! The control API. HTTP and the library's own methods come in by the same door.

mod backups;

use crate::call::Core;
use crate::fields::{self, Fields, Wrong};
use crate::time::Millis;
use crate::world::World;
use serde_json::{Value, json};

pub(crate) const PREFIX: &str = "/_control/";

/// A call of the control API that can't be answered: its HTTP status, and why.
pub(crate) type Refusal = (u16, String);

/// Parameters of the URL.
type Query = Vec<(String, String)>;

/// Answers a call. A refused one has changed nothing.
pub(crate) fn call(core: &Core, method: &str, path: &str, query: &str, body: &[u8]) -> Result<Value, Refusal> {
    let query: Query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let answer = {
        let mut world = core.world();
        let answer = route(&mut world, method, path, &query, body);
        if method != "GET" {
            let now = world.now();
            core.say(|| line(now, method, path, &answer));
        }
        answer
    }?;
    Ok(answer)
}

fn route(world: &mut World, method: &str, path: &str, query: &Query, body: &[u8]) -> Result<Value, Refusal> {
    let target = path.strip_prefix(PREFIX).ok_or_else(|| unknown_path(path))?;
    let allowed: &[&str] = match (target, method) {
        ("reset" | "backups" | "clock" | "behaviour" | "faults", _) => &[],
        ("requests", _) => &["since"],
        (target, _) if backup_in(target).is_some() => &["account", "region"],
        _ => return Err(unknown_path(path)),
    };
    if let Some((name, _)) = query.iter().find(|(name, _)| !allowed.contains(&name.as_str())) {
        return Err((400, format!("unknown parameter {name:?}")));
    }
    match (target, method) {
        ("reset", "POST") => {
            nothing(body)?;
            world.reset();
            Ok(json!({}))
        }
        ("backups", "GET") => Ok(backups::all(world)),
        ("backups", "PUT") => backups::put(world, &parse(body)?).map_err(bad),
        ("clock", "GET") => Ok(json!({"now": world.now().json()})),
        ("clock", "POST") => clock(world, &parse(body)?).map_err(bad),
        ("behaviour", "GET") => Ok(world.behaviour().json()),
        ("behaviour", "PUT") => behave(world, &parse(body)?).map_err(bad),
        ("faults", "GET") => Ok(world.faults.json()),
        ("faults", "POST") => {
            world.faults.push(&parse(body)?).map_err(bad)?;
            Ok(world.faults.json())
        }
        ("faults", "DELETE") => {
            nothing(body)?;
            world.faults = crate::faults::Faults::default();
            Ok(json!([]))
        }
        ("requests", "GET") => {
            let since = parameter(query, "since").map(|text| text.parse().map_err(|_| not_a_number(text)));
            Ok(world.journal.json(since.transpose()?.unwrap_or(0)))
        }
        (target, "DELETE") if let Some(id) = backup_in(target) => {
            nothing(body)?;
            let [account, region] = ["account", "region"].map(|name| parameter(query, name));
            backups::delete(world, &id, account, region)
        }
        _ => Err((405, format!("{method} is nothing that {path} takes"))),
    }
}

fn behave(world: &mut World, change: &Value) -> Result<Value, Wrong> {
    world.behave(world.behaviour().changed(change)?);
    // It starts full whenever it is given, even as it was.
    if change.get("throttle").is_some() {
        world.throttle.refill();
    }
    Ok(world.behaviour().json())
}

fn clock(world: &mut World, change: &Value) -> Result<Value, Wrong> {
    let fields = Fields::of(change, "the clock")?.only(&["advance_seconds", "set"])?;
    let moved = match (fields.number("advance_seconds")?, fields.number("set")?) {
        (Some(seconds), None) if !fields.has("set") => {
            let step = Millis::from_seconds(seconds).map(Millis::get);
            world.move_clock(|now| Millis::from_seconds(now.plus(step?).seconds()))
        }
        (None, Some(seconds)) if !fields.has("advance_seconds") => world.move_clock(|_| Millis::from_seconds(seconds)),
        _ => return Err("the clock takes either advance_seconds or set".to_owned()),
    };
    moved.map(|now| json!({"now": now.json()})).ok_or_else(|| "that time is out of reach".to_owned())
}

/// The id in `backups/<id>`.
fn backup_in(target: &str) -> Option<String> {
    let id = target.strip_prefix("backups/").filter(|id| !id.is_empty() && !id.contains('/'))?;
    Some(percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned())
}

fn parameter<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().rev().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is no JSON: {error}")))
}

/// The body of a call that takes none: one with something in it means something else than the call does.
fn nothing(body: &[u8]) -> Result<(), Refusal> {
    let empty = body.trim_ascii().is_empty() || parse(body)?.as_object().is_some_and(serde_json::Map::is_empty);
    if empty { Ok(()) } else { Err(bad("this call takes no body".to_owned())) }
}

fn bad(wrong: Wrong) -> Refusal {
    (400, wrong)
}

fn not_a_number(text: &str) -> Refusal {
    (400, format!("since must be a number, not {text:?}"))
}

fn unknown_path(path: &str) -> Refusal {
    (404, format!("no such path: {path}"))
}

/// A write, as a line for people.
fn line(now: Millis, method: &str, path: &str, answer: &Result<Value, Refusal>) -> String {
    let outcome = match answer {
        Ok(Value::Object(members)) if members.is_empty() => "200".to_owned(),
        Ok(Value::Array(items)) => format!("200 {} in the queue", items.len()),
        Ok(answer) => format!("200 {answer}"),
        Err((status, wrong)) => format!("{status} {wrong}"),
    };
    format!("{} control {method} {path} {outcome}", now.of_day())
}

/// Seeds the emulator.
pub(crate) fn seed(world: &mut World, backups: &Value) -> Result<(), Wrong> {
    backups::put(world, backups).map(|_| ())
}

/// What a list must be.
fn list<'a>(value: &'a Value, what: &str) -> Result<&'a Vec<Value>, Wrong> {
    value.as_array().ok_or_else(|| format!("{what} must be a list, not {}", fields::kind(value)))
}
