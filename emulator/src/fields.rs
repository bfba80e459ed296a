//! Reads the members of a JSON object by type. `null` is absent everywhere; what a wrong type means is the caller's.

use serde_json::{Map, Value};

/// What is wrong with a member, for people.
pub(crate) type Wrong = String;

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value, what: &str) -> Result<Self, Wrong> {
        match value {
            Value::Object(map) => Ok(Self { map }),
            other => Err(format!("{what} must be an object, not {}", kind(other))),
        }
    }

    /// Refuses members that nobody will read.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, Wrong> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("unknown field {name:?}; known are {}", known.join(", "))),
            None => Ok(self),
        }
    }

    /// Whether the member is there, `null` or not.
    pub(crate) fn has(self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    pub(crate) fn is_null(self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_null)
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        self,
        name: &str,
        kind_wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(format!("{name} must be {kind_wanted}, not {}", kind(value))),
        }
    }

    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, Wrong> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(crate) fn flag(self, name: &str) -> Result<Option<bool>, Wrong> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    pub(crate) fn number(self, name: &str) -> Result<Option<f64>, Wrong> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// A whole number; one beyond 64 bits saturates, so that it still fails a check of its range.
    pub(crate) fn whole(self, name: &str) -> Result<Option<i64>, Wrong> {
        self.typed(name, "a whole number", |value| value.as_i64().or_else(|| value.as_u64().map(|_| i64::MAX)))
    }

    pub(crate) fn list(self, name: &str) -> Result<Option<&'a Vec<Value>>, Wrong> {
        self.typed(name, "a list", Value::as_array)
    }

    pub(crate) fn object(self, name: &str) -> Result<Option<&'a Map<String, Value>>, Wrong> {
        self.typed(name, "an object", Value::as_object)
    }
}

/// The texts of a list; `null`s are absent.
pub(crate) fn texts<'a>(list: &'a [Value], what: &str) -> Result<Vec<&'a str>, Wrong> {
    list.iter()
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().ok_or_else(|| format!("{what} must hold strings, not {}", kind(value))))
        .collect()
}

/// What a value is, with its article.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_is_absent_and_a_wrong_type_says_so() {
        let value = json!({"a": null, "b": 1.5, "c": 18_446_744_073_709_551_615_u64});
        let fields = Fields::of(&value, "x").unwrap();
        assert_eq!(fields.text("a"), Ok(None));
        assert_eq!(fields.text("missing"), Ok(None));
        assert_eq!(fields.whole("b"), Err("b must be a whole number, not a number with a fraction".into()));
        assert_eq!(fields.whole("c"), Ok(Some(i64::MAX)));
        assert!(fields.has("a") && fields.is_null("a") && !fields.has("missing"));
    }

    #[test]
    fn unknown_fields_are_named() {
        let value = json!({"a": 1, "z": 2});
        let wrong = Fields::of(&value, "x").unwrap().only(&["a", "b"]).err();
        assert_eq!(wrong.as_deref(), Some("unknown field \"z\"; known are a, b"));
        assert!(Fields::of(&json!([]), "x").is_err());
    }
}
