//! The pure parts, which run for every object and every look, alone: time and allocations. divan counts the allocations in the
//! same runs it times.

#![allow(clippy::expect_used, reason = "a bench that can't go on ends with its message")]

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use cloudhsm_backup_operator::{
    api::{CloudHsmBackup, CloudHsmBackupStatus, DesiredState, Reason},
    backup::{Backup, BackupState, Call, Observation, Region, Scope},
    decide::{Decision, Mode, Sight, Situation, Source, decide},
    intent::{Intent, Memory},
    lag::{Unshown, interpret},
    status::{Verdict, conclude, mirror},
};
use divan::{AllocProfiler, Bencher};
use jiff::Timestamp;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const ID: &str = "backup-ro5c4er4aac";
const MESSAGE: &str = "backup-ro5c4er4aac in us-east-1 (account 111122223333) is restorable until 2026-11-30T08:00:05Z; \
                       set desiredState to Present to restore it";

fn now() -> Timestamp {
    Timestamp::constant(1_795_000_000, 0)
}

fn intent() -> Intent {
    Intent {
        uid: "2f0c2a5e-7d4e-4c0e-9a53-000000000000".into(),
        generation: 3,
        scope: Some(Scope::of_operator(Region::new("us-east-1"))),
        backup_id: ID.parse().expect("an id"),
        desired: DesiredState::Deleted,
        never_expires: None,
        suspend: false,
        deleting: false,
    }
}

/// What AWS shows of a deleted backup, with a tag.
fn backup(state: BackupState) -> Backup {
    let time = Timestamp::constant(1_793_502_764, 0);
    Backup {
        arn: Some("arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac".into()),
        cluster_id: Some("cluster-dygnwhmscg5".into()),
        create_timestamp: Some(time),
        delete_timestamp: (state == BackupState::PendingDeletion).then_some(Timestamp::constant(1_795_500_000, 0)),
        never_expires: Some(false),
        hsm_type: Some("hsm2m.medium".into()),
        mode: Some("FIPS".into()),
        tags: BTreeMap::from([("team".into(), "payments".into())]),
        ..Backup::new(ID.parse().expect("an id"), state)
    }
}

fn observation() -> Observation {
    Observation::Found(Box::new(backup(BackupState::PendingDeletion)))
}

fn verdict() -> Verdict {
    let decision = Decision { reason: Reason::PendingDeletion, due: None, held: false };
    Verdict::decided(&decision, MESSAGE.to_owned())
}

/// The status of an object with which all is well.
fn settled() -> CloudHsmBackupStatus {
    let mirrored = mirror(&CloudHsmBackupStatus::default(), &intent(), &observation());
    conclude(mirrored, &verdict(), 3, None, now())
}

#[divan::bench]
fn decide_unchanged(bencher: Bencher<'_, '_>) {
    let intent = intent();
    let sight = Sight { observation: observation(), source: Source::Look(now()) };
    let status = settled();
    let scope = intent.scope.clone().expect("a region");
    let memory = Memory::of(&status, &scope, None);
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &memory,
        conflict: false,
        restore_refused: false,
        mode: Mode::Full,
        now: now(),
    };
    bencher.bench_local(|| decide(black_box(&situation)));
}

#[divan::bench]
fn decide_delete(bencher: Bencher<'_, '_>) {
    let intent = intent();
    let ready = Observation::Found(Box::new(backup(BackupState::Ready)));
    let sight = Sight { observation: ready, source: Source::Look(now()) };
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &Memory::default(),
        conflict: false,
        restore_refused: false,
        mode: Mode::Full,
        now: now(),
    };
    bencher.bench_local(|| decide(black_box(&situation)));
}

#[divan::bench]
fn status_unchanged(bencher: Bencher<'_, '_>) {
    let (previous, intent, observation, verdict) = (settled(), intent(), observation(), verdict());
    bencher.bench_local(|| {
        let mirrored = mirror(black_box(&previous), &intent, &observation);
        conclude(mirrored, &verdict, 3, None, now()) == previous
    });
}

/// The look itself is handed over, so it is made outside of the measurement.
#[divan::bench]
fn interpret_without_a_write(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(observation).bench_local_values(|look| interpret(None, Duration::ZERO, black_box(look), now()));
}

#[divan::bench]
fn interpret_a_lagging_look(bencher: Bencher<'_, '_>) {
    let write = Unshown {
        call: Call::DeleteBackup,
        before: backup(BackupState::Ready),
        answer: backup(BackupState::PendingDeletion),
        recalled: false,
    };
    let look = || Observation::Found(Box::new(backup(BackupState::Ready)));
    bencher
        .with_inputs(look)
        .bench_local_values(|look| interpret(Some(&write), Duration::from_secs(1), black_box(look), now()));
}

#[divan::bench]
fn decode_a_status(bencher: Bencher<'_, '_>) {
    let json = serde_json::to_vec(&settled()).expect("a status is JSON");
    bencher.bench_local(|| serde_json::from_slice::<CloudHsmBackupStatus>(black_box(&json)));
}

#[divan::bench]
fn decode_an_object(bencher: Bencher<'_, '_>) {
    let json = serde_json::to_vec(&serde_json::json!({
        "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
        "metadata": {
            "name": "payments-2026-11-01", "namespace": "hsm", "uid": intent().uid, "generation": 3, "resourceVersion": "100",
            "creationTimestamp": "2026-11-01T03:12:44Z",
        },
        "spec": {"backupId": ID, "desiredState": "Deleted"},
        "status": settled(),
    }))
    .expect("an object is JSON");
    bencher.bench_local(|| serde_json::from_slice::<CloudHsmBackup>(black_box(&json)));
}
