//! Smithy RPC v2 CBOR.

use super::Shape;
use crate::errors::ApiError;
use ciborium::Value as Cbor;
use ciborium::de::Error;
use serde_json::{Map, Number, Value};

pub(super) const CONTENT_TYPE: &str = "application/cbor";
/// An open map, the text `Backup`, another open map, and the end.
pub(super) const BROKEN: &[u8] = b"\xbf\x66Backup\xbf";

/// The CBOR tag of epoch seconds.
const EPOCH_SECONDS: u64 = 1;

/// CBOR as JSON. What JSON lacks becomes something that no member of the API is: bytes a list of numbers, a tag an
/// object. So a wrong type stays wrong.
pub(super) fn decode(mut body: &[u8]) -> Result<Value, String> {
    let item: Cbor =
        ciborium::from_reader(&mut body).map_err(|error| format!("the body is no CBOR: {}", why(&error)))?;
    if !body.is_empty() {
        return Err(format!("{} bytes are left over after the CBOR item", body.len()));
    }
    json(item)
}

fn why<E>(error: &Error<E>) -> String {
    match error {
        Error::Io(_) => "it breaks off".to_owned(),
        Error::Syntax(offset) => format!("wrong at byte {offset}"),
        Error::Semantic(_, what) => what.clone(),
        Error::RecursionLimitExceeded => "it is too deep".to_owned(),
    }
}

fn json(item: Cbor) -> Result<Value, String> {
    Ok(match item {
        Cbor::Bool(flag) => Value::from(flag),
        Cbor::Integer(number) => {
            let number = i128::from(number);
            i64::try_from(number)
                .map(Value::from)
                .or_else(|_| u64::try_from(number).map(Value::from))
                // Only numbers below -2^63 come here.
                .unwrap_or(Value::from(i64::MIN))
        }
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Text(text) => Value::from(text),
        Cbor::Bytes(bytes) => Value::from(bytes),
        Cbor::Array(items) => Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?),
        Cbor::Map(members) => {
            let mut map = Map::new();
            for (name, value) in members {
                let Cbor::Text(name) = name else { return Err("the key of a map must be a string".to_owned()) };
                map.insert(name, json(value)?);
            }
            Value::Object(map)
        }
        Cbor::Tag(tag, item) => {
            Value::Object(Map::from_iter([("tag".to_owned(), Value::from(tag)), ("value".to_owned(), json(*item)?)]))
        }
        _ => Value::Null,
    })
}

pub(super) fn success(shape: &Shape) -> Vec<u8> {
    bytes(&value(shape))
}

pub(super) fn failure(error: &ApiError) -> Vec<u8> {
    bytes(&Cbor::Map(vec![
        (Cbor::from("__type"), Cbor::from(format!("com.amazonaws.cloudhsmv2#{}", error.code))),
        (Cbor::from("Message"), Cbor::from(error.message.as_str())),
    ]))
}

fn value(shape: &Shape) -> Cbor {
    match shape {
        Shape::Text(text) => Cbor::from(text.as_str()),
        Shape::Flag(flag) => Cbor::from(*flag),
        // Always a double, as the AWS SDKs write it: half and single floats would lose milliseconds.
        Shape::Time(time) => Cbor::Tag(EPOCH_SECONDS, Box::new(Cbor::Float(time.seconds()))),
        Shape::List(items) => Cbor::Array(items.iter().map(value).collect()),
        Shape::Record(members) => {
            Cbor::Map(members.iter().map(|(name, member)| (Cbor::from(*name), value(member))).collect())
        }
    }
}

fn bytes(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into memory can't fail; were it to, the body would be broken and the client would say so.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;
    use serde_json::json;

    fn encoded(value: &Cbor) -> Vec<u8> {
        bytes(value)
    }

    #[test]
    fn times_are_tag_one_with_milliseconds() {
        let time = Shape::Record(vec![("T", Shape::Time(Millis::new(1_534_461_854_640)))]);
        let mut expected = b"\xa1\x61T\xc1\xfb".to_vec();
        expected.extend(1_534_461_854.64_f64.to_be_bytes());
        assert_eq!(success(&time), expected);
        let whole = Shape::Time(Millis::new(1_534_461_854_000));
        let mut expected = b"\xc1\xfb".to_vec();
        expected.extend(1_534_461_854_f64.to_be_bytes());
        assert_eq!(success(&whole), expected);
    }

    #[test]
    fn definite_and_indefinite_items_are_read_alike() {
        let expected = json!({"A": ["b", null, true, 7]});
        assert_eq!(decode(b"\xa1\x61A\x84\x61b\xf6\xf5\x07"), Ok(expected.clone()));
        assert_eq!(decode(b"\xbf\x61A\x9f\x7f\x61b\x60\xff\xf7\xf5\x07\xff\xff"), Ok(expected));
    }

    #[test]
    fn bytes_and_tags_are_nothing_the_api_knows() {
        assert_eq!(decode(b"\xa1\x61A\x41\x01"), Ok(json!({"A": [1]})));
        assert_eq!(decode(b"\xa1\x61A\xc1\x05"), Ok(json!({"A": {"tag": 1, "value": 5}})));
    }

    #[test]
    fn what_is_no_single_item_is_refused() {
        for body in [&b"\xa0\xa0"[..], b"\xbf", b"\xff", BROKEN, b"\xa1\x01\x02"] {
            assert!(decode(body).is_err(), "{body:x?}");
        }
        assert_eq!(decode(&encoded(&Cbor::Integer(u64::MAX.into()))), Ok(json!(u64::MAX)));
    }
}
