//! One object and what AWS shows, brought together by the operator's own pure parts, as a pass of its controller does.

use std::collections::BTreeMap;

use cloudhsm_backup_operator::{
    api::{CloudHsmBackup, CloudHsmBackupSpec, CloudHsmBackupStatus, DesiredState},
    backup::{AccountId, Backup, Failure, FailureClass, Observation, Region},
    decide::{Mode, Sight, Situation, Source, decide},
    intent::{Intent, Memory},
    message::{self, About, Place, Rival},
    status::{self, Showing, Verdict},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

const ID: &str = "backup-ro5c4er4aac";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    moment("2026-11-24T12:00:00Z")
}

/// What the operator has to go by.
#[derive(Clone)]
pub(crate) struct Given {
    spec: CloudHsmBackupSpec,
    mode: Mode,
    /// What an earlier look showed.
    before: Option<Backup>,
    /// What this look shows.
    shown: Observation,
    /// Whether this look fails, and how.
    failure: Option<Failure>,
    /// Whether something was asked for: else a failure shows only where the last good look is old.
    asked: bool,
    conflict: bool,
    restore_refused: bool,
    /// What happened to the object since the operator last wrote its status.
    since: Since,
}

#[derive(Clone, Copy, PartialEq)]
enum Since {
    Nothing,
    /// No operator has seen it: the status is the CRD's default.
    Created,
    Edited,
    Removed,
    /// It was removed, something holds it, and the operator has seen that.
    RemovedAndSeen,
}

pub(crate) fn declared(desired_state: DesiredState) -> Given {
    Given {
        spec: CloudHsmBackupSpec {
            backup_id: ID.parse().unwrap(),
            desired_state,
            region: Some("us-east-1".into()),
            never_expires: None,
            suspend: None,
        },
        mode: Mode::Full,
        before: None,
        shown: Observation::NotFound,
        failure: None,
        asked: true,
        conflict: false,
        restore_refused: false,
        since: Since::Nothing,
    }
}

pub(crate) fn present() -> Given {
    declared(DesiredState::Present)
}

pub(crate) fn deleted() -> Given {
    declared(DesiredState::Deleted)
}

/// A backup as AWS describes it; `days` until it is deleted for good.
fn backup(word: &str, days: i64) -> Backup {
    Backup {
        arn: Some(format!("arn:aws:cloudhsm:us-east-1:111122223333:backup/{ID}")),
        cluster_id: Some("cluster-dygnwhmscg5".into()),
        create_timestamp: Some(moment("2026-11-01T03:12:44Z")),
        delete_timestamp: (word == "PENDING_DELETION").then(|| now() + SignedDuration::from_hours(24 * days)),
        never_expires: Some(false),
        hsm_type: Some("hsm2m.medium".into()),
        mode: Some("FIPS".into()),
        tags: BTreeMap::from([("team".into(), "payments".into())]),
        ..Backup::new(ID.parse().unwrap(), word.into())
    }
}

impl Given {
    pub(crate) fn shown(self, word: &str) -> Self {
        self.shown_until(word, 6)
    }

    pub(crate) fn shown_until(mut self, word: &str, days: i64) -> Self {
        self.shown = Observation::Found(Box::new(backup(word, days)));
        self
    }

    /// AWS doesn't show it any more.
    pub(crate) fn gone_after(mut self, word: &str, days: i64) -> Self {
        self.before = Some(backup(word, days));
        self
    }

    pub(crate) fn after(mut self, word: &str) -> Self {
        self.before = Some(backup(word, 6));
        self
    }

    pub(crate) fn exempt(mut self) -> Self {
        self.spec.never_expires = Some(true);
        self
    }

    pub(crate) fn suspended(mut self) -> Self {
        self.spec.suspend = Some(true);
        self
    }

    pub(crate) fn with(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    pub(crate) fn contradicted(mut self) -> Self {
        self.conflict = true;
        self
    }

    pub(crate) fn restore_refused(mut self) -> Self {
        self.restore_refused = true;
        self
    }

    pub(crate) fn failing(mut self, class: FailureClass, operation: &'static str, code: &str, text: &str) -> Self {
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        self.failure = Some(Failure { class, operation, code, text: text.into(), request_id: None });
        if class == FailureClass::NoRegion {
            self.spec.region = None;
        }
        self
    }

    pub(crate) fn unasked(mut self) -> Self {
        self.asked = false;
        self
    }

    pub(crate) fn just_created(mut self) -> Self {
        self.since = Since::Created;
        self
    }

    pub(crate) fn then_edited(mut self) -> Self {
        self.since = Since::Edited;
        self
    }

    pub(crate) fn then_removed(mut self) -> Self {
        self.since = Since::Removed;
        self
    }

    pub(crate) fn while_being_removed(mut self) -> Self {
        self.since = Since::RemovedAndSeen;
        self
    }

    /// The object as it is read from the API server.
    pub(crate) fn object(&self, name: &str) -> CloudHsmBackup {
        let mut metadata = ObjectMeta {
            name: Some(name.into()),
            namespace: Some("hsm".into()),
            uid: Some("5f0c6d3e-6f4b-4c1e-9a3b-0d9f3c8a7b21".into()),
            resource_version: Some("48151".into()),
            generation: Some(2),
            creation_timestamp: Some(Time(moment("2026-11-02T09:00:00Z"))),
            ..ObjectMeta::default()
        };
        if self.since == Since::RemovedAndSeen {
            remove(&mut metadata);
        }
        let unseen = CloudHsmBackupStatus { observed_generation: Some(-1), ..CloudHsmBackupStatus::default() };
        let status = match &self.before {
            _ if self.since == Since::Created => unseen,
            None => self.status(&metadata, &unseen, now()),
            Some(backup) => {
                let look = Self { shown: Observation::Found(Box::new(backup.clone())), failure: None, ..self.clone() };
                let earlier = now() - SignedDuration::from_hours(1);
                self.status(&metadata, &look.status(&metadata, &unseen, earlier), now())
            }
        };
        let mut object = CloudHsmBackup { metadata, spec: self.spec.clone(), status: Some(status) };
        match self.since {
            Since::Nothing | Since::Created | Since::RemovedAndSeen => {}
            Since::Edited => object.metadata.generation = Some(3),
            Since::Removed => remove(&mut object.metadata),
        }
        object
    }

    fn status(&self, metadata: &ObjectMeta, previous: &CloudHsmBackupStatus, now: Timestamp) -> CloudHsmBackupStatus {
        let without_region = self.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::NoRegion);
        let default_region = (!without_region).then(|| Region::new("us-east-1"));
        let intent = &Intent::of(metadata, &self.spec, default_region.as_ref());
        let region = intent.scope.as_ref().map(|scope| scope.region.clone());
        let account = AccountId::new("111122223333");
        let mut place = Place { backup_id: intent.backup_id, region, account };
        if let Some(failure) = &self.failure {
            if failure.class == FailureClass::NoRegion || failure.class == FailureClass::NoCredentials {
                place.account = None;
            }
            let Showing::Ready(ready) = status::showing(previous, self.asked, self.before.is_some(), !self.asked)
            else {
                panic!("the failure doesn't show")
            };
            let reason = status::failure_reason(failure.class);
            let verdict = Verdict { reason, ready, message: message::failed(failure, &place) };
            return status::conclude(previous.clone(), &verdict, intent.generation, None, now);
        }
        let mirrored = status::mirror(previous, intent, &self.shown);
        let memory = Memory::of(previous, intent.scope.as_ref().unwrap(), place.account.as_ref());
        let sight = Sight { observation: self.shown.clone(), source: Source::Look(now) };
        let decision = decide(&Situation {
            intent,
            sight: &sight,
            memory: &memory,
            conflict: self.conflict,
            restore_refused: self.restore_refused,
            mode: self.mode,
            now,
        });
        let other = match intent.desired {
            DesiredState::Present => DesiredState::Deleted,
            DesiredState::Deleted => DesiredState::Present,
        };
        let rival = Rival { object: "hsm/other".into(), intent: Intent { desired: other, ..intent.clone() } };
        let about = About {
            intent,
            place: &place,
            observation: &self.shown,
            status: &mirrored,
            memory: &memory,
            rival: self.conflict.then_some(&rival),
            mode: self.mode,
            now,
        };
        let verdict = Verdict::decided(&decision, message::decided(&decision, &about));
        status::conclude(mirrored, &verdict, intent.generation, None, now)
    }
}

/// What the API server does to an object that is removed while a finalizer holds it.
fn remove(metadata: &mut ObjectMeta) {
    metadata.generation = Some(3);
    metadata.deletion_timestamp = Some(Time(now()));
    metadata.finalizers = Some(vec!["foregroundDeletion".into()]);
}
