//! The AWS adapter over the real SDK against the emulator.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failure must end the test with its message"
)]

mod environment;
mod faults;
mod round_trips;

use std::time::{Duration, Instant};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::{SdkConfig, region::Region as SdkRegion};
use cloudhsm_backup_operator::{
    api::DesiredState,
    aws::{Answer, Aws, Listing, Progress, WriteError},
    backup::{Backup, BackupId, BackupState, Call, Failure, Observation, Region, Scope},
    decide::{Mode, Permit, Sight, Situation, Source, confirm},
    intent::{Intent, Memory},
    metrics::Metrics,
};
use cloudhsm_emulator::{Emulator, Options};
use jiff::Timestamp;
use serde_json::{Value, json};

const ID: &str = "backup-ro5c4er4aac";
const ACCOUNT: &str = "444455556666";

/// A whole look for one backup.
async fn look(aws: &Aws, scope: &Scope, id: &BackupId) -> Result<Observation, Failure> {
    let mut listing = Listing::of(vec![*id]);
    while aws.read_on(scope, &mut listing).await.map_err(|failed| failed.failure)? == Progress::More {}
    Ok(listing.take_found().pop().map_or(Observation::NotFound, |found| Observation::Found(Box::new(found))))
}

struct Bench {
    emulator: Emulator,
    aws: Aws,
}

impl Bench {
    /// An emulator that holds these backups in the account and region that are looked in.
    fn with(backups: Value) -> Self {
        let emulator = Emulator::start(Options::default()).unwrap();
        let backups = backups.as_array().unwrap().iter().cloned().map(|mut backup| {
            backup["Account"] = ACCOUNT.into();
            backup["Region"] = "eu-central-1".into();
            backup
        });
        emulator.put_backups(backups.collect()).unwrap();
        let keys = Credentials::new(format!("AKIA{ACCOUNT}AAAA"), "secret", None, None, "test");
        let config = SdkConfig::builder()
            .endpoint_url(emulator.url())
            .region(SdkRegion::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        Self { aws: Aws::new(&config, Metrics::default()), emulator }
    }

    fn ready() -> Self {
        Self::with(json!([{"BackupId": ID, "BackupState": "READY", "ClusterId": "cluster-dygnwhmscg5"}]))
    }

    async fn look(&self) -> Result<Observation, Failure> {
        look(&self.aws, &scope(), &id()).await
    }

    async fn found(&self) -> Backup {
        match self.look().await.unwrap() {
            Observation::Found(backup) => *backup,
            Observation::NotFound => panic!("AWS doesn't show the backup"),
        }
    }

    /// What is found leads to the call, or the test fails: there is no other way to a permit.
    async fn permit(&self, call: Call) -> Permit {
        permit(call, self.found().await)
    }

    async fn write(&self, call: Call) -> Result<Answer, WriteError> {
        self.aws.write(self.permit(call).await).await
    }

    async fn failing_write(&self, call: Call) -> Failure {
        match self.write(call).await {
            Err(WriteError::Failed(failure)) => failure,
            other => panic!("{other:?} is not a failure of AWS's"),
        }
    }

    /// The requests for an operation, in the order in which they came.
    fn requests(&self, operation: &str) -> Vec<Value> {
        self.emulator.requests(0).into_iter().filter(|request| request["op"] == operation).collect()
    }
}

fn id() -> BackupId {
    ID.parse().unwrap()
}

fn scope() -> Scope {
    Scope::of_operator(Region::new("eu-central-1"))
}

fn permit(call: Call, found: Backup) -> Permit {
    let (desired, never_expires) = match call {
        Call::DeleteBackup => (DesiredState::Deleted, None),
        Call::RestoreBackup => (DesiredState::Present, None),
        Call::ModifyBackupAttributes { never_expires } => (DesiredState::Present, Some(never_expires)),
    };
    let intent = Intent {
        uid: "uid".to_owned(),
        generation: 1,
        scope: Some(scope()),
        backup_id: id(),
        desired,
        never_expires,
        suspend: false,
        deleting: false,
    };
    let now = Timestamp::now();
    let sight = Sight { observation: Observation::Found(Box::new(found)), source: Source::Look(now) };
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &Memory::default(),
        conflict: false,
        restore_refused: false,
        mode: Mode::Full,
        now,
    };
    let permit = confirm(&situation, &intent, Instant::now() + Duration::from_secs(5)).unwrap();
    assert_eq!(permit.call(), call);
    permit
}

fn state(word: &str) -> BackupState {
    BackupState::from(word)
}
