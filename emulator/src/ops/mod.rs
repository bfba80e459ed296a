//! The operations of CloudHSM: each reads the types of its input first, then its constraints, then acts.

mod copy;
mod describe;
mod filters;
mod life;
mod tags;

use crate::backup::{Backup, Scope};
use crate::errors::ApiError;
use crate::fields::{Fields, Wrong};
use crate::model;
use crate::request::Call;
use crate::time::Millis;
use crate::wire::Shape;
use crate::world::World;
use std::sync::Arc;

pub(crate) use filters::Filters;
pub(crate) use tags::read as read_tags;

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) shape: Shape,
    /// What happened, for the line that a person reads.
    pub(crate) note: String,
}

type Operation = fn(&mut World, &Scope, Fields<'_>) -> Result<Done, ApiError>;

fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        "DescribeBackups" => describe::describe,
        "DeleteBackup" => life::delete,
        "RestoreBackup" => life::restore,
        "ModifyBackupAttributes" => life::modify,
        "CopyBackupToRegion" => copy::copy,
        "TagResource" => tags::tag,
        "UntagResource" => tags::untag,
        "ListTags" => tags::list,
        _ => return None,
    })
}

/// Does what the call asks for.
pub(crate) fn run(world: &mut World, call: &Call) -> Result<Done, ApiError> {
    let operation = operation(&call.op).filter(|_| call.served);
    let operation = operation.ok_or_else(|| ApiError::unknown_operation(&call.op))?;
    let input = call.input.as_ref().map_err(ApiError::serialization)?;
    operation(world, &call.scope, typed(Fields::of(input, "the body"))?)
}

/// A wrong type is an error of its own.
fn typed<T>(read: Result<T, Wrong>) -> Result<T, ApiError> {
    read.map_err(ApiError::serialization)
}

/// The id of a backup, for the operations that need one.
fn backup_id(value: Option<&str>) -> Result<&str, ApiError> {
    let id = model::required("BackupId", value)?;
    model::BACKUP_ID.check("BackupId", id)?;
    Ok(id)
}

/// The backup and the time, if the backup is known.
fn known(world: &mut World, scope: &Scope, id: &str) -> Result<(Millis, Arc<Backup>), ApiError> {
    world.known(scope, id).ok_or_else(|| ApiError::not_found(id))
}

/// Refuses a backup in another state.
fn only_in(state: &str, backup: &Backup, op: &str) -> Result<(), ApiError> {
    if backup.is(state) {
        return Ok(());
    }
    let (id, is) = (&backup.id, backup.state_name());
    Err(ApiError::invalid(format!("{op} needs a backup in state {state}; the backup {id} is in state {is}.")))
}
