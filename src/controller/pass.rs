//! One pass over one object: observe, decide, re-read, act, report. One way through, no way back.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::Instant;

use super::{cluster::ClusterError, context::Context};
use crate::{
    api::{CloudHsmBackup, CloudHsmBackupStatus, READY},
    aws::WriteError,
    backup::{AccountId, Backup, BackupState, Call, Failure, FailureClass, Observation, Scope},
    claims::ObjectKey,
    decide::{Decision, Permit, Refusal, Sight, Situation, Source, confirm, decide},
    events::Notice,
    intent::{Intent, Memory, open_request},
    inventory::{Failed, Held},
    lag::recall,
    message::{self, Outcome, Rival},
    status,
};

/// At most a restore and a change of attributes follow each other; anything beyond is for the next pass.
const STEPS: u32 = 6;

/// How soon to come back when the object or the permit moved on meanwhile; the watch is usually faster.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// How soon to come back for an object that is known to have changed.
const AT_ONCE: Duration = Duration::from_millis(50);

/// One pass.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) object: &'a CloudHsmBackup,
    pub(super) key: ObjectKey,
    pub(super) intent: Intent,
    /// The request that this pass answers.
    pub(super) request: Option<String>,
    /// The status as it is stored.
    pub(super) stored: CloudHsmBackupStatus,
    /// The status as it was concluded last: by this process, else what is stored.
    pub(super) previous: CloudHsmBackupStatus,
    /// The same with what was seen since copied into it.
    pub(super) mirrored: CloudHsmBackupStatus,
    /// Whether this pass answers something, or has looked at AWS.
    pub(super) fresh: bool,
    /// Events to send once the status is written.
    pub(super) notices: Vec<Notice>,
    /// The state that AWS moved to, away from what is declared.
    pub(super) drift: Option<BackupState>,
}

/// What the situation is with the object at this moment.
pub(super) struct Weighed {
    /// The account looked in.
    pub(super) account: Option<AccountId>,
    pub(super) memory: Memory,
    pub(super) rival: Option<Rival>,
    pub(super) decision: Decision,
    pub(super) now: Timestamp,
}

impl<'a> Pass<'a> {
    pub(super) fn new(context: &'a Context, object: &'a CloudHsmBackup, key: ObjectKey) -> Self {
        let intent = Intent::of(object, context.default_region().as_ref());
        let (stored, concluded) = context.statuses(&key, object);
        let now = context.clock.now();
        let previous = concluded.map_or_else(|| stored.clone(), |own| status::resume(&own, &stored, now));
        let request = open_request(object, &previous).map(str::to_owned);
        let mirrored = previous.clone();
        let (fresh, notices, drift) = (false, Vec::new(), None);
        Self { context, object, key, intent, request, stored, previous, mirrored, fresh, notices, drift }
    }

    /// Returns how long until the object needs another pass.
    pub(super) async fn run(mut self) -> Result<Duration, ClusterError> {
        self.context.refresh_claim(&self.key, &self.intent);
        let generation = Some(self.intent.generation);
        let asked = [&self.stored, &self.previous]
            .iter()
            .any(|status| status.observed_generation != generation || status.condition(READY).is_none())
            || self.request.is_some();
        self.fresh = asked;
        let Some(scope) = self.intent.scope.clone() else { return self.without_region(asked).await };
        let mut held = self.context.inventory.hold(&scope, &self.intent.backup_id).await;
        if asked {
            held.clear_backoff();
        }
        if !held.has_looked()
            && let Some((unshown, age)) = recall(&self.previous, &self.intent, self.context.clock.now())
        {
            held.recall(unshown, age);
        }
        let mut looked = false;
        if asked || held.is_look_due() {
            match self.look(&mut held).await {
                None => return Ok(AT_ONCE),
                Some(Err(failure)) => return self.look_failed(&scope, &held, failure, asked).await,
                Some(Ok(())) => looked = true,
            }
        }
        // The failure of a write of this pass.
        let mut tried: Option<Failed> = None;
        for _ in 0..STEPS {
            let Some(sight) = held.sight().cloned() else { return self.still_failing(&scope, &held, asked).await };
            let weighed = self.weigh(&scope, &held, &sight).await;
            if let Some(lost) = held.found_effect() {
                let outcome = Outcome::Lost(&lost.failure);
                self.written(&scope, lost.call, &lost.before, &sight.observation, &outcome).await;
            }
            let call = weighed.decision.call();
            let failed = tried.take().or_else(|| held.failed().cloned());
            if let Some(Failed { failure, write, .. }) = failed.filter(|_| weighed.rival.is_none()) {
                match write {
                    None => return self.look_failed(&scope, &held, failure, asked).await,
                    Some(_) if call.is_none() || call != write => held.settle(),
                    Some(_) => return self.write_failed(&scope, &weighed, &held, &failure).await,
                }
            }
            if call.is_none() || self.context.is_stopping() {
                held.settle();
                return self.report(&scope, &sight, &weighed, &held).await;
            }
            if !looked {
                match self.look(&mut held).await {
                    None => return Ok(AT_ONCE),
                    Some(Err(failure)) => return self.look_failed(&scope, &held, failure, asked).await,
                    Some(Ok(())) => looked = true,
                }
                continue;
            }
            if sight.source == Source::Answer {
                // AWS still shows what was before a write of ours: no further write until it shows that one.
                return self.report(&scope, &sight, &weighed, &held).await;
            }
            let permit = match self.permit(&held, &sight).await? {
                Ok(permit) => permit,
                Err(Refusal::ObjectChanged | Refusal::NotLeading) => return Ok(SOON),
                Err(Refusal::LookTooOld) => {
                    looked = false;
                    continue;
                }
                Err(Refusal::NothingDue) => continue,
            };
            let call = permit.call();
            let Some(before) = sight.observation.backup() else { return Ok(SOON) };
            match held.write(permit).await {
                Ok(answer) => {
                    let observation = Observation::Found(Box::new(answer.backup));
                    let outcome = Outcome::Accepted(answer.request_id.as_deref());
                    self.written(&scope, call, before, &observation, &outcome).await;
                    looked = false;
                }
                Err(WriteError::PermitExpired) => return Ok(SOON),
                Err(WriteError::Failed(failure)) => {
                    let request_id = failure.request_id.as_deref();
                    tracing::warn!(object = %self.key, error = %failure, request_id, "an AWS write failed");
                    // Nobody knows what is true now until AWS is looked at again; but a throttled write wasn't tried.
                    if failure.class == FailureClass::Throttled || held.look().await.is_err() {
                        return self.write_failed(&scope, &weighed, &held, &failure).await;
                    }
                    tried = Some(Failed { failure, write: Some(call), until: Instant::now() });
                }
            }
        }
        Ok(SOON)
    }

    /// Looks at AWS; `None` when the object has changed meanwhile.
    async fn look(&mut self, held: &mut Held<'_>) -> Option<Result<(), Failure>> {
        self.fresh = true;
        let looked = self.context.unless_changed(&self.key, &self.intent, held.look()).await?;
        Some(looked.map(|_| ()))
    }

    /// Copies a sight into the status to be, and decides on it.
    async fn weigh(&mut self, scope: &Scope, held: &Held<'_>, sight: &Sight) -> Weighed {
        let account = self.account(scope, &sight.observation).await;
        let memory = Memory::of(&self.mirrored, scope, account.as_ref());
        let rival = self.context.rival(&self.key, &self.intent);
        let now = self.context.clock.now();
        let decision = decide(&Situation {
            intent: &self.intent,
            sight,
            memory: &memory,
            conflict: rival.is_some(),
            restore_refused: held.is_restore_refused(),
            mode: self.context.mode,
            now,
        });
        let before = self.mirrored.clone();
        self.mirrored = status::mirror(&before, &self.intent, &sight.observation);
        if matches!(sight.source, Source::Look(_)) && status::is_drift(&before, &self.intent, &decision) {
            self.drifted(scope, account.clone(), sight, &before);
        }
        if rival.is_none() && status::is_restored(&before, &self.intent, &sight.observation) {
            let place = self.place(scope, account.clone());
            let warning = message::retention(&self.mirrored).map(|warning| format!("; {warning}")).unwrap_or_default();
            self.notices.push(Notice::restored(format!("{place} is READY again{warning}")));
        }
        Weighed { account, memory, rival, decision, now }
    }

    fn drifted(&mut self, scope: &Scope, account: Option<AccountId>, sight: &Sight, before: &CloudHsmBackupStatus) {
        let place = self.place(scope, account);
        let was = before.backup_state.as_deref().unwrap_or("there");
        let declared = self.intent.desired.as_str();
        let Some(backup) = sight.observation.backup() else { return };
        self.drift = Some(backup.state.clone());
        let is = if backup.state.as_str() == was {
            format!("NeverExpires is {}", backup.never_expires.unwrap_or_default())
        } else {
            format!("it is {}", backup.state)
        };
        let note = format!(
            "AWS changed {place} behind the operator's back: it was {was}, now {is}, and {declared} is declared"
        );
        self.notices.push(Notice::drift(note));
    }

    /// Reads the object again and asks for the permit to make the call that is due.
    async fn permit(&self, held: &Held<'_>, sight: &Sight) -> Result<Result<Permit, Refusal>, ClusterError> {
        let read =
            self.context.cluster.read(&self.key).await.inspect_err(|_| self.context.metrics.reconcile_error())?;
        let Some((live, valid_until)) = read else { return Ok(Err(Refusal::ObjectChanged)) };
        let Some(lease_end) = self.context.leadership.valid_until() else { return Ok(Err(Refusal::NotLeading)) };
        let live = Intent::of(&live, self.context.default_region().as_ref());
        let situation = Situation {
            intent: &self.intent,
            sight,
            // A call is due only for a backup that AWS shows, whatever is remembered.
            memory: &Memory::default(),
            conflict: self.context.rival(&self.key, &self.intent).is_some(),
            restore_refused: held.is_restore_refused(),
            mode: self.context.mode,
            now: self.context.clock.now(),
        };
        Ok(confirm(&situation, &live, valid_until.min(lease_end)))
    }

    /// A write took effect: say so at once, whatever becomes of the status.
    async fn written(
        &mut self,
        scope: &Scope,
        call: Call,
        before: &Backup,
        observation: &Observation,
        outcome: &Outcome<'_>,
    ) {
        let (generation, now) = (self.intent.generation, self.context.clock.now());
        let write = status::last_write(call, before, generation, outcome.request_id(), now);
        self.mirrored.last_write = Some(write);
        self.context.metrics.aws_write(call.operation());
        self.context.wake_sharing(&self.key);
        let place = self.place(scope, self.account(scope, observation).await);
        let after = status::mirror(&self.mirrored, &self.intent, observation);
        let note = message::written(call, &place, &after, outcome);
        if let Some(state) = self.drift.take() {
            self.context.metrics.drift(&state);
        }
        for notice in std::mem::take(&mut self.notices) {
            self.context.events.publish(self.object, notice).await;
        }
        self.context.events.publish(self.object, Notice::written(call, note)).await;
    }
}

/// The object's namespace and name.
pub(super) fn key_of(object: &impl ResourceExt) -> ObjectKey {
    ObjectKey { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}
