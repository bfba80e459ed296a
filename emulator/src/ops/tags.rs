//! TagResource, UntagResource, ListTags.

use super::describe::{check_token, foreign_token};
use super::{Done, known, typed};
use crate::backup::{Backup, Scope, Tag};
use crate::errors::ApiError;
use crate::fields::{self, Fields, Wrong};
use crate::model;
use crate::pages::{self, Place, Question};
use crate::wire::Shape;
use crate::world::World;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How many tags a call may name, and a backup may have.
const MOST_TAGS: usize = 50;
const TAGS: RangeInclusive<usize> = 1..=MOST_TAGS;
const KEY_LENGTH: RangeInclusive<usize> = 1..=128;
const VALUE_LENGTH: RangeInclusive<usize> = 0..=256;
const LARGEST_PAGE: usize = 100;

type TagTexts<'a> = (Option<&'a str>, Option<&'a str>);

pub(super) fn tag(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = typed(input.text("ResourceId"))?;
    let tags = typed_list(input)?;
    let id = resource_id(id)?;
    let tags = checked(model::required("TagList", tags)?)?;
    let (now, backup) = known(world, scope, id)?;
    let mut tagged = (*backup).clone();
    for tag in tags {
        match tagged.tags.iter_mut().find(|present| present.key == tag.key) {
            Some(present) => *present = tag,
            None => tagged.tags.push(tag),
        }
    }
    if tagged.tags.len() > MOST_TAGS.max(backup.tags.len()) {
        let (code, count) = ("CloudHsmResourceLimitExceededException", tagged.tags.len());
        let message = format!("The backup {id} would have {count} tags; {MOST_TAGS} is the most.");
        return Err(ApiError::new(code, message));
    }
    Ok(change(world, scope, now, tagged))
}

pub(super) fn untag(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = typed(input.text("ResourceId"))?;
    let keys = typed(input.list("TagKeyList"))?.map(|keys| typed(fields::texts(keys, "TagKeyList"))).transpose()?;
    let id = resource_id(id)?;
    let keys = model::required("TagKeyList", keys)?;
    model::count("TagKeyList", keys.len(), &TAGS)?;
    keys.iter().try_for_each(|key| check_key(key))?;
    let (now, backup) = known(world, scope, id)?;
    let mut untagged = (*backup).clone();
    untagged.tags.retain(|tag| !keys.contains(&tag.key.as_str()));
    Ok(change(world, scope, now, untagged))
}

pub(super) fn list(world: &mut World, scope: &Scope, input: Fields<'_>) -> Result<Done, ApiError> {
    let id = typed(input.text("ResourceId"))?;
    let token = typed(input.text("NextToken"))?;
    let most = typed(input.whole("MaxResults"))?;
    let id = resource_id(id)?;
    let size = model::page("MaxResults", most, LARGEST_PAGE)?;
    check_token(token)?;
    let (_, backup) = known(world, scope, id)?;
    let question = Question::Tags { scope: scope.clone(), backup: id.to_owned() };
    let place = match token {
        Some(token) => world.listings.place(&question, token).ok_or_else(foreign_token)?,
        None => Place::start(backup.tags.iter().map(|tag| Arc::from(tag.key.as_str())).collect()),
    };
    let find = |key: &str| backup.tags.iter().find(|tag| tag.key == key).map(Tag::shape);
    let (tags, next) = pages::page(&place, size, find);
    let note = count(tags.len());
    // The model requires TagList here, so it comes even when it is empty.
    let mut members = vec![("TagList", Shape::List(tags))];
    if let Some(next) = next {
        members.push(("NextToken", Shape::Text(world.listings.token(&question, &next))));
    }
    Ok(Done { shape: Shape::Record(members), note })
}

fn change(world: &mut World, scope: &Scope, now: crate::time::Millis, backup: Backup) -> Done {
    let note = count(backup.tags.len());
    world.change(scope, now, backup);
    Done { shape: Shape::Record(vec![]), note }
}

fn count(tags: usize) -> String {
    if tags == 1 { "1 tag".to_owned() } else { format!("{tags} tags") }
}

fn resource_id(id: Option<&str>) -> Result<&str, ApiError> {
    let id = model::required("ResourceId", id)?;
    model::RESOURCE_ID.check("ResourceId", id)?;
    Ok(id)
}

/// The member `TagList`, by type.
pub(super) fn typed_list(input: Fields<'_>) -> Result<Option<Vec<TagTexts<'_>>>, ApiError> {
    typed(input.list("TagList"))?.map(|tags| typed(texts(tags))).transpose()
}

fn texts(tags: &[Value]) -> Result<Vec<TagTexts<'_>>, Wrong> {
    let tags = tags.iter().filter(|tag| !tag.is_null());
    tags.map(|tag| {
        let tag = Fields::of(tag, "a tag")?;
        Ok((tag.text("Key")?, tag.text("Value")?))
    })
    .collect()
}

/// Tags of a call, by the model's constraints.
pub(super) fn checked(tags: Vec<TagTexts<'_>>) -> Result<Vec<Tag>, ApiError> {
    model::count("TagList", tags.len(), &TAGS)?;
    tags.into_iter()
        .map(|(key, value)| {
            let key = model::required("TagList.member.Key", key)?;
            check_key(key)?;
            let value = model::required("TagList.member.Value", value)?;
            model::length("TagList.member.Value", value, &VALUE_LENGTH)?;
            model::TAG_TEXT.check("TagList.member.Value", value)?;
            Ok(Tag { key: key.to_owned(), value: value.to_owned() })
        })
        .collect()
}

fn check_key(key: &str) -> Result<(), ApiError> {
    model::length("a tag's key", key, &KEY_LENGTH)?;
    model::TAG_TEXT.check("a tag's key", key)
}

/// Tags as the control API takes them: types checked, values not.
pub(crate) fn read(tags: &[Value]) -> Result<Vec<Tag>, Wrong> {
    tags.iter()
        .map(|tag| {
            let tag = Fields::of(tag, "a tag")?.only(&["Key", "Value"])?;
            let text = |name| tag.text(name)?.map(str::to_owned).ok_or_else(|| format!("a tag needs {name}"));
            Ok(Tag { key: text("Key")?, value: text("Value")? })
        })
        .collect()
}
