//! The look: DescribeBackups, page by page, for some backups or for all of a scope.

use std::{collections::HashSet, time::Instant};

use aws_types::request_id::RequestId;

use super::{
    Inner,
    classify::Fault,
    decode::{self, Malformed},
    text,
    transmission::Transmission,
};
use crate::backup::{Backup, BackupId, Failure, FailureClass, Scope};

const OPERATION: &str = "DescribeBackups";
const NOT_FOUND: &str = "CloudHsmResourceNotFoundException";

/// The most backups on a page, and so the most ids that one look asks for: the limit of `MaxResults` in the AWS service model.
pub const PER_PAGE: usize = 50;

/// AWS may send pages that aren't full, but no end of empty ones.
const EMPTY_PAGES: usize = 20;

/// A listing of backups in a scope, complete or on its way. Only a complete one proves that a backup isn't there.
#[derive(Debug)]
pub struct Listing {
    ids: Option<Vec<BackupId>>,
    found: Vec<Backup>,
    token: Option<String>,
    tokens: HashSet<String>,
    empty: usize,
    refused: bool,
}

impl Listing {
    /// Of these backups, at most [`PER_PAGE`].
    #[must_use]
    pub fn of(ids: Vec<BackupId>) -> Self {
        Self::new(Some(ids))
    }

    /// Of all that the scope holds.
    #[must_use]
    pub fn all() -> Self {
        Self::new(None)
    }

    fn new(ids: Option<Vec<BackupId>>) -> Self {
        Self { ids, found: Vec::new(), token: None, tokens: HashSet::new(), empty: 0, refused: false }
    }

    /// The backups read since this was asked last.
    pub fn take_found(&mut self) -> Vec<Backup> {
        std::mem::take(&mut self.found)
    }

    /// Whether AWS refused to look for an id that it doesn't know, rather than to leave it out.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    fn is_of_one(&self) -> bool {
        self.ids.as_ref().is_some_and(|ids| ids.len() == 1)
    }

    /// Takes in a page. In a listing of some ids any other backup means that AWS didn't answer what was asked.
    fn add(&mut self, shown: Vec<Backup>) -> Result<(), Malformed> {
        self.empty = if shown.is_empty() { self.empty + 1 } else { 0 };
        for backup in shown {
            let Some(ids) = &self.ids else {
                self.found.push(backup);
                continue;
            };
            if !ids.contains(&backup.id) {
                return Err(Malformed("AWS's answer is about another backup than the one asked for"));
            }
            match self.found.iter().find(|found| found.id == backup.id) {
                Some(before) if *before != backup => {
                    return Err(Malformed("DescribeBackups showed the backup twice, and not the same"));
                }
                Some(_) => {}
                None => self.found.push(backup),
            }
        }
        Ok(())
    }

    /// Where the next page is; whether there is one.
    fn turn(&mut self, next: Option<String>) -> Result<Progress, Malformed> {
        let Some(next) = next else { return Ok(Progress::Complete) };
        if !self.tokens.insert(next.clone()) {
            return Err(Malformed("DescribeBackups repeated a page token, so its listing isn't complete"));
        }
        if self.empty >= EMPTY_PAGES {
            return Err(Malformed("DescribeBackups doesn't come to an end: all it sends are empty pages"));
        }
        self.token = Some(next);
        Ok(Progress::More)
    }
}

/// How far a listing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There are further pages.
    More,
    /// That was the last page: what isn't in the listing isn't there.
    Complete,
}

/// A look without a usable answer. Nothing is known by it, and nothing proved absent.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{failure}")]
pub struct LookFailed {
    /// The failure.
    pub failure: Failure,
    /// Whether AWS answered, and with what a single one of the ids may be the cause of.
    pub may_be_one_id: bool,
}

impl From<Fault> for LookFailed {
    fn from(fault: Fault) -> Self {
        let failure = fault.failure;
        let may_be_one_id = match failure.class {
            FailureClass::InvalidRequest => failure.code.is_some(),
            FailureClass::AwsUnavailable => failure.code.is_some() || fault.word == Fault::MALFORMED,
            _ => false,
        };
        Self { failure, may_be_one_id }
    }
}

impl Inner {
    /// Reads the next page of a listing.
    pub(super) async fn read_on(&self, scope: &Scope, listing: &mut Listing) -> Result<Progress, LookFailed> {
        let page = self.page(scope, listing).await;
        let malformed = |error| LookFailed::from(Fault::malformed(OPERATION, error, None));
        let (shown, next) = match page {
            Ok(page) => page,
            // AWS's documents don't say whether an unknown id is left out or refused.
            Err(fault) if fault.failure.code.as_deref() == Some(NOT_FOUND) && listing.is_of_one() => {
                if listing.found.is_empty() {
                    listing.refused = true;
                    return Ok(Progress::Complete);
                }
                return Err(malformed(Malformed("DescribeBackups showed the backup and then called it unknown")));
            }
            Err(fault) => return Err(fault.into()),
        };
        if let Some(backup) = shown.first() {
            self.accounts.learn(scope, backup);
        }
        listing.add(shown).map_err(malformed)?;
        listing.turn(next).map_err(malformed)
    }

    async fn page(&self, scope: &Scope, listing: &Listing) -> Result<(Vec<Backup>, Option<String>), Fault> {
        let started = Instant::now();
        let transmission = Transmission::any_time();
        let call = self.clients.of(scope).cloudhsm.describe_backups();
        let call = match &listing.ids {
            Some(ids) => call.filters("backupIds", ids.iter().map(ToString::to_string).collect()),
            None => call,
        };
        let most = i32::try_from(PER_PAGE).unwrap_or_default();
        let call = call.max_results(most).set_next_token(listing.token.clone());
        let call = call.customize().interceptor(transmission.clone()).send();
        let result = self.attempt(OPERATION, &transmission, call).await.and_then(|output| {
            let request_id = output.request_id().map(text::identifier);
            let malformed = |error| Fault::malformed(OPERATION, error, request_id);
            // AWS's list may be empty, but it is there. An answer without it proves nothing.
            let Some(shown) = output.backups else {
                return Err(malformed(Malformed("DescribeBackups answered without a list of backups")));
            };
            let shown: Result<Vec<Backup>, Malformed> = shown.into_iter().map(decode::backup).collect();
            Ok((shown.map_err(malformed)?, output.next_token.filter(|token| !token.is_empty())))
        });
        self.count(OPERATION, started, &result);
        result
    }
}

#[cfg(test)]
mod tests;
