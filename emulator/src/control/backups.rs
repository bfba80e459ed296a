//! Backups as the control API takes and shows them.

use super::{Refusal, list};
use crate::backup::{Backup, READY, Scope};
use crate::caller::Caller;
use crate::fields::{Fields, Wrong};
use crate::history::History;
use crate::ops::read_tags;
use crate::time::Millis;
use crate::world::World;
use serde_json::{Value, json};

const FIELDS: [&str; 16] = [
    "BackupId",
    "BackupArn",
    "BackupState",
    "ClusterId",
    "CreateTimestamp",
    "CopyTimestamp",
    "NeverExpires",
    "SourceRegion",
    "SourceBackup",
    "SourceCluster",
    "DeleteTimestamp",
    "TagList",
    "HsmType",
    "Mode",
    "Account",
    "Region",
];

/// All backups as they truly are now.
pub(super) fn all(world: &mut World) -> Value {
    world.settle();
    world
        .backups
        .all()
        .map(|(scope, backup)| {
            let mut shown = backup.shape().json();
            if let Value::Object(members) = &mut shown {
                members.insert("Account".to_owned(), Value::from(scope.account.as_str()));
                members.insert("Region".to_owned(), Value::from(scope.region.as_str()));
            }
            shown
        })
        .collect()
}

/// Creates or replaces all, or none if one is wrong. What is put shows at once.
pub(super) fn put(world: &mut World, backups: &Value) -> Result<Value, Wrong> {
    let backups: Vec<(Scope, Backup)> = list(backups, "backups")?.iter().map(read).collect::<Result<_, _>>()?;
    let count = backups.len();
    for (scope, backup) in backups {
        world.backups.put(&scope, History::placed(backup));
    }
    Ok(json!({"put": count}))
}

/// Takes a backup away.
pub(super) fn delete(
    world: &mut World,
    id: &str,
    account: Option<&str>,
    region: Option<&str>,
) -> Result<Value, Refusal> {
    let limit = |scope: &Scope| {
        account.is_none_or(|account| account == scope.account) && region.is_none_or(|region| region == scope.region)
    };
    match world.backups.remove(id, limit) {
        0 => Err((404, format!("no such backup: {id}"))),
        count => Ok(json!({"deleted": count})),
    }
}

fn read(value: &Value) -> Result<(Scope, Backup), Wrong> {
    let fields = Fields::of(value, "a backup")?;
    let id = fields.text("BackupId")?.ok_or("a backup needs BackupId")?;
    read_known(fields, id).map_err(|wrong| format!("{id}: {wrong}"))
}

fn read_known(fields: Fields<'_>, id: &str) -> Result<(Scope, Backup), Wrong> {
    let fields = fields.only(&FIELDS)?;
    let text = |name| fields.text(name).map(|text| text.map(str::to_owned));
    let time = |name| match fields.number(name)? {
        Some(seconds) => Millis::from_seconds(seconds).map(Some).ok_or_else(|| format!("{name} is out of reach")),
        None => Ok(None),
    };
    let mut scope = Caller::default().scope();
    scope.account = text("Account")?.unwrap_or(scope.account);
    scope.region = text("Region")?.unwrap_or(scope.region);
    // Left out, these two have a value; null keeps them absent.
    let arn = if fields.has("BackupArn") { text("BackupArn")? } else { Some(scope.arn(id)) };
    let state = if fields.has("BackupState") { text("BackupState")? } else { Some(READY.to_owned()) };
    let backup = Backup {
        id: id.into(),
        arn,
        state,
        cluster: text("ClusterId")?,
        created: time("CreateTimestamp")?,
        copied: time("CopyTimestamp")?,
        never_expires: fields.flag("NeverExpires")?,
        source_region: text("SourceRegion")?,
        source_backup: text("SourceBackup")?,
        source_cluster: text("SourceCluster")?,
        deletes: time("DeleteTimestamp")?,
        tags: fields.list("TagList")?.map_or(Ok(vec![]), |tags| read_tags(tags))?,
        hsm_type: text("HsmType")?,
        mode: text("Mode")?,
    };
    Ok((scope, backup))
}
