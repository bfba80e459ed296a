//! The end of a pass: what it found, as the object's status, its events and its metrics.

use std::time::Duration;

use super::{
    cluster::ClusterError,
    pass::{Next, Pass, SOON, Weighed},
};
use crate::{
    api::Reason,
    backoff,
    backup::{AccountId, Backup, Failure, FailureClass, Observation, Scope},
    decide::{Decision, Sight, is_witness_past},
    events::Notice,
    intent::Memory,
    inventory::Held,
    message::{self, About, Place, Rival},
    status::{self, Showing, Verdict},
};

impl Pass<'_> {
    pub(super) async fn write_failed(
        self,
        scope: &Scope,
        weighed: &Weighed,
        held: &mut Held,
        failure: &Failure,
    ) -> Result<Next, ClusterError> {
        let place = self.place(scope, weighed.account.clone());
        let verdict = failing(failure, "False", &place);
        self.conclude(&verdict, Some(held)).await?;
        held.rest(false);
        Ok(held.next())
    }

    pub(super) async fn look_failed(
        mut self,
        scope: &Scope,
        held: &mut Held,
        failure: Failure,
        asked: bool,
    ) -> Result<Next, ClusterError> {
        tracing::debug!(object = %self.key, error = %failure, "a look at AWS failed");
        let rival = self.context.rival(&self.key, &self.intent);
        let showing = status::showing(&self.previous, asked, held.has_looked(), held.is_stale());
        let ready = match (&rival, showing) {
            (None, Showing::Nothing) => {
                self.context.conclude(&self.key, &self.intent.uid, &self.previous, self.shown);
                return Ok(held.next());
            }
            (_, Showing::Ready(ready)) => ready,
            // A conflict needs no look to be known.
            (Some(_), Showing::Nothing) => "False",
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
        let verdict = match rival {
            Some(rival) => self.conflict(&place, &rival),
            None => failing(&failure, ready, &place),
        };
        self.conclude(&verdict, Some(held)).await?;
        held.rest(true);
        Ok(held.next())
    }

    pub(super) async fn without_region(self, asked: bool) -> Result<Duration, ClusterError> {
        let failure = Failure {
            class: FailureClass::NoRegion,
            operation: "DescribeBackups",
            code: None,
            text: String::new(),
            request_id: None,
        };
        let resync = self.context.resync;
        self.context.find_default_region().await;
        if let Showing::Ready(ready) = status::showing(&self.previous, asked, false, self.context.inventory.is_old()) {
            let place = Place { backup_id: self.intent.backup_id, region: None, account: None };
            self.conclude(&failing(&failure, ready, &place), None).await?;
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

    pub(super) async fn report(
        self,
        scope: &Scope,
        sight: &Sight,
        weighed: &Weighed,
        held: &mut Held,
    ) -> Result<Next, ClusterError> {
        let place = self.place(scope, weighed.account.clone());
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
            (Reason::BackupNotFound, Some(end)) if !is_witness_past(Some(end), weighed.now) => {
                let left = end.duration_since(weighed.now).unsigned_abs();
                Some(left.saturating_add(SOON))
            }
            _ => None,
        };
        // While a call is due the sight is of use to the pass that makes it.
        let over = weighed.decision.call().is_none();
        self.conclude(&verdict, Some(held)).await?;
        if over {
            held.rest(false);
        }
        Ok(held.next().into_iter().chain(next).min())
    }

    /// Writes the status where it differs, then sends the events.
    async fn conclude(self, verdict: &Verdict, held: Option<&mut Held>) -> Result<(), ClusterError> {
        let Self {
            context,
            object,
            key,
            intent,
            request,
            stored,
            previous,
            mirrored,
            mut shown,
            fresh,
            notices,
            drift,
            ..
        } = self;
        let now = context.clock.now();
        let next = status::conclude(mirrored, verdict, intent.generation, request.as_deref(), now);
        // What others wrote over it is put right with the next look, and not at once: so two processes never write in turns.
        let write = next != *stored && (fresh || next != *previous);
        if write {
            context.write_status(&key, object, &stored, &next).await?;
            tracing::info!(object = %key, ready = verdict.ready, reason = verdict.reason.as_str(), verdict.message, "status");
        }
        if let Some(state) = drift {
            context.metrics.drift(&state);
        }
        let stalled = status::newly_stalled(&previous, &next);
        let stalled = stalled.map(|condition| Notice::stalled(&condition.reason, &condition.message));
        if let Some(held) = held {
            shown = held.shown();
            if !write && next != *stored {
                held.await_next();
            }
        }
        context.conclude(&key, &intent.uid, &next, shown);
        for notice in notices.into_iter().chain(stalled) {
            context.events.publish(object, notice).await;
        }
        Ok(())
    }

    pub(super) fn place(&self, scope: &Scope, account: Option<AccountId>) -> Place {
        Place { backup_id: self.intent.backup_id, region: Some(scope.region.clone()), account }
    }

    /// The account looked in: of the backup's ARN, else of the credentials.
    pub(super) async fn account(&self, scope: &Scope, observation: &Observation) -> Option<AccountId> {
        match observation.backup().and_then(Backup::account) {
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
