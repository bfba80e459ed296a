//! CopyBackupToRegion.

use super::{Done, backup_id, known, only_in, tags, typed};
use crate::backup::{Backup, READY, Scope};
use crate::errors::ApiError;
use crate::fields::Fields;
use crate::model;
use crate::wire::Shape;
use crate::world::World;
use std::sync::Arc;

pub(super) fn copy(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let region = typed(input.text("DestinationRegion"))?;
    let id = typed(input.text("BackupId"))?;
    let tags = tags::typed_list(input)?;
    let region = model::required("DestinationRegion", region)?;
    model::REGION.check("DestinationRegion", region)?;
    let id = backup_id(id)?;
    let tags = tags.map(tags::checked).transpose()?;

    let (now, source) = known(world, scope, id)?;
    if region == scope.region {
        return Err(ApiError::invalid(format!("The backup {id} is in {region} already.")));
    }
    only_in(READY, &source, "CopyBackupToRegion")?;
    let destination = Scope { region: region.to_owned(), ..scope.clone() };
    let copy_id = new_id(world, &destination);
    let copy = Backup {
        arn: Some(destination.arn(&copy_id)),
        id: copy_id,
        state: Some(READY.to_owned()),
        cluster: None,
        created: source.created,
        copied: Some(now),
        never_expires: Some(false),
        source_region: Some(scope.region.clone()),
        source_backup: Some(source.id.to_string()),
        source_cluster: source.cluster.clone(),
        deletes: None,
        tags: tags.unwrap_or_else(|| source.tags.clone()),
        hsm_type: source.hsm_type.clone(),
        mode: source.mode.clone(),
    };
    let note = format!("copied to {region} as {}", copy.id);
    let members = [
        ("CreateTimestamp", copy.created.map(Shape::Time)),
        ("SourceRegion", copy.source_region.clone().map(Shape::Text)),
        ("SourceBackup", copy.source_backup.clone().map(Shape::Text)),
        ("SourceCluster", copy.source_cluster.clone().map(Shape::Text)),
    ];
    let answer = members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    world.change(&destination, now, copy);
    Ok(Done { shape: Shape::Record(vec![("DestinationBackup", Shape::Record(answer))]), note })
}

/// An id that nobody has in this scope.
fn new_id(world: &mut World, scope: &Scope) -> Arc<str> {
    loop {
        let id = format!("backup-{}", world.ids.letters(11));
        if world.backups.get(scope, &id).is_none() {
            return id.into();
        }
    }
}
