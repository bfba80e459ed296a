//! The writes: one attempt each, and only while the permit is valid.

use std::{error::Error, time::Instant};

use aws_sdk_cloudhsmv2::types;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use futures::TryFutureExt;

use super::{
    Answer, Inner, WriteError,
    classify::Fault,
    decode::{self, Malformed},
    text,
    transmission::Transmission,
};
use crate::{
    backup::{BackupState, Call},
    decide::Permit,
};

/// What the three operations answer alike.
struct Raw {
    backup: Option<types::Backup>,
    request_id: Option<String>,
}

impl RequestId for Raw {
    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl Inner {
    /// Makes the call that is permitted.
    pub(super) async fn write(&self, permit: Permit) -> Result<Answer, WriteError> {
        let client = self.clients.of(permit.scope()).cloudhsm;
        let way = Transmission::until(permit.valid_until());
        let id = permit.backup_id().as_str();
        match permit.call() {
            Call::DeleteBackup => {
                let call = client.delete_backup().backup_id(id).customize().interceptor(way.clone()).send();
                let call = call.map_ok(|output| Raw { request_id: id_of(&output), backup: output.backup });
                self.send(permit, &way, call).await
            }
            Call::RestoreBackup => {
                let call = client.restore_backup().backup_id(id).customize().interceptor(way.clone()).send();
                let call = call.map_ok(|output| Raw { request_id: id_of(&output), backup: output.backup });
                self.send(permit, &way, call).await
            }
            Call::ModifyBackupAttributes { never_expires } => {
                let call = client.modify_backup_attributes().backup_id(id).never_expires(never_expires);
                let call = call.customize().interceptor(way.clone()).send();
                let call = call.map_ok(|output| Raw { request_id: id_of(&output), backup: output.backup });
                self.send(permit, &way, call).await
            }
        }
    }

    async fn send<E>(
        &self,
        permit: Permit,
        way: &Transmission,
        call: impl Future<Output = Result<Raw, SdkError<E, HttpResponse>>>,
    ) -> Result<Answer, WriteError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let started = Instant::now();
        if started > permit.valid_until() {
            return Err(WriteError::PermitExpired);
        }
        let operation = permit.call().operation();
        let result = self.attempt(operation, way, call).await;
        if result.is_err() && way.expired() {
            return Err(WriteError::PermitExpired);
        }
        let result = result.and_then(|Raw { backup, request_id }| {
            let malformed = |error| Fault::malformed(operation, error, request_id.clone());
            let shown = backup.ok_or(Malformed("AWS's answer holds no backup")).map_err(malformed)?;
            let backup = decode::backup(shown).map_err(malformed)?;
            if backup.id != *permit.backup_id() {
                return Err(malformed(Malformed("AWS's answer is about another backup than the one asked for")));
            }
            if backup.state == BackupState::Unknown(String::new()) {
                return Err(malformed(Malformed("AWS's answer holds a backup without a state")));
            }
            Ok(Answer { backup, request_id })
        });
        self.count(operation, started, &result);
        let answer = result.map_err(|fault| fault.failure)?;
        self.accounts.learn(permit.scope(), &answer.backup);
        Ok(answer)
    }
}

fn id_of(output: &impl RequestId) -> Option<String> {
    output.request_id().map(text::identifier)
}
