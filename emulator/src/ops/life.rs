//! DeleteBackup, RestoreBackup, ModifyBackupAttributes.

use super::{Done, backup_id, known, only_in, typed};
use crate::backup::{Backup, PENDING_DELETION, READY, Scope};
use crate::errors::ApiError;
use crate::fields::Fields;
use crate::model;
use crate::time::Millis;
use crate::wire::Shape;
use crate::world::World;

/// How long a deleted backup can be restored: 7 days.
const RESTORE_WINDOW: i64 = 7 * 24 * 60 * 60 * 1000;

pub(super) fn delete(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = backup_id(typed(input.text("BackupId"))?)?;
    let (now, backup) = known(world, scope, id)?;
    only_in(READY, &backup, "DeleteBackup")?;
    let state = Some(PENDING_DELETION.to_owned());
    let deleted = Backup { state, deletes: Some(now.plus(RESTORE_WINDOW)), ..(*backup).clone() };
    Ok(change(world, scope, now, deleted, format!("{READY} -> {PENDING_DELETION}")))
}

pub(super) fn restore(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = backup_id(typed(input.text("BackupId"))?)?;
    // Past its DeleteTimestamp it is DELETED by now.
    let (now, backup) = known(world, scope, id)?;
    only_in(PENDING_DELETION, &backup, "RestoreBackup")?;
    let restored = Backup { state: Some(READY.to_owned()), deletes: None, ..(*backup).clone() };
    Ok(change(world, scope, now, restored, format!("{PENDING_DELETION} -> {READY}")))
}

pub(super) fn modify(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = typed(input.text("BackupId"))?;
    let never_expires = typed(input.flag("NeverExpires"))?;
    let id = backup_id(id)?;
    let never_expires = model::required("NeverExpires", never_expires)?;
    let (now, backup) = known(world, scope, id)?;
    only_in(READY, &backup, "ModifyBackupAttributes")?;
    let modified = Backup { never_expires: Some(never_expires), ..(*backup).clone() };
    Ok(change(world, scope, now, modified, format!("NeverExpires {never_expires}")))
}

/// Answers the backup after the change.
fn change(world: &mut World, scope: &Scope, now: Millis, backup: Backup, note: String) -> Done {
    let shape = Shape::Record(vec![("Backup", backup.shape())]);
    world.change(scope, now, backup);
    Done { shape, note }
}
