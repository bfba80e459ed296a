//! The constraints of AWS's service model (2017-04-28), checked on the whole value.

use crate::errors::ApiError;
use regex::Regex;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// A pattern of the model. A pattern that couldn't be compiled matches nothing; a test compiles them all.
pub(crate) struct Pattern {
    text: &'static str,
    compiled: LazyLock<Option<Regex>, fn() -> Option<Regex>>,
}

macro_rules! pattern {
    ($text:literal) => {
        Pattern { text: $text, compiled: LazyLock::new(|| Regex::new(concat!(r"\A(?:", $text, r")\z")).ok()) }
    };
}

pub(crate) static BACKUP_ID: Pattern = pattern!("backup-[2-7a-zA-Z]{11,16}");
pub(crate) static RESOURCE_ID: Pattern = pattern!("(?:cluster|backup)-[2-7a-zA-Z]{11,16}");
pub(crate) static REGION: Pattern = pattern!("[a-z]{2}(-(gov))?-(east|west|north|south|central){1,2}-[0-9]");
pub(crate) static TAG_TEXT: Pattern = pattern!(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
pub(crate) static NEXT_TOKEN: Pattern = pattern!(".*");

impl Pattern {
    pub(crate) fn check(&self, member: &str, value: &str) -> Result<(), ApiError> {
        if self.compiled.as_ref().is_some_and(|pattern| pattern.is_match(value)) {
            return Ok(());
        }
        let rule = format!("satisfy regular expression pattern: {}", self.text);
        Err(violation(member, &format!("{value:?}"), &rule))
    }
}

/// A member that must be there.
pub(crate) fn required<T>(member: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| violation(member, "null", "not be null"))
}

/// The characters of a text.
pub(crate) fn length(member: &str, value: &str, range: &RangeInclusive<usize>) -> Result<(), ApiError> {
    within(member, value.chars().count(), range, "length")
}

/// The items of a list or map.
pub(crate) fn count(member: &str, count: usize, range: &RangeInclusive<usize>) -> Result<(), ApiError> {
    within(member, count, range, "number of items")
}

fn within(member: &str, size: usize, range: &RangeInclusive<usize>, what: &str) -> Result<(), ApiError> {
    if range.contains(&size) {
        return Ok(());
    }
    Err(violation(member, &size.to_string(), &format!("have a {what} from {} to {}", range.start(), range.end())))
}

/// A page's size.
pub(crate) fn page(member: &str, value: Option<i64>, most: usize) -> Result<usize, ApiError> {
    let Some(value) = value else { return Ok(most) };
    usize::try_from(value)
        .ok()
        .filter(|size| (1..=most).contains(size))
        .ok_or_else(|| violation(member, &value.to_string(), &format!("have a value from 1 to {most}")))
}

/// In the words of AWS.
fn violation(member: &str, value: &str, rule: &str) -> ApiError {
    ApiError::invalid(format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: Member must {rule}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &Pattern, value: &str) -> bool {
        pattern.check("member", value).is_ok()
    }

    #[test]
    fn every_pattern_takes_what_it_should_and_is_anchored() {
        for (pattern, good, bad) in [
            (
                &BACKUP_ID,
                &["backup-abcdefghijk", "backup-ABC234567wxyz77"][..],
                &[
                    "",
                    "backup-abcdefghij",
                    "backup-abcdefghijklmnopq",
                    "backup-abcdefghij1",
                    "xbackup-abcdefghijk",
                    "backup-abcdefghijk\n",
                    "backup-abcdefghijk x",
                    "cluster-abcdefghijk",
                ][..],
            ),
            (&RESOURCE_ID, &["backup-abcdefghijk", "cluster-abcdefghijk"], &["hsm-abcdefghijk", "backup-abcdefghijk-"]),
            (
                &REGION,
                &["us-east-1", "us-gov-west-1", "ap-southeast-2", "eu-central-1"],
                &["us-east", "us-east-12", "US-EAST-1", "us-iso-east-1", "moon-east-1", "us-east-1 "],
            ),
            (
                &TAG_TEXT,
                &["", "Größe 5", "a.b:c/d=e+f-g@h_i", "\u{3000}名前"],
                &["a,b", "tab\t", "a\n", "{}", "é\u{301}"],
            ),
            (&NEXT_TOKEN, &["", "x"], &["a\nb"]),
        ] {
            assert!(pattern.compiled.is_some(), "{}", pattern.text);
            for value in good {
                assert!(fits(pattern, value), "{} should take {value:?}", pattern.text);
            }
            for value in bad {
                assert!(!fits(pattern, value), "{} should refuse {value:?}", pattern.text);
            }
        }
    }

    #[test]
    fn pages_are_within_their_range() {
        assert_eq!(page("MaxResults", None, 50).unwrap(), 50);
        assert_eq!(page("MaxResults", Some(1), 50).unwrap(), 1);
        for value in [i64::MIN, -1, 0, 51, i64::MAX] {
            assert_eq!(page("MaxResults", Some(value), 50).unwrap_err().code, "CloudHsmInvalidRequestException");
        }
    }
}
