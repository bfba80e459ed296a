//! Everything at once: flips, failures of all kinds, lost answers and kills. What is claimed stays true, and it ends as declared.

use std::sync::Arc;

use serde_json::json;

use crate::{
    sampler::Sampler,
    world::{World, id},
};

const OBJECTS: usize = 4;
const STEPS: usize = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flips_failures_lost_answers_and_kills_together_end_as_declared_and_nothing_is_claimed_falsely() {
    let world = Arc::new(World::new("chaos").await);
    let mut dice = Dice(20_261_125);
    let mut desired = ["Present"; OBJECTS];
    for (n, desired) in desired.iter().enumerate() {
        world.backup(&id(n), "READY", json!({}));
        world.declare(&name(n), &id(n), desired, json!({})).await;
    }
    let mut operator = world.started().await;
    for n in 0..OBJECTS {
        world.reason(&name(n), "Available").await;
    }
    let sampler = Sampler::start(&world, (0..OBJECTS).map(|n| (name(n), id(n))).collect());
    for _ in 0..STEPS {
        match dice.throw(10) {
            0 => {
                operator.kill();
                drop(operator);
                operator = world.started().await;
            }
            1..4 => fault(&world, &mut dice),
            4 => world.heal(),
            5..7 => {
                let n = dice.throw(OBJECTS);
                let looks = world.looks();
                world.ask(&name(n), &format!("after {looks} looks")).await;
                world.answered(&name(n), &format!("after {looks} looks")).await;
            }
            _ => {
                let n = dice.throw(OBJECTS);
                desired[n] = if desired[n] == "Present" { "Deleted" } else { "Present" };
                world.edit(&name(n), json!({"desiredState": desired[n]})).await;
            }
        }
        assert!(operator.try_exit().is_none());
    }
    world.heal();
    for (n, desired) in desired.into_iter().enumerate() {
        let (reason, state) =
            if desired == "Present" { ("Available", "READY") } else { ("PendingDeletion", "PENDING_DELETION") };
        world.reason(&name(n), reason).await;
        assert_eq!(world.state(&id(n)), state);
    }
    assert!(sampler.stop().await > 0, "something was claimed in between");
    let writes = world.writes().len();
    world.more_looks(2 * OBJECTS).await;
    assert_eq!(world.writes().len(), writes);
    accepted_once(&world);
}

/// AWS goes wrong in one of its ways, once or a few times, for one backup or all.
fn fault(world: &World, dice: &mut Dice) {
    let op = ["*", "DescribeBackups", "DeleteBackup", "RestoreBackup", "DeleteBackup"][dice.throw(5)];
    let effect = ["error", "drop", "malformed", "applied_drop", "applied_error", "applied_malformed"][dice.throw(6)];
    let mut fault = json!({"op": op, "times": 1 + dice.throw(3), "effect": effect});
    if effect == "error" {
        let codes = ["CloudHsmInternalFailureException", "ThrottlingException", "AccessDeniedException"];
        fault["code"] = json!(codes[dice.throw(3)]);
    }
    if dice.throw(2) == 0 {
        fault["backup_id"] = json!(id(dice.throw(OBJECTS)));
    }
    world.fault(fault);
}

/// No backup was deleted, or restored, twice in a row: of two such calls AWS refuses the second.
fn accepted_once(world: &World) {
    for n in 0..OBJECTS {
        let refused = world.emulator.requests(0).into_iter().filter(|request| {
            let write = request["op"] == "DeleteBackup" || request["op"] == "RestoreBackup";
            write && request["input"]["BackupId"] == id(n) && request["code"] == "CloudHsmInvalidRequestException"
        });
        let refused: Vec<_> = refused.collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}

fn name(n: usize) -> String {
    format!("object-{n}")
}

/// The same numbers in every run, so that a failure can be found again.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        // Knuth's MMIX.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}
