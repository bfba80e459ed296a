//! From what an operation answers to the bytes of each protocol, and from bytes to its input.

mod cbor;
mod json;
mod query;

use crate::errors::ApiError;
use crate::time::Millis;
use serde_json::Value;

/// The header by which client and server name the CBOR protocol, and its value.
pub(crate) const SMITHY_PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");

/// How a call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// awsJson1.1
    Json,
    /// Smithy RPC v2 CBOR
    Cbor,
    /// The AWS query protocol, of STS
    Query,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Cbor => "cbor",
            Self::Query => "query",
        }
    }
}

/// What an operation answers, before it is written in a protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Text(String),
    Flag(bool),
    Time(Millis),
    List(Vec<Shape>),
    Record(Vec<(&'static str, Shape)>),
}

impl Shape {
    /// As JSON, times in epoch seconds.
    pub(crate) fn json(&self) -> Value {
        json::value(self)
    }
}

/// An answer in the words of a protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

/// The input of a call in JSON or CBOR: an object, or what is wrong with it. An empty body is an empty object.
pub(crate) fn decode(protocol: Protocol, body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value = match protocol {
        Protocol::Json => json::decode(body)?,
        Protocol::Cbor => cbor::decode(body)?,
        Protocol::Query => query::decode(body),
    };
    match value {
        Value::Object(_) => Ok(value),
        other => Err(format!("the body must be an object, not {}", crate::fields::kind(&other))),
    }
}

/// A success.
pub(crate) fn success(protocol: Protocol, op: &str, shape: &Shape, request_id: &str) -> Encoded {
    let (content_type, body) = match protocol {
        Protocol::Json => (json::CONTENT_TYPE, shape.json().to_string().into_bytes()),
        Protocol::Cbor => (cbor::CONTENT_TYPE, cbor::success(shape)),
        Protocol::Query => (query::CONTENT_TYPE, query::success(op, shape, request_id)),
    };
    Encoded { status: 200, content_type, body }
}

/// An error.
pub(crate) fn failure(protocol: Protocol, error: &ApiError, request_id: &str) -> Encoded {
    let status = error.status(protocol);
    let (content_type, body) = match protocol {
        Protocol::Json => (json::CONTENT_TYPE, json::failure(error)),
        Protocol::Cbor => (cbor::CONTENT_TYPE, cbor::failure(error)),
        Protocol::Query => (query::CONTENT_TYPE, query::failure(error, status, request_id)),
    };
    Encoded { status, content_type, body }
}

/// A success whose body breaks off in the middle.
pub(crate) fn broken(protocol: Protocol) -> Encoded {
    let (content_type, body) = match protocol {
        Protocol::Json => (json::CONTENT_TYPE, json::BROKEN),
        Protocol::Cbor => (cbor::CONTENT_TYPE, cbor::BROKEN),
        Protocol::Query => (query::CONTENT_TYPE, query::BROKEN),
    };
    Encoded { status: 200, content_type, body: body.to_vec() }
}
