//! The pages of DescribeBackups.

use crate::client::{INVALID, client, start};
use cloudhsm_emulator::Emulator;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn id(n: usize) -> String {
    let letter = |n: usize| char::from(b"abcdefghij"[n % 10]);
    format!("backup-{}{}{}aaaaaaaa", letter(n / 100), letter(n / 10), letter(n))
}

fn many(count: usize) -> Emulator {
    let emulator = start();
    let backups: Value = (0..count).map(|n| json!({"BackupId": id(n), "CreateTimestamp": 1000 + n})).collect();
    emulator.put_backups(backups).unwrap();
    emulator
}

#[test]
fn a_page_holds_the_smallest_of_fifty_max_results_and_page_size() {
    let emulator = many(120);
    let here = client(&emulator);
    for (max, page_size, expected) in [
        (None, 50, vec![50, 50, 20]),
        (Some(50), 50, vec![50, 50, 20]),
        (Some(40), 50, vec![40, 40, 40]),
        (None, 60, vec![50, 50, 20]),
        (None, 100, vec![50, 50, 20]),
        (Some(40), 35, vec![35, 35, 35, 15]),
    ] {
        emulator.behaviour(json!({"page_size": page_size})).unwrap();
        let (ids, sizes) = here.pages(&json!({"MaxResults": max, "SortAscending": true}), |_| {});
        assert_eq!(sizes, expected, "{max:?} {page_size}");
        assert_eq!(ids, (0..120).map(id).collect::<Vec<_>>());
    }
}

#[test]
fn the_last_page_has_no_token_even_when_it_is_full() {
    let emulator = many(6);
    let (ids, sizes) = client(&emulator).pages(&json!({"MaxResults": 3}), |_| {});
    assert_eq!((ids.len(), sizes), (6, vec![3, 3]));
}

#[test]
fn a_backup_that_is_there_throughout_comes_once_whatever_happens_between_pages() {
    for ascending in [true, false] {
        let emulator = many(30);
        let here = client(&emulator);
        let (ids, _) = here.pages(&json!({"MaxResults": 4, "SortAscending": ascending}), |page| {
            // Creation times turn round, some go, some are replaced, others come at both ends.
            for n in 0..20 {
                let moved = json!([{"BackupId": id(n), "CreateTimestamp": 5000 - 100 * page - n}]);
                emulator.put_backups(moved).unwrap();
            }
            emulator.put_backups(json!([{"BackupId": id(29), "CreateTimestamp": null, "BackupState": null}])).unwrap();
            emulator
                .put_backups(json!([
                    {"BackupId": format!("backup-zzzzzzzzzzz{page}"), "CreateTimestamp": 1},
                    {"BackupId": format!("backup-zzzzzzzzzzy{page}"), "CreateTimestamp": 9000},
                ]))
                .unwrap();
            let gone = id(19 + page);
            if page < 4 {
                emulator.delete_backup(&gone).unwrap();
            }
            here.call("DeleteBackup", json!({"BackupId": id(page)})).ok();
        });
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "none comes twice: {ids:?}");
        for n in (0..20).chain(23..30) {
            assert!(unique.contains(&id(n)), "{} is missing", id(n));
        }
    }
}

#[test]
fn later_pages_show_backups_as_they_are_then() {
    let emulator = many(4);
    let here = client(&emulator);
    let input = json!({"MaxResults": 2, "SortAscending": true});
    let first = here.call("DescribeBackups", input.clone()).ok();
    here.call("DeleteBackup", json!({"BackupId": id(3)})).ok();
    emulator.delete_backup(&id(2)).unwrap();
    let mut next = input;
    next["NextToken"] = first["NextToken"].clone();
    let second = here.call("DescribeBackups", next).ok();
    assert_eq!(second["Backups"].as_array().unwrap().len(), 1);
    assert_eq!(second["Backups"][0]["BackupState"], "PENDING_DELETION");
    assert_eq!(second.get("NextToken"), None);
}

#[test]
fn what_no_longer_matches_a_filter_does_not_come() {
    let emulator = many(6);
    let here = client(&emulator);
    let input = json!({"MaxResults": 2, "SortAscending": true, "Filters": {"states": ["READY"]}});
    let (ids, _) = here.pages(&input, |page| {
        if page == 1 {
            here.call("DeleteBackup", json!({"BackupId": id(3)})).ok();
        }
    });
    assert_eq!(ids, [id(0), id(1), id(2), id(4), id(5)]);
}

#[test]
fn a_page_can_be_asked_for_again() {
    let emulator = many(5);
    let here = client(&emulator);
    let first = here.call("DescribeBackups", json!({"MaxResults": 2})).ok();
    let input = json!({"MaxResults": 2, "NextToken": first["NextToken"]});
    let second = here.call("DescribeBackups", input.clone()).ok();
    assert_eq!(here.call("DescribeBackups", input).ok(), second);
}

#[test]
fn a_token_is_good_for_the_same_question_only() {
    let emulator = many(5);
    let here = client(&emulator);
    let question = json!({"MaxResults": 2, "Filters": {"states": ["READY", "DELETED"]}, "SortAscending": true});
    let token = here.call("DescribeBackups", question.clone()).ok()["NextToken"].clone();
    for (change, good) in [
        (json!({"MaxResults": 3}), true),
        (json!({"MaxResults": null}), true),
        (json!({"Filters": {"states": ["DELETED", "READY"]}}), true),
        (json!({"Shared": false}), true),
        (json!({"SortAscending": false}), false),
        (json!({"SortAscending": null}), false),
        (json!({"Filters": {"states": ["READY"]}}), false),
        (json!({"Filters": null}), false),
        (json!({"Filters": {"states": ["READY", "DELETED"], "neverExpires": ["false"]}}), false),
        (json!({"Shared": true}), false),
    ] {
        let mut input = question.clone();
        input["NextToken"] = token.clone();
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = here.call("DescribeBackups", input);
        if good {
            answer.ok();
        } else {
            answer.fails(INVALID);
        }
    }
    let mut input = question;
    input["NextToken"] = token.clone();
    here.region("eu-west-1").call("DescribeBackups", input.clone()).fails(INVALID);
    here.account("444455556666").call("DescribeBackups", input).fails(INVALID);
    for forged in ["", "x", "0.0.0", &format!("{}0", token.as_str().unwrap())] {
        here.call("DescribeBackups", json!({"NextToken": forged})).fails(INVALID);
    }
}
