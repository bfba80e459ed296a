//! The filters of DescribeBackups: together an AND, the values within one an OR.

use super::typed;
use crate::backup::Backup;
use crate::errors::ApiError;
use crate::fields;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 5] = ["backupIds", "sourceBackupIds", "clusterIds", "states", "neverExpires"];

/// Filters as read; the order in which they were given, and repeats, make no difference.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filters {
    texts: BTreeMap<&'static str, BTreeSet<String>>,
    never_expires: Option<BTreeSet<bool>>,
}

impl Filters {
    pub(super) fn read(members: Option<&Map<String, Value>>) -> Result<Self, ApiError> {
        let mut given = Vec::new();
        for (name, value) in members.into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            let Value::Array(values) = value else {
                let kind = fields::kind(value);
                return Err(ApiError::serialization(format!("the filter {name:?} must be a list, not {kind}")));
            };
            given.push((name, typed(fields::texts(values, &format!("the filter {name:?}")))?));
        }
        let mut filters = Self::default();
        for (name, values) in given {
            let Some(name) = NAMES.into_iter().find(|known| known == name) else {
                let known = NAMES.join(", ");
                return Err(ApiError::invalid(format!("The filter {name:?} is unknown; known are {known}.")));
            };
            if name == "neverExpires" {
                filters.never_expires = Some(values.into_iter().map(flag).collect::<Result<_, _>>()?);
            } else {
                filters.texts.insert(name, values.into_iter().map(str::to_owned).collect());
            }
        }
        Ok(filters)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.values().map(BTreeSet::len).sum()
    }

    /// The ids asked for.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.texts.get("backupIds").into_iter().flatten().map(String::as_str)
    }

    pub(super) fn match_with(&self, backup: &Backup) -> bool {
        let texts = self.texts.iter().all(|(name, wanted)| {
            let value = match *name {
                "backupIds" => Some(&*backup.id),
                "sourceBackupIds" => backup.source_backup.as_deref(),
                "clusterIds" => backup.cluster.as_deref(),
                _ => backup.state.as_deref(),
            };
            value.is_some_and(|value| wanted.contains(value))
        });
        let never_expires = backup.never_expires.unwrap_or(false);
        texts && self.never_expires.as_ref().is_none_or(|wanted| wanted.contains(&never_expires))
    }
}

fn flag(value: &str) -> Result<bool, ApiError> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(ApiError::invalid(format!("The filter neverExpires takes true or false, not {value:?}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Filters, ApiError> {
        Filters::read(value.as_object())
    }

    #[test]
    fn the_order_of_names_and_values_makes_no_difference() {
        let one = read(&json!({"states": ["A", "B"], "clusterIds": ["c"], "backupIds": null})).unwrap();
        let other = read(&json!({"clusterIds": ["c", "c", null], "states": ["B", "A"]})).unwrap();
        assert_eq!(one, other);
        assert_ne!(one, read(&json!({"clusterIds": ["c"], "states": []})).unwrap());
        assert_eq!(read(&json!({})).unwrap(), Filters::read(None).unwrap());
    }

    #[test]
    fn wrong_types_come_before_wrong_names_and_values() {
        for (filters, code) in [
            (json!({"nope": ["x"]}), "CloudHsmInvalidRequestException"),
            (json!({"neverExpires": ["yes"]}), "CloudHsmInvalidRequestException"),
            (json!({"neverExpires": [""]}), "CloudHsmInvalidRequestException"),
            (json!({"nope": "x"}), "SerializationException"),
            (json!({"nope": ["x"], "states": [1]}), "SerializationException"),
        ] {
            assert_eq!(read(&filters).unwrap_err().code, code, "{filters}");
        }
        assert_eq!(read(&json!({"neverExpires": ["TRUE", "False"]})).unwrap().never_expires.unwrap().len(), 2);
    }
}
