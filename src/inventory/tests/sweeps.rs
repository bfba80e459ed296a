//! What a sweep costs, which way it goes, and what it proves.

use super::*;

/// The looks of each of the next sweeps.
async fn costs(scene: &Scene, sweeps: usize) -> Vec<usize> {
    let mut costs = Vec::new();
    scene.sweeps(1).await;
    for _ in 0..sweeps {
        let before = scene.count();
        scene.sweeps(1).await;
        costs.push(scene.count() - before);
    }
    costs
}

#[tokio::test]
async fn a_sweep_costs_a_page_per_fifty_and_tells_of_what_has_changed_and_of_nothing_else() {
    let mut scene = Scene::new(SECOND);
    let all = ids(0..120);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    scene.rest(&all).await;
    assert_eq!(costs(&scene, 3).await, [3, 3, 3]);
    assert_eq!(scene.told(), []);

    scene.emulator.put_backups(json!([{"BackupId": id(7).as_str(), "BackupState": "PENDING_DELETION"}])).unwrap();
    scene.emulator.delete_backup(id(8).as_str()).unwrap();
    scene.sweeps(2).await;
    let mut told = scene.told();
    told.sort();
    assert_eq!(told, [id(7), id(8)]);
    assert_eq!(scene.entry(&id(9), |entry| entry.sight.is_some()), Some(false), "what nobody is told isn't kept");
    scene.sweeps(1).await;
    assert_eq!(scene.told(), [], "once is enough");
}

#[tokio::test]
async fn a_listing_is_chosen_where_it_is_cheaper_and_costs_one_page_more_at_most_where_it_is_not() {
    let mut scene = Scene::new(SECOND);
    let (all, known, foreign) = (ids(0..120), ids(0..10), ids(1_000..1_500));
    scene.put(&known);
    scene.track(&all);
    scene.inventory.start();
    scene.all_told(&all).await;
    scene.rest(&all).await;
    assert_eq!(costs(&scene, 3).await, [1, 1, 1]);
    scene.put(&foreign);
    scene.sweeps(1).await;
    let costs_then = costs(&scene, 3).await;
    assert!(costs_then.iter().all(|cost| *cost <= 4), "{costs_then:?}");
    assert_eq!(costs_then.last(), Some(&3), "a listing that held too much isn't tried each time");
    scene.emulator.put_backups(json!([{"BackupId": id(3).as_str(), "BackupState": "PENDING_DELETION"}])).unwrap();
    scene.sweeps(2).await;
    assert_eq!(scene.told(), [id(3)], "and nobody was told of what didn't change");

    for id in &foreign {
        scene.emulator.delete_backup(id.as_str()).unwrap();
    }
    eventually("a listing is tried again once it may be cheaper", DEADLINE, async || {
        let cost = costs(&scene, 1).await;
        if cost == [1] { Ok(()) } else { Err(format!("{cost:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_listing_that_breaks_off_or_cannot_be_read_proves_no_absence() {
    for fault in [
        json!({"effect": "drop"}),
        json!({"effect": "malformed"}),
        json!({"code": "CloudHsmInvalidRequestException", "status": 400}),
        json!({"code": "ThrottlingException", "status": 400}),
    ] {
        for page in 0..2 {
            let mut scene = Scene::new(SECOND);
            let (all, known) = (ids(0..200), ids(0..60));
            scene.put(&known);
            scene.track(&all);
            scene.inventory.start();
            scene.all_told(&all).await;
            scene.rest(&all).await;
            assert_eq!(costs(&scene, 1).await, [2], "two pages list it all");
            let mut fault = fault.clone();
            fault["op"] = json!("DescribeBackups");
            fault["after"] = json!(page);
            scene.fault(fault.clone());
            eventually("the fault has struck", DEADLINE, async || {
                if scene.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
            })
            .await;
            scene.sweeps(2).await;
            assert_eq!(scene.told(), [], "{fault}: nothing has changed");
        }
    }
}

#[tokio::test]
async fn what_was_looked_at_since_the_sweep_began_is_not_asked_for_again() {
    let scene = Scene::new(Settings { rate: Rate { burst: 2, per_second: 4.0 }, ..SECOND });
    let all = ids(0..120);
    scene.put(&all);
    scene.track(&all);
    scene.inventory.start();
    scene.sweeps(1).await;
    eventually("a sweep is under way", DEADLINE, async || match scene.count() % 3 {
        1 => Ok(()),
        rest => Err(format!("{rest}")),
    })
    .await;
    let before = scene.count();
    let (answered, _) = scene.look(&id(0)).await;
    assert!(answered);
    scene.sweeps(1).await;
    let asked: Vec<String> = scene.looks(before).into_iter().flatten().flatten().collect();
    let own = asked.iter().filter(|asked| *asked == id(0).as_str()).count();
    // Its page may have been the one before.
    assert_eq!(own, 1, "{asked:?}");
}

#[tokio::test]
async fn a_scope_that_nobody_names_any_more_costs_nothing_and_shows_nothing() {
    let scene = Scene::new(SECOND);
    scene.put(&[id(0)]);
    scene.track(&[id(0)]);
    scene.inventory.start();
    scene.sweeps(1).await;
    let series = |scene: &Scene| {
        let text = scene.metrics.render().unwrap();
        text.lines().filter(|line| line.starts_with("cloudhsm_backup_sweep_")).count()
    };
    assert_eq!(series(&scene), 3);
    scene.inventory.forget(&scope(), &id(0));
    eventually("its series go", DEADLINE, async || match series(&scene) {
        0 => Ok(()),
        count => Err(format!("{count}")),
    })
    .await;
    let before = scene.count();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(scene.count(), before);
    assert_eq!(scene.entry(&id(0), |_| ()), None);
    scene.track(&[id(0)]);
    scene.sweeps(1).await;
    assert_eq!(series(&scene), 3);
}

#[tokio::test]
async fn a_stopped_inventory_looks_at_nothing_by_itself_and_still_answers() {
    let scene = Scene::new(SECOND);
    let all = ids(0..120);
    scene.put(&all);
    scene.track(&all);
    scene.emulator.behaviour(json!({"latency_ms": 200})).unwrap();
    scene.inventory.start();
    eventually(
        "a sweep is under way",
        DEADLINE,
        async || {
            if scene.count() >= 1 { Ok(()) } else { Err("not yet".to_owned()) }
        },
    )
    .await;
    scene.inventory.stop();
    let (answered, shown) = scene.look(&id(0)).await;
    assert!(answered && shown.is_some());
    let before = scene.count();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(scene.count(), before);
}
