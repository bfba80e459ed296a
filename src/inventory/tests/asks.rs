//! Looks that somebody waits for.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn the_first_goes_out_at_once_and_those_that_come_meanwhile_share_the_next() {
    let scene = Scene::new(NEVER);
    let all = ids(0..100);
    scene.put(&all);
    scene.track(&all);
    scene.emulator.behaviour(json!({"latency_ms": 300})).unwrap();
    let partition = scene.inventory.partition(&scope());
    let first = partition.ask(&id(0));
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let rest: Vec<_> = all[1..].iter().map(|id| partition.ask(id)).collect();
    assert!(first.await.is_ok());
    assert!(join_all(rest).await.iter().all(Result::is_ok));
    let looks: Vec<Vec<String>> = scene.looks(0).into_iter().map(Option::unwrap).collect();
    let sizes: Vec<usize> = looks.iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, 50, 49]);
    let distinct: BTreeSet<&String> = looks.iter().flatten().collect();
    assert_eq!(distinct.len(), 100);
}

#[tokio::test]
async fn who_asks_while_a_look_for_the_same_backup_is_under_way_gets_one_that_is_sent_later() {
    let scene = Scene::new(NEVER);
    scene.put(&[id(0)]);
    scene.track(&[id(0)]);
    scene.emulator.behaviour(json!({"latency_ms": 500})).unwrap();
    let partition = scene.inventory.partition(&scope());
    let first = partition.ask(&id(0));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = Instant::now();
    // Five who ask for the same share one look.
    let later: Vec<_> = (0..5).map(|_| partition.ask(&id(0))).collect();
    assert!(first.await.is_ok());
    assert!(scene.entry(&id(0), |entry| entry.looked.unwrap() < asked).unwrap());
    assert!(join_all(later).await.iter().all(Result::is_ok));
    assert!(scene.entry(&id(0), |entry| entry.looked.unwrap() > asked).unwrap());
    assert_eq!(scene.looks(0).into_iter().map(Option::unwrap).collect::<Vec<_>>(), vec![vec![id(0).to_string()]; 2]);
}

#[tokio::test]
async fn a_look_that_hangs_keeps_no_other_waiting_for_longer_than_a_second() {
    let scene = Scene::new(NEVER);
    let all = ids(0..20);
    scene.put(&all);
    scene.track(&all);
    scene.fault(json!({"op": "DescribeBackups", "backup_id": id(0).as_str(), "times": -1, "effect": "delay", "delay_seconds": 5}));
    let partition = scene.inventory.partition(&scope());
    let mut hanging = partition.ask(&id(0));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let others: Vec<_> = all[1..].iter().map(|id| partition.ask(id)).collect();
    tokio::time::timeout(Duration::from_secs(4), join_all(others)).await.unwrap();
    assert!(hanging.try_recv().is_err());
    assert!(hanging.await.is_ok());
}

#[tokio::test]
async fn who_is_forgotten_while_a_look_is_under_way_is_not_told_and_leaves_nothing_behind() {
    let mut scene = Scene::new(NEVER);
    scene.put(&ids(0..2));
    scene.track(&ids(0..2));
    scene.emulator.behaviour(json!({"latency_ms": 400})).unwrap();
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(!held.look(Duration::from_millis(100)).await);
    drop(held);
    scene.inventory.forget(&scope(), &id(0));
    let (answered, _) = scene.look(&id(1)).await;
    assert!(answered);
    assert_eq!(scene.told(), [id(1)]);
    assert_eq!(scene.entry(&id(0), |_| ()), None);

    // One that comes back isn't told what was seen before it came to be asked for, as if it were the answer.
    scene.track(&[id(0)]);
    let asked = Instant::now();
    let mut held = scene.inventory.hold(&scope(), &id(0)).await;
    assert!(!held.has_looked());
    assert!(held.look(DEADLINE).await && held.has_looked_since(asked));
}

#[tokio::test]
async fn who_gives_up_waiting_is_told_when_the_answer_is_there() {
    let mut scene = Scene::new(NEVER);
    scene.put(&[id(0)]);
    scene.track(&[id(0)]);
    scene.emulator.behaviour(json!({"latency_ms": 300})).unwrap();
    for _ in 0..2 {
        let mut held = scene.inventory.hold(&scope(), &id(0)).await;
        assert!(!held.look(Duration::from_millis(50)).await);
        drop(held);
        scene.all_told(&[id(0)]).await;
        let held = scene.inventory.hold(&scope(), &id(0)).await;
        assert!(held.has_work() && held.sight().is_some());
        drop(held);
        scene.rest(&[id(0)]).await;
    }
}
