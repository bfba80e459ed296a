//! What of a look ends up in the status, and what conditions follow.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rstest::rstest;

use super::*;
use crate::{
    api::Progress,
    backup::{Backup, Call, Region, Scope},
};

const ID: &str = "backup-ro5c4er4aac";
const ARN: &str = "arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    moment("2026-11-24T12:00:00Z")
}

fn later() -> Timestamp {
    now() + SignedDuration::from_secs(3_600)
}

fn end() -> Timestamp {
    moment("2026-11-30T08:00:05Z")
}

fn intent(desired: DesiredState) -> Intent {
    Intent {
        uid: "uid-1".into(),
        generation: 7,
        scope: Some(Scope::of_operator(Region::new("us-east-1"))),
        backup_id: ID.parse().unwrap(),
        desired,
        never_expires: None,
        suspend: false,
        deleting: false,
    }
}

fn present() -> Intent {
    intent(DesiredState::Present)
}

fn deleted() -> Intent {
    intent(DesiredState::Deleted)
}

/// A backup of a cluster, with all that AWS may say about one.
fn backup(word: &str) -> Backup {
    Backup {
        id: ID.parse().unwrap(),
        state: word.into(),
        arn: Some(ARN.into()),
        cluster_id: Some("cluster-dygnwhmscg5".into()),
        create_timestamp: Some(moment("2026-11-01T03:12:44.987654321Z")),
        copy_timestamp: Some(moment("2026-11-02T03:12:44.5Z")),
        delete_timestamp: (word == "PENDING_DELETION" || word == "DELETED").then(|| moment("2026-11-30T08:00:05.999Z")),
        never_expires: Some(false),
        source_region: Some("eu-central-1".into()),
        source_backup: Some("backup-abcdefghijk".into()),
        source_cluster: Some("cluster-aaaaaaaaaaa".into()),
        hsm_type: Some("hsm2m.medium".into()),
        mode: Some("FIPS".into()),
        tags: BTreeMap::from([("team".into(), "payments".into())]),
    }
}

fn found(backup: Backup) -> Observation {
    Observation::Found(Box::new(backup))
}

fn shown(word: &str) -> Observation {
    found(backup(word))
}

/// A status after a look that showed this.
fn after(word: &str) -> CloudHsmBackupStatus {
    mirror(&CloudHsmBackupStatus::default(), &present(), &shown(word))
}

fn verdict(reason: Reason) -> Verdict {
    let ready = if reason.is_ready() { "True" } else { "False" };
    Verdict { reason, ready, message: format!("about {}", reason.as_str()) }
}

fn concluded(status: CloudHsmBackupStatus, reason: Reason) -> CloudHsmBackupStatus {
    conclude(status, &verdict(reason), 7, None, now())
}

fn reread(status: &CloudHsmBackupStatus) -> CloudHsmBackupStatus {
    serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap()
}

mod concluding;
mod failing;
mod mirroring;
mod starting;
mod transitions;
