//! The look: DescribeBackups for one backup, over all pages.

use std::{collections::HashSet, time::Instant};

use aws_types::request_id::RequestId;

use super::{
    Inner,
    classify::Fault,
    clients::Client,
    decode::{self, Malformed},
    text,
    transmission::Transmission,
};
use crate::backup::{Backup, BackupId, Failure, Observation, Scope};

const OPERATION: &str = "DescribeBackups";
const NOT_FOUND: &str = "CloudHsmResourceNotFoundException";
const PER_PAGE: i32 = 50;
/// One backup fits on one page; AWS may still send empty ones.
const MOST_PAGES: usize = 20;

struct Page {
    found: Option<Backup>,
    next: Option<String>,
}

impl Inner {
    /// Looks for a backup. Only a complete listing without it says that there is none.
    pub(super) async fn describe(&self, scope: &Scope, id: &BackupId) -> Result<Observation, Failure> {
        let look = tokio::time::timeout(self.limits.look, self.listing(&self.clients.of(scope), id)).await;
        let found = match look.unwrap_or_else(|_| Err(Fault::timeout(OPERATION))) {
            Ok(found) => found,
            Err(fault) if fault.failure.code.as_deref() == Some(NOT_FOUND) => None,
            Err(fault) => return Err(fault.failure),
        };
        let Some(backup) = found else { return Ok(Observation::NotFound) };
        self.accounts.learn(scope, &backup);
        Ok(Observation::Found(Box::new(backup)))
    }

    async fn listing(&self, client: &Client, id: &BackupId) -> Result<Option<Backup>, Fault> {
        let malformed = |text| Fault::malformed(OPERATION, Malformed(text), None);
        let mut found: Option<Backup> = None;
        let mut tokens = HashSet::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let page = match self.page(client, id, token).await {
                Err(fault) if fault.failure.code.as_deref() == Some(NOT_FOUND) && found.is_some() => {
                    return Err(malformed("DescribeBackups showed the backup and then called it unknown"));
                }
                page => page?,
            };
            match (&found, page.found) {
                (Some(before), Some(after)) if *before != after => return Err(malformed(TWICE)),
                (None, Some(backup)) => found = Some(backup),
                _ => {}
            }
            let Some(next) = page.next else { return Ok(found) };
            if !tokens.insert(next.clone()) {
                return Err(malformed("DescribeBackups repeated a page token, so its listing isn't complete"));
            }
            token = Some(next);
        }
        Err(malformed("DescribeBackups doesn't come to an end for a single backup"))
    }

    async fn page(&self, client: &Client, id: &BackupId, token: Option<String>) -> Result<Page, Fault> {
        let started = Instant::now();
        let transmission = Transmission::any_time();
        let call = client
            .cloudhsm
            .describe_backups()
            .filters("backupIds", vec![id.as_str().to_owned()])
            .max_results(PER_PAGE)
            .set_next_token(token)
            .customize()
            .interceptor(transmission.clone())
            .send();
        let result = self.attempt(OPERATION, &transmission, call).await.and_then(|output| {
            let request_id = output.request_id().map(text::identifier);
            let malformed = |error| Fault::malformed(OPERATION, error, request_id);
            // AWS's list may be empty, but it is there. An answer without it proves nothing.
            let Some(shown) = output.backups else {
                return Err(malformed(Malformed("DescribeBackups answered without a list of backups")));
            };
            let found = only(shown, id).map_err(malformed)?;
            Ok(Page { found, next: output.next_token.filter(|token| !token.is_empty()) })
        });
        self.count(OPERATION, started, &result);
        result
    }
}

const TWICE: &str = "DescribeBackups showed the backup twice, and not the same";

/// The one backup of a page. Any other one means that AWS didn't answer what was asked.
fn only(shown: Vec<aws_sdk_cloudhsmv2::types::Backup>, id: &BackupId) -> Result<Option<Backup>, Malformed> {
    let mut found: Option<Backup> = None;
    for backup in shown {
        let backup = decode::backup(backup, id)?;
        if found.as_ref().is_some_and(|before| *before != backup) {
            return Err(Malformed(TWICE));
        }
        found = Some(backup);
    }
    Ok(found)
}
