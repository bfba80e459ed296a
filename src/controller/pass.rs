//! One pass over one object: observe, decide, re-read, act, report. One way through, no way back.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;

use super::{cluster::ClusterError, context::Context};
use crate::{
    api::{CloudHsmBackup, CloudHsmBackupStatus, READY, Reason},
    aws::WriteError,
    backoff,
    backup::{AccountId, BackupState, Call, Failure, FailureClass, Observation, Scope},
    claims::ObjectKey,
    decide::{Decision, Permit, Refusal, Sight, Situation, Source, confirm, decide},
    events::Notice,
    intent::{Intent, Memory, open_request},
    inventory::{Failed, Held},
    message::{self, About, Place, Rival},
    status::{self, Showing, Verdict},
};

/// At most a restore and a change of attributes follow each other; anything beyond is for the next pass.
const STEPS: u32 = 6;

/// How soon to come back when the object or the permit moved on meanwhile; the watch is usually faster.
const SOON: Duration = Duration::from_secs(1);

/// One pass.
pub(super) struct Pass<'a> {
    context: &'a Context,
    object: &'a CloudHsmBackup,
    key: ObjectKey,
    intent: Intent,
    /// The request that this pass answers.
    request: Option<String>,
    /// The status as it stands.
    previous: CloudHsmBackupStatus,
    /// The same with what was seen since copied into it.
    mirrored: CloudHsmBackupStatus,
    /// Events to send once the status is written.
    notices: Vec<Notice>,
    /// The state that AWS moved to, away from what is declared.
    drift: Option<BackupState>,
}

/// What the situation is with the object at this moment.
struct Weighed {
    memory: Memory,
    rival: Option<Rival>,
    decision: Decision,
    now: Timestamp,
}

impl<'a> Pass<'a> {
    pub(super) fn new(context: &'a Context, object: &'a CloudHsmBackup, key: ObjectKey) -> Self {
        let intent = Intent::of(object, context.default_region().as_ref());
        let previous = context.newest_status(&key, object);
        let request = open_request(object, &previous).map(str::to_owned);
        Self {
            context,
            object,
            key,
            intent,
            request,
            mirrored: previous.clone(),
            previous,
            notices: Vec::new(),
            drift: None,
        }
    }

    /// Returns how long until the object needs another pass.
    pub(super) async fn run(mut self) -> Result<Duration, ClusterError> {
        self.context.claim(&self.key, Some(self.intent.clone()));
        let asked = self.previous.observed_generation != Some(self.intent.generation)
            || self.request.is_some()
            || self.previous.condition(READY).is_none();
        let Some(scope) = self.intent.scope.clone() else { return self.without_region(asked).await };
        let mut held = self.context.inventory.hold(&scope, &self.intent.backup_id).await;
        if asked {
            held.clear_backoff();
        }
        let mut looked = false;
        if asked || held.is_look_due() {
            if let Err(failure) = held.look().await {
                return self.look_failed(&scope, &held, failure, asked).await;
            }
            looked = true;
        }
        for _ in 0..STEPS {
            let Some(sight) = held.sight().cloned() else { return self.still_failing(&scope, &held, asked).await };
            let weighed = self.weigh(&scope, &held, &sight).await;
            let call = weighed.decision.call();
            if let Some(Failed { failure, write, .. }) = held.failed().cloned()
                && weighed.rival.is_none()
                && (call.is_some() || !write)
            {
                return if write {
                    self.write_failed(&scope, &sight, &held, &failure).await
                } else {
                    self.look_failed(&scope, &held, failure, asked).await
                };
            }
            if call.is_none() || self.context.is_stopping() {
                held.settle();
                return self.report(&scope, &sight, &weighed, &held).await;
            }
            if !looked {
                if let Err(failure) = held.look().await {
                    return self.look_failed(&scope, &held, failure, asked).await;
                }
                looked = true;
                continue;
            }
            if sight.source == Source::Answer {
                // AWS still shows what was before a write of ours: no further write until it shows that one.
                return self.report(&scope, &sight, &weighed, &held).await;
            }
            let permit = match self.permit(&held, &sight).await? {
                Ok(permit) => permit,
                Err(Refusal::ObjectChanged) => return Ok(SOON),
                Err(Refusal::LookTooOld) => {
                    looked = false;
                    continue;
                }
                Err(Refusal::NothingDue) => continue,
            };
            let call = permit.call();
            match held.write(permit).await {
                Ok(answer) => {
                    let observation = Observation::Found(Box::new(answer.backup));
                    self.written(&scope, call, &observation, answer.request_id.as_deref()).await;
                    looked = false;
                }
                Err(WriteError::PermitExpired) => return Ok(SOON),
                Err(WriteError::Failed(failure)) => {
                    return self.after_failed_write(&scope, &mut held, call, &sight, failure).await;
                }
            }
        }
        Ok(SOON)
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
            let place = self.place(scope, account);
            let warning = message::retention(&self.mirrored).map(|warning| format!("; {warning}")).unwrap_or_default();
            self.notices.push(Notice::restored(format!("{place} is READY again{warning}")));
        }
        Weighed { memory, rival, decision, now }
    }

    fn drifted(&mut self, scope: &Scope, account: Option<AccountId>, sight: &Sight, before: &CloudHsmBackupStatus) {
        let place = self.place(scope, account);
        let was = before.backup_state.as_deref().unwrap_or("there");
        let declared = self.intent.desired.as_str();
        let note = match sight.observation.backup() {
            Some(backup) => {
                self.drift = Some(backup.state.clone());
                let is = if backup.state.as_str() == was {
                    format!("NeverExpires is {}", backup.never_expires.unwrap_or_default())
                } else {
                    format!("it is {}", backup.state)
                };
                format!(
                    "AWS changed {place} behind the operator's back: it was {was}, now {is}, and {declared} is declared"
                )
            }
            None => format!("AWS no longer shows {place}, which was {was}, and {declared} is declared"),
        };
        self.notices.push(Notice::drift(note));
    }

    /// Reads the object again and asks for the permit to make the call that is due.
    async fn permit(&self, held: &Held<'_>, sight: &Sight) -> Result<Result<Permit, Refusal>, ClusterError> {
        let read =
            self.context.cluster.read(&self.key).await.inspect_err(|_| self.context.metrics.reconcile_error())?;
        let Some((live, valid_until)) = read else { return Ok(Err(Refusal::ObjectChanged)) };
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
        Ok(confirm(&situation, &live, valid_until))
    }

    /// AWS accepted a write: say so at once, whatever becomes of the status.
    async fn written(&mut self, scope: &Scope, call: Call, observation: &Observation, request_id: Option<&str>) {
        self.context.metrics.aws_write(call.operation());
        self.context.wake_sharing(&self.key);
        let place = self.place(scope, self.account(scope, observation).await);
        let after = status::mirror(&self.mirrored, &self.intent, observation);
        let note = message::written(call, &place, &after, request_id);
        if let Some(state) = self.drift.take() {
            self.context.metrics.drift(&state);
        }
        for notice in std::mem::take(&mut self.notices) {
            self.context.events.publish(self.object, notice).await;
        }
        self.context.events.publish(self.object, Notice::written(call, note)).await;
    }

    /// After a failed write nobody knows what is true until AWS is looked at again; but a throttled one wasn't tried.
    async fn after_failed_write(
        mut self,
        scope: &Scope,
        held: &mut Held<'_>,
        call: Call,
        sight: &Sight,
        failure: Failure,
    ) -> Result<Duration, ClusterError> {
        tracing::warn!(object = %self.key, error = %failure, request_id = failure.request_id, "an AWS write failed");
        if failure.class == FailureClass::Throttled {
            return self.write_failed(scope, sight, held, &failure).await;
        }
        let Ok(sight) = held.look().await else { return self.write_failed(scope, sight, held, &failure).await };
        let weighed = self.weigh(scope, held, &sight).await;
        if weighed.decision.call().is_some() {
            return self.write_failed(scope, &sight, held, &failure).await;
        }
        held.settle();
        if failure.class == FailureClass::AwsUnavailable && weighed.decision.reason.is_ready() {
            self.written(scope, call, &sight.observation, failure.request_id.as_deref()).await;
        }
        self.report(scope, &sight, &weighed, held).await
    }

    async fn write_failed(
        self,
        scope: &Scope,
        sight: &Sight,
        held: &Held<'_>,
        failure: &Failure,
    ) -> Result<Duration, ClusterError> {
        let place = self.place(scope, self.account(scope, &sight.observation).await);
        let verdict = failing(failure, "False", &place);
        self.conclude(&verdict).await?;
        Ok(held.next())
    }

    async fn look_failed(
        mut self,
        scope: &Scope,
        held: &Held<'_>,
        failure: Failure,
        asked: bool,
    ) -> Result<Duration, ClusterError> {
        tracing::debug!(object = %self.key, error = %failure, "a look at AWS failed");
        let Showing::Ready(ready) = status::showing(&self.previous, asked, held.has_looked(), held.is_stale()) else {
            self.context.metrics.object(&self.key.namespace, &self.key.name, &self.previous);
            return Ok(held.next());
        };
        if self.mirrored.region.is_none() {
            self.mirrored.region = Some(scope.region.to_string());
        }
        let answered = matches!(
            failure.class,
            FailureClass::AccessDenied | FailureClass::InvalidRequest | FailureClass::Throttled
        );
        let account =
            if answered { self.account(scope, &Observation::NotFound).await } else { self.remembered_account() };
        let place = self.place(scope, account);
        let verdict = match self.context.rival(&self.key, &self.intent) {
            Some(rival) => self.conflict(&place, &rival),
            None => failing(&failure, ready, &place),
        };
        self.conclude(&verdict).await?;
        Ok(held.next())
    }

    /// Nothing was ever seen of the backup, and a failure keeps the next look waiting.
    async fn still_failing(self, scope: &Scope, held: &Held<'_>, asked: bool) -> Result<Duration, ClusterError> {
        match held.failed().cloned() {
            Some(Failed { failure, .. }) => self.look_failed(scope, held, failure, asked).await,
            None => Ok(held.next().max(SOON)),
        }
    }

    async fn without_region(self, asked: bool) -> Result<Duration, ClusterError> {
        let failure = Failure {
            class: FailureClass::NoRegion,
            operation: "DescribeBackups",
            code: None,
            text: String::new(),
            request_id: None,
        };
        let resync = self.context.resync;
        self.context.find_default_region().await;
        if let Showing::Ready(ready) = status::showing(&self.previous, asked, false, self.context.is_old()) {
            let place = Place { backup_id: self.intent.backup_id.clone(), region: None, account: None };
            self.conclude(&failing(&failure, ready, &place)).await?;
        }
        Ok(backoff::delay(failure.class, 1, resync, 0.0))
    }

    fn conflict(&self, place: &Place, rival: &Rival) -> Verdict {
        let decision = Decision { reason: Reason::Conflict, due: None, held: false };
        let about = About {
            intent: &self.intent,
            place,
            observation: &Observation::NotFound,
            status: &self.mirrored,
            memory: &Memory::default(),
            rival: Some(rival),
            mode: self.context.mode,
            now: self.context.clock.now(),
        };
        Verdict::decided(&decision, message::decided(&decision, &about))
    }

    async fn report(
        self,
        scope: &Scope,
        sight: &Sight,
        weighed: &Weighed,
        held: &Held<'_>,
    ) -> Result<Duration, ClusterError> {
        let place = self.place(scope, self.account(scope, &sight.observation).await);
        let about = About {
            intent: &self.intent,
            place: &place,
            observation: &sight.observation,
            status: &self.mirrored,
            memory: &weighed.memory,
            rival: weighed.rival.as_ref(),
            mode: self.context.mode,
            now: weighed.now,
        };
        let verdict = Verdict::decided(&weighed.decision, message::decided(&weighed.decision, &about));
        let next = match (weighed.decision.reason, weighed.memory.delete_timestamp) {
            // Gone before its time: that changes by itself when the time has come.
            (Reason::BackupNotFound, Some(end)) if end > weighed.now => {
                let left = end.duration_since(weighed.now).unsigned_abs();
                held.next().min(left.saturating_add(SOON))
            }
            _ => held.next(),
        };
        self.conclude(&verdict).await?;
        Ok(next)
    }

    /// Writes the status where it differs, then sends the events.
    async fn conclude(self, verdict: &Verdict) -> Result<(), ClusterError> {
        let Self { context, object, key, intent, request, previous, mirrored, notices, drift } = self;
        let now = context.clock.now();
        let next = status::conclude(mirrored, verdict, intent.generation, request.as_deref(), now);
        if next != previous {
            context.write_status(&key, object, &previous, &next).await?;
            tracing::info!(object = %key, ready = verdict.ready, reason = verdict.reason.as_str(), verdict.message, "status");
        }
        context.metrics.object(&key.namespace, &key.name, &next);
        if let Some(state) = drift {
            context.metrics.drift(&state);
        }
        let stalled = status::newly_stalled(&previous, &next);
        let stalled = stalled.map(|condition| Notice::stalled(&condition.reason, &condition.message));
        for notice in notices.into_iter().chain(stalled) {
            context.events.publish(object, notice).await;
        }
        Ok(())
    }

    fn place(&self, scope: &Scope, account: Option<AccountId>) -> Place {
        Place { backup_id: self.intent.backup_id.clone(), region: Some(scope.region.clone()), account }
    }

    /// The account looked in: of the backup's ARN, else of the credentials.
    async fn account(&self, scope: &Scope, observation: &Observation) -> Option<AccountId> {
        match observation.backup().and_then(crate::backup::Backup::account) {
            Some(account) => Some(account),
            None => self.context.inventory.account(scope).await,
        }
    }

    fn remembered_account(&self) -> Option<AccountId> {
        self.mirrored.backup_arn.as_deref().and_then(AccountId::of_arn)
    }
}

fn failing(failure: &Failure, ready: &'static str, place: &Place) -> Verdict {
    let reason = status::failure_reason(failure.class);
    Verdict { reason, ready, message: message::failed(failure, place) }
}

/// The object's namespace and name.
pub(super) fn key_of(object: &impl ResourceExt) -> ObjectKey {
    ObjectKey { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}
