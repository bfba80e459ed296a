//! DescribeBackups.

use super::filters::Filters;
use super::{Done, typed};
use crate::backup::{Backup, Scope};
use crate::errors::ApiError;
use crate::fields::Fields;
use crate::model;
use crate::pages::{self, Place, Question};
use crate::wire::Shape;
use crate::world::World;
use std::sync::Arc;

const LARGEST_PAGE: usize = 50;
pub(super) const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 0..=256;

pub(super) fn describe(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let token = typed(input.text("NextToken"))?;
    let most = typed(input.whole("MaxResults"))?;
    let shared = typed(input.flag("Shared"))?.unwrap_or(false);
    let ascending = typed(input.flag("SortAscending"))?.unwrap_or(false);
    let filters = Filters::read(typed(input.object("Filters"))?)?;
    let size = model::page("MaxResults", most, LARGEST_PAGE)?.min(world.behaviour().page_size);
    check_token(token)?;
    let question = Question::Backups { scope: scope.clone(), filters, shared, ascending };
    let Question::Backups { filters, .. } = &question else { return Err(foreign_token()) };

    let (now, lag) = (world.now(), world.behaviour().describe_lag);
    world.backups.settle_scope(scope, now, lag);
    let resumed = token.map(|token| world.listings.place(&question, token).ok_or_else(foreign_token)).transpose()?;
    if world.behaviour().unknown_id_fails
        && let Some(id) = filters.ids().find(|id| shown(world, scope, id).is_none())
    {
        return Err(ApiError::not_found(id));
    }
    let matching = |backup: &Arc<Backup>| !shared && filters.match_with(backup);
    let place = resumed.unwrap_or_else(|| Place::start(order(world, scope, matching, ascending)));
    let (backups, next) =
        pages::page(&place, size, |id| shown(world, scope, id).filter(|backup| matching(backup)).map(|b| b.shape()));
    let mut note = if backups.len() == 1 { "1 backup".to_owned() } else { format!("{} backups", backups.len()) };
    let mut members = vec![("Backups", Shape::List(backups))];
    if let Some(next) = next {
        note.push_str(", more follow");
        members.push(("NextToken", Shape::Text(world.listings.token(&question, &next))));
    }
    Ok(Done { shape: Shape::Record(members), note })
}

/// The length and pattern of a token.
pub(super) fn check_token(token: Option<&str>) -> Result<(), ApiError> {
    let Some(token) = token else { return Ok(()) };
    model::length("NextToken", token, &TOKEN_LENGTH)?;
    model::NEXT_TOKEN.check("NextToken", token)
}

pub(super) fn foreign_token() -> ApiError {
    ApiError::invalid("The NextToken wasn't given for this request.")
}

/// A backup as DescribeBackups shows it.
fn shown<'a>(world: &'a World, scope: &Scope, id: &str) -> Option<&'a Arc<Backup>> {
    world.backups.get(scope, id)?.shown().filter(|backup| !world.hides(backup))
}

/// The ids of all backups that match, by CreateTimestamp, then BackupId.
fn order(world: &World, scope: &Scope, matching: impl Fn(&Arc<Backup>) -> bool, ascending: bool) -> Vec<Arc<str>> {
    let shown = world.backups.of(scope).filter_map(|history| history.shown());
    let mut backups: Vec<&Arc<Backup>> = shown.filter(|backup| !world.hides(backup) && matching(backup)).collect();
    backups.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    if !ascending {
        backups.reverse();
    }
    backups.into_iter().map(|backup| Arc::clone(&backup.id)).collect()
}
