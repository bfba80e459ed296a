//! The inventory on an emulated AWS, without Kubernetes: what it asks, what it tells, and what it lets go of.

mod asks;
mod bad_ids;
mod endless;
mod sweeps;
mod writes;

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_types::{SdkConfig, region::Region as SdkRegion, sdk_config::SharedCredentialsProvider};
use cloudhsm_emulator::{Emulator, Options};
use jiff::Timestamp;
use serde_json::{Value, json};
use test_support::{DEADLINE, eventually};

use super::*;
use crate::{
    api::DesiredState,
    backup::{Backup, BackupState, Call, Observation},
    decide::{Mode, Permit, Sight, Situation, Source, confirm},
    intent::{Intent, Memory},
};

/// Between two looks at how far a sweep is.
const PAUSE: Duration = Duration::from_millis(10);

/// Enough for everything.
const FAST: Rate = Rate { burst: 1_000, per_second: 1_000.0 };

/// A sweep each second, and as many requests as it likes.
const SECOND: Settings = Settings { resync: Duration::from_secs(1), rate: FAST };

/// No sweep that a test waits for.
const NEVER: Settings = Settings { resync: Duration::from_secs(600), rate: FAST };

struct Scene {
    emulator: Emulator,
    inventory: Inventory,
    told: UnboundedReceiver<Changed>,
    metrics: Metrics,
}

fn scope() -> Scope {
    Scope::of_operator(Region::new("us-east-1"))
}

/// The `n`-th backup's id.
fn id(n: usize) -> BackupId {
    let letter = |power: u32| char::from(b'a' + u8::try_from(n / 26_usize.pow(power) % 26).unwrap());
    format!("backup-aaaaaaaa{}{}{}", letter(2), letter(1), letter(0)).parse().unwrap()
}

fn ids(range: std::ops::Range<usize>) -> Vec<BackupId> {
    range.map(id).collect()
}

impl Scene {
    fn new(settings: Settings) -> Self {
        let emulator = Emulator::start(Options::default()).unwrap();
        let keys = Credentials::new("AKIA111122223333AAAA", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .endpoint_url(emulator.url())
            .region(SdkRegion::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        let metrics = Metrics::new();
        let aws = Aws::new(&config, metrics.clone());
        let (inventory, told) = Inventory::new(aws, Clock::system(), metrics.clone(), Liveness::default(), settings);
        Self { emulator, inventory, told, metrics }
    }

    /// Puts READY backups into AWS.
    fn put(&self, ids: &[BackupId]) {
        let backups: Vec<Value> =
            ids.iter().map(|id| json!({"BackupId": id.as_str(), "NeverExpires": false})).collect();
        self.emulator.put_backups(json!(backups)).unwrap();
    }

    fn track(&self, ids: &[BackupId]) {
        for id in ids {
            self.inventory.track(&scope(), id);
        }
    }

    fn fault(&self, fault: Value) {
        self.emulator.push_faults(json!([fault])).unwrap();
    }

    fn heal(&self) {
        self.emulator.control("DELETE", "/_control/faults", None).unwrap();
    }

    /// The ids of each look so far, from the `since`-th on; `None` for a listing.
    fn looks(&self, since: usize) -> Vec<Option<Vec<String>>> {
        let requests = self.emulator.requests(0);
        let looks = requests.iter().filter(|request| request["op"] == "DescribeBackups").skip(since);
        let of = |request: &Value| {
            let ids = request["input"]["Filters"]["backupIds"].as_array()?;
            Some(ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect())
        };
        looks.map(of).collect()
    }

    fn count(&self) -> usize {
        self.looks(0).len()
    }

    /// Who has been told since this was asked last.
    fn told(&mut self) -> Vec<BackupId> {
        std::iter::from_fn(|| self.told.try_recv().ok()).map(|changed| changed.backup_id).collect()
    }

    /// Waits until all of these have been told.
    async fn all_told(&mut self, ids: &[BackupId]) {
        let mut missing: BTreeSet<BackupId> = ids.iter().copied().collect();
        eventually("all are told", DEADLINE, async || {
            for told in self.told() {
                missing.remove(&told);
            }
            if missing.is_empty() { Ok(()) } else { Err(format!("{} are missing: {missing:?}", missing.len())) }
        })
        .await;
    }

    /// When the last complete sweep ended, as the metrics tell.
    fn swept(&self) -> Option<Instant> {
        let text = self.metrics.render().unwrap();
        let value = |name: &str| text.lines().find(|line| line.starts_with(name))?.rsplit(' ').next()?.parse().ok();
        value("cloudhsm_backup_sweep_pages")?;
        Instant::now().checked_sub(Duration::from_secs_f64(value("cloudhsm_backup_sweep_age_seconds")?))
    }

    /// Waits for the end of that many sweeps.
    async fn sweeps(&self, more: usize) {
        for _ in 0..more {
            let before = self.swept();
            // Found before the next sweep begins: both are in one thread.
            let after = async {
                while self.swept().is_none_or(|end| before.is_some_and(|before| end < before + PAUSE * 2)) {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            tokio::time::timeout(DEADLINE, after).await.expect("a sweep comes to an end");
        }
    }

    /// What a pass does that has taken in what there is to know.
    async fn rest(&self, ids: &[BackupId]) {
        for id in ids {
            self.inventory.hold(&scope(), id).await.rest(false);
        }
    }

    async fn look(&self, id: &BackupId) -> (bool, Option<Observation>) {
        let mut held = self.inventory.hold(&scope(), id).await;
        let answered = held.look(DEADLINE).await;
        (answered && held.failed().is_none(), held.sight().map(|sight| sight.observation))
    }

    fn entry<T>(&self, id: &BackupId, read: impl FnOnce(&entry::Entry) -> T) -> Option<T> {
        self.inventory.partition(&scope()).read(id, read)
    }
}

/// A permit as the operator gets it: through `confirm`.
fn permit(id: &BackupId, call: Call) -> Permit {
    let (desired, state) = match call {
        Call::RestoreBackup => (DesiredState::Present, BackupState::PendingDeletion),
        _ => (DesiredState::Deleted, BackupState::Ready),
    };
    let intent = Intent {
        uid: "uid".to_owned(),
        generation: 1,
        scope: Some(scope()),
        backup_id: *id,
        desired,
        never_expires: None,
        suspend: false,
        deleting: false,
    };
    let now = Timestamp::now();
    let observation = Observation::Found(Box::new(Backup::new(*id, state)));
    let sight = Sight { observation, source: Source::Look(now) };
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &Memory::default(),
        conflict: false,
        restore_refused: false,
        mode: Mode::Full,
        now,
    };
    confirm(&situation, &intent, Instant::now() + Duration::from_secs(5)).unwrap()
}
