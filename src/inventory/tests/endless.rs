//! What must not go on for ever: looks for what can't be looked at, and memory of what is over.

use super::*;

/// Checks that no more than so many looks are made within that time.
async fn at_most(scene: &Scene, looks: usize, within: Duration) {
    let before = scene.count();
    tokio::time::sleep(within).await;
    let made = scene.count() - before;
    assert!(made <= looks, "{made} looks in {within:?}");
}

/// Writes, as a pass does.
async fn delete(scene: &Scene, id: &BackupId) {
    let mut held = scene.inventory.hold(&scope(), id).await;
    assert!(held.look(DEADLINE).await);
    let _ = held.write(permit(id, Call::DeleteBackup)).await;
    held.rest(false);
}

#[tokio::test]
async fn a_backup_that_is_forgotten_while_a_look_for_it_is_due_is_not_looked_for_for_ever() {
    let scene = Scene::new(SECOND);
    scene.put(&ids(0..2));
    scene.track(&ids(0..2));
    scene.fault(json!({"op": "DeleteBackup", "effect": "applied_drop"}));
    // A pass is at work on it while its object goes.
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(held.look(DEADLINE).await);
    assert!(held.write(permit(&id(0), Call::DeleteBackup)).await.is_err());
    scene.inventory.forget(&scope(), &id(0));
    drop(held);
    scene.inventory.start();
    scene.sweeps(3).await;
    assert_eq!(scene.entry(&id(0), |_| ()), None);
    // Three sweeps and perhaps a fourth.
    at_most(&scene, 4, Duration::from_secs(3)).await;
    let partition = scene.inventory.partition(&scope());
    assert!(partition.entries().follow_ups.is_empty());
}

#[tokio::test]
async fn a_write_whose_backup_then_only_fails_to_be_looked_at_leads_to_few_looks() {
    let scene = Scene::new(SECOND);
    let all = ids(0..20);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.sweeps(1).await;
    scene.emulator.behaviour(json!({"describe_lag_seconds": 600})).unwrap();
    delete(&scene, &id(0)).await;
    scene.fault(json!({"op": "DescribeBackups", "backup_id": id(0).as_str(), "times": -1, "status": 500}));
    eventually("it is looked at alone", DEADLINE, async || {
        if scene.entry(&id(0), |entry| entry.alone) == Some(true) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    // Two looks for a sweep, and a few after the write.
    at_most(&scene, 5 * 2 + 2 + 4, Duration::from_secs(5)).await;
}

#[tokio::test]
async fn looks_after_a_write_come_after_2_4_8_seconds_until_it_is_shown() {
    let mut scene = Scene::new(NEVER);
    scene.put(&ids(0..2));
    scene.track(&ids(0..2));
    scene.inventory.start();
    scene.all_told(&ids(0..2)).await;
    scene.emulator.behaviour(json!({"describe_lag_seconds": 600})).unwrap();
    delete(&scene, &id(0)).await;
    let written = Instant::now();
    let mut before = scene.count();
    let mut at = Vec::new();
    while at.len() < 3 {
        eventually(
            "another look",
            DEADLINE,
            async || {
                if scene.count() > before { Ok(()) } else { Err("not yet".to_owned()) }
            },
        )
        .await;
        before = scene.count();
        at.push(written.elapsed().as_secs_f64());
    }
    for (at, wanted) in at.iter().zip([2.0, 6.0, 14.0]) {
        assert!((wanted - 0.3..wanted + 2.5).contains(at), "{at} instead of {wanted}");
    }
    let _ = scene.told();
    scene.emulator.advance(601.0).unwrap();
    // It is told once AWS shows it, though that is what its objects know.
    scene.all_told(&[id(0)]).await;
    let partition = scene.inventory.partition(&scope());
    assert!(partition.entries().follow_ups.is_empty());
}

#[tokio::test]
async fn what_is_over_is_let_go_of() {
    let mut scene = Scene::new(SECOND);
    let all = ids(0..200);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    for id in &all {
        let (answered, _) = scene.look(id).await;
        assert!(answered);
    }
    scene.rest(&all).await;
    scene.sweeps(2).await;
    let partition = scene.inventory.partition(&scope());
    for id in &all {
        let left = partition.read(id, |entry| (entry.hold.is_some(), entry.affair.is_some(), entry.sight.is_some()));
        assert_eq!(left, Some((false, false, false)));
    }
    for id in &all {
        scene.inventory.forget(&scope(), id);
    }
    assert!(partition.entries().by_id.is_empty());
    // A pass that comes too late leaves nothing either.
    drop(scene.inventory.hold(&scope(), &id(0)).await);
    scene.track(&[id(1)]);
    scene.sweeps(2).await;
    // The scope was let go of meanwhile, with all that was in it.
    assert!(partition.entries().by_id.is_empty());
    assert_eq!(scene.inventory.partition(&scope()).entries().by_id.len(), 1);
}

#[tokio::test]
async fn a_scope_in_which_nothing_is_left_is_let_go_of() {
    let scene = Scene::new(NEVER);
    scene.inventory.start();
    for n in 0..20 {
        let elsewhere = Scope::of_operator(Region::new(format!("xx-nowhere-{n}")));
        scene.inventory.track(&elsewhere, &id(n));
        scene.inventory.forget(&elsewhere, &id(n));
        scene.inventory.forget(&elsewhere, &id(n));
    }
    assert!(scene.inventory.partitions().by_scope.is_empty());
}

#[tokio::test]
async fn a_write_that_no_look_has_shown_yet_outlives_its_object() {
    let mut scene = Scene::new(SECOND);
    scene.put(&ids(0..2));
    scene.track(&ids(0..2));
    scene.inventory.start();
    scene.all_told(&ids(0..2)).await;
    scene.emulator.behaviour(json!({"describe_lag_seconds": 600})).unwrap();
    delete(&scene, &id(0)).await;
    scene.inventory.forget(&scope(), &id(0));
    scene.sweeps(2).await;
    scene.track(&[id(0)]);
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(held.look(DEADLINE).await);
    let sight = held.sight().unwrap();
    assert_eq!(sight.source, Source::Answer, "{sight:?}");
    assert_eq!(sight.observation.backup().unwrap().state, BackupState::PendingDeletion);
}
