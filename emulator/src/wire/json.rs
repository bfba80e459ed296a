//! awsJson1.1.

use super::Shape;
use crate::errors::ApiError;
use serde_json::{Value, json};

pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
pub(super) const BROKEN: &[u8] = br#"{"Backup":{"BackupId":"backup-"#;

pub(super) fn decode(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))
}

pub(super) fn failure(error: &ApiError) -> Vec<u8> {
    json!({"__type": error.code, "Message": error.message}).to_string().into_bytes()
}

pub(super) fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Text(text) => Value::from(text.as_str()),
        Shape::Flag(flag) => Value::from(*flag),
        Shape::Time(time) => time.json(),
        Shape::List(items) => items.iter().map(value).collect(),
        Shape::Record(members) => {
            Value::Object(members.iter().map(|(name, member)| ((*name).to_owned(), value(member))).collect())
        }
    }
}
