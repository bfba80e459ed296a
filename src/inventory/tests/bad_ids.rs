//! Ids that spoil the answer for all that are asked for along with them.

use rstest::rstest;

use super::*;

const ALL: usize = 60;

fn effects() -> Vec<Value> {
    vec![
        json!({"code": "CloudHsmInternalFailureException", "status": 500}),
        json!({"code": "CloudHsmInvalidRequestException", "status": 400}),
        json!({"effect": "malformed"}),
    ]
}

fn spoil(scene: &Scene, bad: &[BackupId], effect: &Value) {
    for id in bad {
        let mut fault = effect.clone();
        fault["op"] = json!("DescribeBackups");
        fault["times"] = json!(-1);
        fault["backup_id"] = json!(id.as_str());
        scene.fault(fault);
    }
}

/// Waits until a sweep costs no more than it may.
async fn isolated(scene: &Scene) {
    eventually("a sweep costs no more than it may", DEADLINE, async || {
        scene.sweeps(1).await;
        let before = scene.count();
        scene.sweeps(2).await;
        let cost = scene.count() - before;
        if cost <= 2 * (ALL.div_ceil(50) + 1) { Ok(()) } else { Err(format!("{cost} for two sweeps")) }
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn however_many_are_bad_the_others_are_swept_and_a_sweep_costs_no_more_than_it_may(
    #[values(1, 2, 3, 7, 30)] count: usize,
    #[values(0, 1, 2)] effect: usize,
) {
    let mut scene = Scene::new(SECOND);
    let all = ids(0..ALL);
    let bad: Vec<BackupId> = (0..count).map(|n| id(n * ALL / count)).collect();
    let good: Vec<BackupId> = all.iter().filter(|id| !bad.contains(id)).copied().collect();
    scene.put(&all);
    spoil(&scene, &bad, &effects()[effect]);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&good).await;
    isolated(&scene).await;
    for id in &bad {
        assert_eq!(scene.entry(id, |entry| (entry.alone, entry.looked)), Some((true, None)));
    }
    for id in &good {
        assert_eq!(scene.entry(id, |entry| entry.alone), Some(false));
    }
    // The others are still swept, and looked at at once.
    scene.rest(&all).await;
    let _ = scene.told();
    scene.emulator.put_backups(json!([{"BackupId": good[0].as_str(), "BackupState": "PENDING_DELETION"}])).unwrap();
    scene.all_told(&good[..1]).await;
    let (answered, shown) = scene.look(&good[1]).await;
    assert!(answered && shown.is_some());
    // The bad one tells why when it is asked.
    let mut held = scene.inventory.hold(&scope(), &bad[0]).await;
    assert!(held.look(DEADLINE).await);
    assert!(held.failed().is_some() && held.sight().is_none());
    drop(held);
    let (answered, _) = scene.look(&good[1]).await;
    assert!(answered, "which keeps no other waiting");

    scene.heal();
    scene.all_told(&bad).await;
    isolated(&scene).await;
    for id in &all {
        assert_eq!(scene.entry(id, |entry| entry.alone), Some(false));
    }
}

#[rstest]
#[tokio::test]
async fn ids_that_aws_refuses_as_unknown_are_not_there_and_spoil_no_sweep(#[values(1, 7, 30)] count: usize) {
    let mut scene = Scene::new(SECOND);
    let all = ids(0..ALL);
    let unknown: Vec<BackupId> = (0..count).map(|n| id(n * ALL / count)).collect();
    let good: Vec<BackupId> = all.iter().filter(|id| !unknown.contains(id)).copied().collect();
    scene.emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    scene.put(&good);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    for id in &unknown {
        assert!(scene.entry(id, |entry| entry.looked.is_some() && !entry.is_there).unwrap());
    }
    isolated(&scene).await;
    scene.rest(&all).await;
    let _ = scene.told();
    // They come to be.
    scene.put(&unknown);
    scene.all_told(&unknown).await;
    isolated(&scene).await;
    // And one goes.
    scene.emulator.delete_backup(good[0].as_str()).unwrap();
    scene.all_told(&good[..1]).await;
    isolated(&scene).await;
}

#[tokio::test]
async fn an_id_that_only_a_look_by_id_finds_bad_is_looked_at_again_beside_a_listing() {
    let mut scene = Scene::new(SECOND);
    let (all, known) = (ids(0..120), ids(0..10));
    scene.put(&known);
    spoil(&scene, &[id(50)], &effects()[0]);
    scene.track(&all);
    scene.inventory.start();
    let good: Vec<BackupId> = all.iter().filter(|other| **other != id(50)).copied().collect();
    scene.all_told(&good).await;
    scene.sweeps(2).await;
    let before = scene.count();
    scene.sweeps(3).await;
    let looks = scene.looks(before);
    assert!(looks.iter().any(Option::is_none), "{looks:?}");
    scene.heal();
    scene.all_told(&[id(50)]).await;
}

#[rstest]
#[case::aws_fails(json!({"code": "CloudHsmInternalFailureException", "status": 500}))]
#[case::aws_refuses(json!({"code": "CloudHsmInvalidRequestException", "status": 400}))]
#[case::aws_throttles(json!({"code": "ThrottlingException", "status": 400}))]
#[case::aws_is_gone(json!({"effect": "drop"}))]
#[tokio::test]
async fn an_outage_is_no_bad_id_and_costs_a_few_requests_per_try(#[case] mut fault: Value) {
    let resync = Duration::from_secs(4);
    let mut scene = Scene::new(Settings { resync, rate: FAST });
    let all = ids(0..ALL);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    scene.rest(&all).await;
    scene.sweeps(1).await;
    fault["op"] = json!("DescribeBackups");
    fault["times"] = json!(-1);
    scene.fault(fault);
    let before = scene.count();
    tokio::time::sleep(Duration::from_secs(20)).await;
    // Tries after 0.25 to 0.5 s, then twice as long each time up to the interval: at most ten in this time, and seven requests for one.
    let requests = scene.count() - before;
    assert!((4..=80).contains(&requests), "{requests} requests");
    eventually("all are told that nothing is known of them any more", DEADLINE, async || {
        let failed = all.iter().filter(|id| {
            let failed = |entry: &entry::Entry| entry.affair.as_ref().is_some_and(|affair| affair.failed.is_some());
            scene.entry(id, failed) == Some(true)
        });
        let failed = failed.count();
        if failed == ALL { Ok(()) } else { Err(format!("{failed}")) }
    })
    .await;
    let mut told = scene.told();
    told.sort();
    assert_eq!(told, all, "each once");

    scene.heal();
    scene.all_told(&all).await;
    for id in &all {
        assert_eq!(scene.entry(id, |entry| entry.alone), Some(false));
    }
    scene.sweeps(1).await;
    let before = scene.count();
    scene.sweeps(2).await;
    assert!(scene.count() - before <= 6, "{}", scene.count() - before);
}

#[tokio::test]
async fn a_new_id_that_aws_refuses_makes_no_other_wait_for_the_long_back_off_of_refusals() {
    let mut scene = Scene::new(Settings { resync: Duration::from_secs(5), rate: FAST });
    let all = ids(0..20);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    scene.rest(&all).await;
    spoil(&scene, &[id(500)], &effects()[1]);
    scene.track(&[id(500)]);
    let mut held = scene.inventory.hold(&scope(), &id(500)).await;
    assert!(held.look(DEADLINE).await && held.failed().is_some());
    drop(held);
    let partition = scene.inventory.partition(&scope());
    assert!(partition.bucket.try_take(bucket::Class::Routine), "nobody waits");
    assert_eq!(scene.entry(&id(500), |entry| entry.alone), Some(true));
}

/// One with which AWS doesn't even say that it fails.
#[rstest]
#[case(json!({"effect": "drop"}), 1)]
#[case(json!({"effect": "drop"}), 3)]
#[tokio::test]
async fn one_with_which_aws_gives_no_answer_at_all_ends_alone_too(#[case] effect: Value, #[case] count: usize) {
    let mut scene = Scene::new(SECOND);
    let all = ids(0..ALL);
    let bad: Vec<BackupId> = (0..count).map(|n| id(n * ALL / count)).collect();
    let good: Vec<BackupId> = all.iter().filter(|id| !bad.contains(id)).copied().collect();
    scene.put(&all);
    spoil(&scene, &bad, &effect);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&good).await;
    isolated(&scene).await;
    scene.heal();
    scene.all_told(&bad).await;
}
