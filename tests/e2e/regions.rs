//! Many regions, of which one may be down.

use serde_json::json;
use test_support::{DEADLINE, Operator, eventually};

use crate::{
    probes::series,
    world::{ACCOUNT, World, id, ready},
};

const REGIONS: [&str; 10] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "ap-south-1",
    "sa-east-1",
    "ca-central-1",
];
const EACH: usize = 4;
/// The one that is down.
const DOWN: usize = 3;

fn name(region: usize, n: usize) -> String {
    format!("object-{region}-{n}")
}

async fn swept(operator: &Operator, region: &str) -> Vec<String> {
    let lines = series(operator, "cloudhsm_backup_sweep_").await;
    lines.into_iter().filter(|line| line.contains(&format!("region=\"{region}\""))).collect()
}

#[tokio::test]
async fn a_region_that_is_down_slows_no_other_and_each_has_its_own_metrics() {
    for effect in [json!({"effect": "delay", "delay_seconds": 40}), json!({"effect": "drop"})] {
        let world = World::new("regions-down").await;
        for (r, region) in REGIONS.iter().enumerate() {
            for n in 0..EACH {
                world.backup(&id(r * EACH + n), "READY", json!({"Region": region}));
            }
        }
        for n in 0..EACH {
            let mut fault = effect.clone();
            fault["op"] = json!("DescribeBackups");
            fault["times"] = json!(-1);
            fault["backup_id"] = json!(id(DOWN * EACH + n));
            world.fault(fault);
        }
        let operator = ready(world.operator().start()).await;
        for (r, region) in REGIONS.iter().enumerate() {
            for n in 0..EACH {
                world.declare(&name(r, n), &id(r * EACH + n), "Present", json!({"region": region})).await;
            }
        }
        let up = || (0..REGIONS.len()).filter(|region| *region != DOWN);
        for r in up() {
            world.reason(&name(r, 0), "Available").await;
        }
        for n in 0..EACH {
            world.reason(&name(DOWN, n), "AwsUnavailable").await;
        }
        // Flips elsewhere are acted on while it hangs, and with one request each more than a look.
        for r in up() {
            world.edit(&name(r, 1), json!({"desiredState": "Deleted"})).await;
        }
        for r in up() {
            world.reason(&name(r, 1), "PendingDeletion").await;
        }
        for r in up() {
            eventually("its sweep shows", DEADLINE, async || {
                let lines = swept(&operator, REGIONS[r]).await;
                let labels = format!("{{account=\"{ACCOUNT}\",region=\"{}\"}}", REGIONS[r]);
                let all = ["age_seconds", "pages", "duration_seconds"]
                    .map(|what| format!("cloudhsm_backup_sweep_{what}{labels} "))
                    .iter()
                    .all(|start| lines.iter().any(|line| line.starts_with(start)));
                let one = lines.contains(&format!("cloudhsm_backup_sweep_pages{labels} 1.0"));
                if all && one && lines.len() == 3 { Ok(()) } else { Err(format!("{lines:?}")) }
            })
            .await;
        }

        world.heal();
        for n in 0..EACH {
            world.reason(&name(DOWN, n), "Available").await;
        }
        // The last object of a region goes, and its series with it.
        for n in 0..EACH {
            assert!(world.kubectl(&["delete", "chb", &name(4, n)]).await.status.success());
        }
        eventually("the series of the region go", DEADLINE, async || {
            let lines = swept(&operator, REGIONS[4]).await;
            if lines.is_empty() { Ok(()) } else { Err(format!("{lines:?}")) }
        })
        .await;
        assert_eq!(swept(&operator, REGIONS[5]).await.len(), 3);
    }
}
