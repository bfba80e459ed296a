//! The real SDK against a server that answers what a test tells it to.

mod answers;
mod failures;
mod identity;
mod server;
mod writes;

use std::time::{Duration, Instant};

use aws_credential_types::Credentials as Keys;
use aws_types::{SdkConfig, region::Region as SdkRegion, sdk_config::SharedCredentialsProvider};
use jiff::Timestamp;

use self::server::{Reply, Server};
use super::*;
use crate::{
    api::DesiredState,
    backup::{BackupId, BackupState, Call, FailureClass, Observation},
    decide::{Mode, Sight, Situation, Source, confirm},
    intent::{Intent, Memory},
};

const ID: &str = "backup-ro5c4er4aac";

fn id() -> BackupId {
    ID.parse().unwrap()
}

fn scope() -> Scope {
    Scope::of_operator(Region::new("us-east-1"))
}

/// Short, so that a test that waits for them is quick; long enough for a busy machine.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(2000),
        read: Duration::from_millis(1500),
        operation: Duration::from_millis(3000),
        call: Duration::from_millis(4000),
        credentials: Duration::from_millis(1000),
        account: Duration::from_millis(1000),
        account_pause: Duration::from_secs(60),
        region: Duration::from_secs(1),
    }
}

fn config(url: &str) -> aws_types::sdk_config::Builder {
    let keys = Keys::new("AKIA111122223333AAAA", "secret", None, None, "test");
    SdkConfig::builder()
        .endpoint_url(url)
        .region(SdkRegion::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
}

fn aws(server: &Server) -> Aws {
    Aws::with_limits(&config(&server.url()).build(), Metrics::default(), limits())
}

/// A whole look for one backup.
async fn look(aws: &Aws, scope: &Scope, id: &BackupId) -> Result<Observation, Failure> {
    let mut listing = Listing::of(vec![*id]);
    while aws.read_on(scope, &mut listing).await.map_err(|failed| failed.failure)? == Progress::More {}
    Ok(listing.take_found().pop().map_or(Observation::NotFound, |found| Observation::Found(Box::new(found))))
}

/// A permit as the operator gets it: through `confirm`.
fn permit(call: Call, valid_until: Instant) -> Permit {
    let (desired, state, never_expires) = match call {
        Call::DeleteBackup => (DesiredState::Deleted, BackupState::Ready, None),
        Call::RestoreBackup => (DesiredState::Present, BackupState::PendingDeletion, None),
        Call::ModifyBackupAttributes { never_expires } => {
            (DesiredState::Present, BackupState::Ready, Some(never_expires))
        }
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
    let mut backup = Backup::new(id(), state);
    backup.never_expires = never_expires.map(|wanted| !wanted);
    let now = Timestamp::now();
    let sight = Sight { observation: Observation::Found(Box::new(backup)), source: Source::Look(now) };
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &Memory::default(),
        conflict: false,
        restore_refused: false,
        mode: Mode::Full,
        now,
    };
    let permit = confirm(&situation, &intent, valid_until).unwrap();
    assert_eq!(permit.call(), call);
    permit
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn delete() -> Permit {
    permit(Call::DeleteBackup, soon())
}

#[track_caller]
fn failed(result: Result<Answer, WriteError>) -> Failure {
    match result {
        Err(WriteError::Failed(failure)) => failure,
        other => panic!("{other:?} is not a failure of AWS's"),
    }
}
