//! The line of those who wait to write.

use super::*;

const SLOW: Settings = Settings { resync: Duration::from_secs(600), rate: Rate { burst: 1, per_second: 2.0 } };

#[tokio::test]
async fn who_finds_no_token_is_told_when_there_is_one_for_it() {
    let mut scene = Scene::new(SLOW);
    let all = ids(0..4);
    scene.track(&all);
    for (n, id) in all.iter().enumerate() {
        let mut held = scene.inventory.hold(&scope(), id).await;
        assert_eq!(held.take_turn(), n == 0);
    }
    // The line is kept.
    for wanted in &all[1..] {
        let told = eventually("the next one is told", DEADLINE, async || {
            scene.told.try_recv().map(|changed| changed.backup_id).map_err(|error| error.to_string())
        })
        .await;
        assert_eq!(told, *wanted);
        let mut held = scene.inventory.hold(&scope(), wanted).await;
        assert!(held.has_work() && held.take_turn());
    }
}

#[tokio::test]
async fn a_pass_that_ends_to_wait_for_a_look_leaves_its_turn_to_the_next() {
    let scene = Scene::new(SLOW);
    scene.track(&ids(0..2));
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(held.take_turn());
    drop(held);
    let mut other = scene.inventory.hold(&scope(), &id(1)).await;
    assert!(!other.take_turn());
    drop(other);
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(held.take_turn(), "though others wait meanwhile");
}

#[tokio::test]
async fn a_turn_is_used_up_by_a_write() {
    let mut scene = Scene::new(SLOW);
    scene.put(&[id(0)]);
    scene.track(&ids(0..2));
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(held.take_turn());
    assert!(held.write(permit(&id(0), Call::DeleteBackup)).await.is_ok());
    drop(held);
    assert!(!scene.inventory.hold(&scope(), &id(1)).await.take_turn());
    assert!(!scene.inventory.hold(&scope(), &id(0)).await.take_turn());
    scene.all_told(&ids(0..2)).await;
}

#[tokio::test]
async fn one_in_the_line_that_is_forgotten_keeps_no_other_waiting() {
    let mut scene = Scene::new(SLOW);
    scene.track(&ids(0..3));
    for id in ids(0..3) {
        let _ = scene.inventory.hold(&scope(), &id).await.take_turn();
    }
    scene.inventory.forget(&scope(), &id(1));
    scene.all_told(&[id(2)]).await;
    assert_eq!(scene.entry(&id(1), |_| ()), None);
    // It comes back, and its place in the line isn't lost for ever.
    scene.track(&[id(1)]);
    if !scene.inventory.hold(&scope(), &id(1)).await.take_turn() {
        scene.all_told(&[id(1)]).await;
    }
}

#[tokio::test]
async fn a_turn_that_nobody_took_is_forgotten() {
    let scene = Scene::new(Settings { resync: Duration::from_secs(1), ..SLOW });
    scene.put(&[id(0)]);
    scene.track(&[id(0)]);
    let partition = scene.inventory.partition(&scope());
    let old = Instant::now().checked_sub(turns::KEPT + Duration::from_secs(1)).unwrap();
    partition.change(&id(0), |entry| entry.affair().turn = Some(old));
    let held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(!held.has_work());
    drop(held);
    assert_eq!(scene.entry(&id(0), |entry| entry.affair.is_some()), Some(false));
}
