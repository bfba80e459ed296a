//! Whose account a scope is: ARNs say it, else STS. The operator works where STS can't be reached.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_types::request_id::RequestId;

use super::{Inner, classify::Fault, decode::Malformed, text, transmission::Transmission};
use crate::backup::{AccountId, Backup, Identity, Scope};

const OPERATION: &str = "GetCallerIdentity";

/// What is known of the accounts.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// The same credentials are of the same account in every region.
    known: Mutex<HashMap<Identity, AccountId>>,
    /// When STS failed, by scope. The inner lock is held while STS is asked.
    failed: Mutex<HashMap<Scope, Arc<tokio::sync::Mutex<Option<Instant>>>>>,
}

impl Accounts {
    /// Takes the account from a backup's ARN.
    pub(super) fn learn(&self, scope: &Scope, backup: &Backup) {
        if let Some(account) = backup.account() {
            self.know(scope, account);
        }
    }

    fn know(&self, scope: &Scope, account: AccountId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.identity, account);
    }

    pub(super) fn known(&self, scope: &Scope) -> Option<AccountId> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&scope.identity).cloned()
    }

    fn asking(&self, scope: &Scope) -> Arc<tokio::sync::Mutex<Option<Instant>>> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(failed.entry(scope.clone()).or_default())
    }
}

impl Inner {
    /// The account of the scope's credentials, where it is known or STS tells.
    pub(super) async fn account(&self, scope: &Scope) -> Option<AccountId> {
        if let Some(account) = self.accounts.known(scope) {
            return Some(account);
        }
        let started = Instant::now();
        let asking = self.accounts.asking(scope);
        let mut failed = tokio::time::timeout(self.limits.account, asking.lock()).await.ok()?;
        if let Some(account) = self.accounts.known(scope) {
            return Some(account);
        }
        if failed.is_some_and(|at| at.elapsed() < self.limits.account_pause) {
            return None;
        }
        match self.caller(scope, self.limits.account.saturating_sub(started.elapsed())).await {
            Ok(account) => {
                self.accounts.know(scope, account.clone());
                Some(account)
            }
            Err(_) => {
                *failed = Some(Instant::now());
                None
            }
        }
    }

    async fn caller(&self, scope: &Scope, limit: Duration) -> Result<AccountId, Fault> {
        let started = Instant::now();
        let way = Transmission::any_time();
        let call = self.clients.of(scope).sts.get_caller_identity().customize().interceptor(way.clone()).send();
        let result = tokio::time::timeout(limit, self.attempt(OPERATION, &way, call)).await;
        let result = result.unwrap_or_else(|_| Err(Fault::timeout(OPERATION))).and_then(|output| {
            output.account().and_then(AccountId::new).ok_or_else(|| {
                let request_id = output.request_id().map(text::identifier);
                Fault::malformed(OPERATION, Malformed("STS's answer names no account"), request_id)
            })
        });
        self.count(OPERATION, started, &result);
        result
    }
}
