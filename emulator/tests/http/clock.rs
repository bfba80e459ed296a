//! The control clock, and what follows the real one.

use crate::client::{A, client, start, truth, with};
use cloudhsm_emulator::{Emulator, ManualClock, Options};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn real() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[test]
fn it_starts_as_the_real_clock_and_moves_by_what_is_added() {
    let emulator = start();
    let (before, now, after) = (real(), emulator.now(), real());
    assert!(before - 0.001 <= now && now <= after + 0.001);
    let answer = client(&emulator).control("POST", "/_control/clock", r#"{"advance_seconds": 604801.5}"#).ok();
    let moved = answer["now"].as_f64().unwrap();
    assert!((604_801.5..604_821.5).contains(&(moved - now)), "{moved} {now}");
    assert!(emulator.now() >= moved);
    let back = client(&emulator).control("POST", "/_control/clock", r#"{"advance_seconds": -1000000}"#).ok();
    assert!(back["now"].as_f64().unwrap() < now);
    emulator.reset();
    assert!((emulator.now() - real()).abs() < 20.0);
}

#[test]
fn it_can_be_set_and_runs_on_with_the_real_clock() {
    let clock = Arc::new(ManualClock::new(UNIX_EPOCH + Duration::from_secs(1_000)));
    let options = Options { clock: Arc::<ManualClock>::clone(&clock), ..Options::default() };
    let emulator = Emulator::start(options).unwrap();
    let here = client(&emulator);
    assert_eq!(here.control("GET", "/_control/clock", "").ok(), json!({"now": 1000}));
    assert_eq!(
        here.control("POST", "/_control/clock", r#"{"set": 1534461854.64}"#).ok(),
        json!({"now": 1534461854.64})
    );
    clock.advance(Duration::from_millis(500));
    assert_eq!(here.control("GET", "/_control/clock", "").ok(), json!({"now": 1534461855.14}));
}

#[test]
fn it_moves_all_times_in_answers_and_in_the_log() {
    let emulator = with(json!([{"BackupId": A}]));
    emulator.set_clock(4_000_000_000.0).unwrap();
    let here = client(&emulator);
    here.call("CopyBackupToRegion", json!({"BackupId": A, "DestinationRegion": "eu-west-1"})).ok();
    let copies = here.region("eu-west-1").describe(json!({}));
    let deleted = here.call("DeleteBackup", json!({"BackupId": A})).ok();
    let near = |value: &serde_json::Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!((expected..expected + 20.0).contains(&value), "{value} {expected}");
    };
    near(&copies[0]["CopyTimestamp"], 4e9);
    near(&deleted["Backup"]["DeleteTimestamp"], 4e9 + 604_800.0);
    near(&emulator.requests(0)[0]["time"], 4e9);
}

#[test]
fn set_back_a_backup_that_turned_deleted_stays_so() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    let deleted = here.call("DeleteBackup", json!({"BackupId": A})).ok();
    // Nobody looks in between.
    emulator.advance(604_801.0).unwrap();
    emulator.advance(-604_801.0).unwrap();
    assert_eq!(truth(&emulator, A)["BackupState"], "DELETED");
    assert_eq!(here.state(A).unwrap(), "DELETED");
    assert_eq!(truth(&emulator, A)["DeleteTimestamp"], deleted["Backup"]["DeleteTimestamp"]);
}

#[test]
fn set_back_a_change_shows_all_the_same_without_a_lag() {
    let emulator = with(json!([{"BackupId": A}]));
    let here = client(&emulator);
    here.call("DeleteBackup", json!({"BackupId": A})).ok();
    emulator.advance(-1000.0).unwrap();
    here.call("RestoreBackup", json!({"BackupId": A})).ok();
    assert_eq!(here.state(A).unwrap(), "READY");
}

#[test]
fn the_date_header_follows_the_real_clock() {
    let emulator = start();
    emulator.set_clock(4_000_000_000.0).unwrap();
    let answer = client(&emulator).call("DescribeBackups", json!({}));
    let date = answer.header("date").unwrap();
    assert!(!date.contains("2096"), "{date}");
    assert!(date.ends_with("GMT"), "{date}");
}

#[test]
fn what_the_clock_cannot_use_changes_nothing() {
    let emulator = start();
    for body in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"advance_seconds": "5"}"#,
        r#"{"advance_seconds": null}"#,
        r#"{"advance_seconds": true}"#,
        r#"{"advance_seconds": 1e300}"#,
        r#"{"set": 1e13}"#,
        r#"{"set": null}"#,
        r#"{"set": 1, "advance_seconds": 1}"#,
        r#"{"set": 1, "advance_seconds": null}"#,
        r#"{"advance": 5}"#,
        r#"{"set": 5, "x": 1}"#,
    ] {
        let answer = client(&emulator).control("POST", "/_control/clock", body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].is_string());
        assert!((emulator.now() - real()).abs() < 20.0, "{body}");
    }
}
