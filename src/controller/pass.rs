//! One pass over one object: observe, decide, re-read, act, report. One way through, no way back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    cluster::ClusterError,
    context::Context,
    memory::{Remembered, is_open, is_unseen},
    object::Watched,
};
use crate::{
    api::{CloudHsmBackupStatus, READY, Reason},
    aws::WriteError,
    backup::{AccountId, Backup, BackupState, Call, FailureClass, Observation, Scope},
    claims::ObjectKey,
    decide::{Decision, LOOK_MAX_AGE, Permit, Refusal, Sight, Situation, Source, confirm, decide},
    events::Notice,
    intent::{Intent, Memory, open_request},
    inventory::{Failed, Held, Shown},
    message::{self, Outcome, Rival},
    status,
};

/// At most a restore and a change of attributes follow each other; anything beyond is for the next pass.
const STEPS: u32 = 6;

/// How soon to come back when the object or the permit moved on meanwhile; the watch is usually faster.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// How long a pass waits for a look. One that takes longer brings about another pass: so passes don't pile up where AWS hangs.
const LOOK: Duration = Duration::from_millis(300);

/// The same where the answer to a write was lost: what becomes of it is told in one status rather than in two.
const LOOK_AFTER_WRITE: Duration = Duration::from_secs(2);

/// When an object needs another pass though nothing changes.
pub(super) type Next = Option<Duration>;

/// One pass.
pub(super) struct Pass<'a> {
    pub(super) context: &'a Context,
    pub(super) object: &'a Watched,
    pub(super) key: ObjectKey,
    pub(super) intent: Intent,
    /// The request that this pass answers.
    pub(super) request: Option<String>,
    /// The status as it is stored.
    pub(super) stored: Arc<CloudHsmBackupStatus>,
    /// The status as it was concluded last: by this process, else what is stored.
    pub(super) previous: Arc<CloudHsmBackupStatus>,
    /// The same with what was seen since copied into it.
    pub(super) mirrored: CloudHsmBackupStatus,
    /// What AWS showed when it was concluded.
    pub(super) shown: Option<Shown>,
    asked_since: Instant,
    /// Whether the time has come that the last pass named; and if not, how long it is until then.
    due: bool,
    left: Option<Duration>,
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
    pub(super) fn new(context: &'a Context, object: &'a Watched, intent: Intent, key: ObjectKey) -> Self {
        let Remembered { stored, concluded, shown, asked_since, due } = context.memory.recall(&key, object);
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let (due, left) = (left.is_some_and(|left| left.is_zero()), left.filter(|left| !left.is_zero()));
        let now = context.clock.now();
        let own = concluded.filter(|own| *own != stored);
        let stored = Arc::new(stored.status());
        let previous =
            own.map_or_else(|| Arc::clone(&stored), |own| Arc::new(status::resume(&own.status(), &stored, now)));
        let request = open_request(&object.metadata, &previous).map(str::to_owned);
        let mirrored = CloudHsmBackupStatus::clone(&previous);
        let (fresh, notices, drift) = (false, Vec::new(), None);
        Self {
            context,
            object,
            key,
            intent,
            request,
            stored,
            previous,
            mirrored,
            shown,
            asked_since,
            due,
            left,
            fresh,
            notices,
            drift,
        }
    }

    /// Returns when the object needs another pass though nothing changes.
    pub(super) async fn run(mut self) -> Result<Next, ClusterError> {
        self.context.refresh_claim(&self.key, &self.intent);
        let metadata = &self.object.metadata;
        let asked = is_unseen(metadata, &self.stored) || is_open(metadata, &self.previous);
        self.fresh = asked;
        let Some(scope) = self.intent.scope.clone() else { return self.without_region(asked).await.map(Some) };
        let mut held = self.context.inventory.hold(&scope, &self.intent.backup_id).await;
        if !asked && !self.has_work(&held) {
            // A pass that finds nothing to do takes no other one's place.
            return Ok(held.next().into_iter().chain(self.left).min());
        }
        let failed = held.failed().filter(|failed| failed.write.is_none());
        match failed {
            Some(Failed { failure, sent, .. }) if !asked || sent >= self.asked_since => {
                return self.look_failed(&scope, &mut held, failure, asked).await;
            }
            _ => {}
        }
        let answered = held.sight().is_some() && (!asked || held.has_looked_since(self.asked_since));
        if asked && !answered {
            held.clear_backoff();
        }
        if (self.due || !answered) && !held.look(LOOK).await {
            return Ok(None);
        }
        // The failure of a write of this pass, and whether it has the token for one.
        let mut tried: Option<Failed> = None;
        let mut turn = false;
        for _ in 0..STEPS {
            let failed = tried.take().or_else(|| held.failed());
            if let Some(Failed { failure, write: None, .. }) = failed {
                return self.look_failed(&scope, &mut held, failure, asked).await;
            }
            let Some(sight) = held.sight() else { return Ok(Some(SOON)) };
            self.fresh |= matches!(sight.source, Source::Look(_));
            let weighed = self.weigh(&scope, &held, &sight).await;
            if let Some(lost) = held.found_effect() {
                let outcome = Outcome::Lost(&lost.failure);
                self.written(&scope, lost.call, &lost.before, &sight.observation, &outcome).await;
            }
            let call = weighed.decision.call();
            if let Some(Failed { failure, write, .. }) = failed.filter(|_| weighed.rival.is_none()) {
                if call.is_some() && call == write {
                    return self.write_failed(&scope, &weighed, &mut held, &failure).await;
                }
                held.settle();
            }
            if call.is_none() || self.context.is_stopping() {
                held.settle();
                return self.report(&scope, &sight, &weighed, &mut held).await;
            }
            if sight.source == Source::Answer {
                if std::mem::take(&mut turn) {
                    // A write of this pass is done, and another is due: that takes a look of its own.
                    if held.look(LOOK).await {
                        continue;
                    }
                }
                // AWS still shows what was before a write of ours: no further write until it shows that one.
                return self.report(&scope, &sight, &weighed, &mut held).await;
            }
            if !turn {
                if !held.take_turn() {
                    let ready = self.previous.condition(READY).and_then(|ready| Reason::from_word(&ready.reason));
                    if !asked && ready.is_some_and(Reason::is_failure) {
                        // A try that fails the same way changes no field, so the waiting for it doesn't either.
                        return Ok(held.next());
                    }
                    return self.report(&scope, &sight, &weighed, &mut held).await;
                }
                turn = true;
            }
            if self.is_old(&sight) {
                if !held.look(LOOK).await {
                    return Ok(None);
                }
                continue;
            }
            let permit = match self.permit(&held, &sight).await? {
                Ok(permit) => permit,
                Err(Refusal::ObjectChanged | Refusal::NotLeading) => return Ok(Some(SOON)),
                Err(Refusal::LookTooOld) => {
                    if !held.look(LOOK).await {
                        return Ok(None);
                    }
                    continue;
                }
                Err(Refusal::NothingDue) => continue,
            };
            let call = permit.call();
            let Some(before) = sight.observation.backup() else { return Ok(Some(SOON)) };
            match held.write(permit).await {
                Ok(answer) => {
                    let observation = Observation::Found(Box::new(answer.backup));
                    let outcome = Outcome::Accepted(answer.request_id.as_deref());
                    self.written(&scope, call, before, &observation, &outcome).await;
                }
                Err(WriteError::PermitExpired) => return Ok(Some(SOON)),
                Err(WriteError::Failed(failure)) => {
                    let request_id = failure.request_id.as_deref();
                    tracing::warn!(object = %self.key, error = %failure, request_id, "an AWS write failed");
                    // Nobody knows what is true now until AWS is looked at again; but a throttled write wasn't tried.
                    let looked = failure.class != FailureClass::Throttled && held.look(LOOK_AFTER_WRITE).await;
                    if !looked || held.failed().is_some_and(|failed| failed.write.is_none()) {
                        return self.write_failed(&scope, &weighed, &mut held, &failure).await;
                    }
                    let now = Instant::now();
                    tried = Some(Failed { failure, write: Some(call), sent: now, until: now });
                    turn = false;
                }
            }
        }
        Ok(Some(SOON))
    }

    /// Whether something has happened since the last pass that the object doesn't ask for itself.
    fn has_work(&self, held: &Held) -> bool {
        self.due || !held.has_looked() || held.has_work() || held.shown() != self.shown || self.has_another_rival()
    }

    /// Whether the status tells of a conflict that is over, or not of the one that there is.
    fn has_another_rival(&self) -> bool {
        let ready = self.previous.condition(READY);
        let told = ready.filter(|ready| ready.reason == Reason::Conflict.as_str());
        match (self.context.rival(&self.key, &self.intent), told) {
            (None, None) => false,
            (Some(rival), Some(told)) => !told.message.contains(&rival.object),
            _ => true,
        }
    }

    /// Whether a look is of too long ago for a write, or will be once the object is read again.
    fn is_old(&self, sight: &Sight) -> bool {
        let Source::Look(looked_at) = sight.source else { return true };
        let age = self.context.clock.now().duration_since(looked_at);
        age.is_negative() || age > LOOK_MAX_AGE / 2
    }

    /// Copies a sight into the status to be, and decides on it.
    async fn weigh(&mut self, scope: &Scope, held: &Held, sight: &Sight) -> Weighed {
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
        let own = sight.observation.backup().is_some_and(|backup| held.is_own_deed(backup));
        if !own && matches!(sight.source, Source::Look(_)) && status::is_drift(&before, &self.intent, &decision) {
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
    async fn permit(&self, held: &Held, sight: &Sight) -> Result<Result<Permit, Refusal>, ClusterError> {
        let read =
            self.context.cluster.read(&self.key).await.inspect_err(|_| self.context.metrics.reconcile_error())?;
        let live = read.and_then(|(live, end)| Some((live.intent(self.context.default_region().as_ref())?, end)));
        let Some((live, valid_until)) = live else { return Ok(Err(Refusal::ObjectChanged)) };
        let Some(lease_end) = self.context.leadership.valid_until() else { return Ok(Err(Refusal::NotLeading)) };
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
