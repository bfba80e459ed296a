//! An HTTP request as an AWS call.

use crate::backup::Scope;
use crate::caller::Caller;
use crate::wire::{self, Protocol, SMITHY_PROTOCOL};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use serde_json::{Map, Value};

/// A call of an AWS operation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) protocol: Protocol,
    pub(crate) op: String,
    /// Whether this service and protocol are emulated; if not, the operation is unknown.
    pub(crate) served: bool,
    pub(crate) scope: Scope,
    pub(crate) session_token: Option<String>,
    /// The decoded input, or why it can't be decoded.
    pub(crate) input: Result<Value, String>,
    pub(crate) user_agent: Option<String>,
}

const JSON_TARGET: &str = "BaldrApiService.";
const CBOR_SERVICE: &str = "BaldrApiService";

impl Call {
    /// None for a request that is no AWS call.
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Option<Self> {
        let path = parts.uri.path();
        if path == "/" {
            return match header(&parts.headers, "x-amz-target") {
                Some(target) if parts.method == Method::POST => Some(Self::json(parts, &target, body)),
                None if is_json(parts) && parts.method == Method::POST => Some(Self::json(parts, "", body)),
                None if parts.method == Method::POST || parts.method == Method::GET => Self::query(parts, body),
                _ => None,
            };
        }
        let (service, op) = path.strip_prefix("/service/")?.split_once("/operation/")?;
        (parts.method == Method::POST).then(|| Self::cbor(parts, service, op, body))
    }

    fn json(parts: &Parts, target: &str, body: &[u8]) -> Self {
        let op = target.strip_prefix(JSON_TARGET);
        let input = wire::decode(Protocol::Json, body);
        Self { served: op.is_some(), ..Self::new(parts, Protocol::Json, op.unwrap_or(target), input) }
    }

    fn cbor(parts: &Parts, service: &str, op: &str, body: &[u8]) -> Self {
        // The header may be left out, for a person with curl; another protocol's name is refused.
        let spoken = header(&parts.headers, SMITHY_PROTOCOL.0).is_none_or(|name| name == SMITHY_PROTOCOL.1);
        let served = service == CBOR_SERVICE && spoken;
        Self { served, ..Self::new(parts, Protocol::Cbor, op, wire::decode(Protocol::Cbor, body)) }
    }

    /// STS: the parameters come in the body, or in the URL of a presigned request.
    fn query(parts: &Parts, body: &[u8]) -> Option<Self> {
        let url = parts.uri.query().unwrap_or_default();
        let mut input = Map::new();
        for form in [url.as_bytes(), body] {
            if let Ok(Value::Object(members)) = wire::decode(Protocol::Query, form) {
                input.extend(members);
            }
        }
        if parts.method == Method::GET && !input.contains_key("Action") {
            return None;
        }
        let op = input.remove("Action").and_then(|action| action.as_str().map(str::to_owned)).unwrap_or_default();
        input.remove("Version");
        let mut call = Self::new(parts, Protocol::Query, &op, Ok(Value::Null));
        let parameter = |name: &str| input.get(name).and_then(Value::as_str);
        if let Some(credential) = parameter("X-Amz-Credential") {
            call.scope = Caller::of_credential(credential).scope();
        }
        if let Some(token) = parameter("X-Amz-Security-Token") {
            call.session_token = Some(token.to_owned());
        }
        input.retain(|name, _| !name.starts_with("X-Amz-"));
        Some(Self { input: Ok(Value::Object(input)), ..call })
    }

    fn new(parts: &Parts, protocol: Protocol, op: &str, input: Result<Value, String>) -> Self {
        let caller = header(&parts.headers, "authorization");
        Self {
            protocol,
            op: op.to_owned(),
            served: true,
            scope: caller.as_deref().map_or_else(Caller::default, Caller::of_authorization).scope(),
            session_token: header(&parts.headers, "x-amz-security-token"),
            input,
            user_agent: header(&parts.headers, "user-agent"),
        }
    }

    /// Whether it is a call of CloudHSM, rather than of STS.
    pub(crate) fn is_cloudhsm(&self) -> bool {
        self.protocol != Protocol::Query
    }

    /// Whether the call names this backup.
    pub(crate) fn names(&self, id: &str) -> bool {
        let Ok(input) = &self.input else { return false };
        ["BackupId", "ResourceId"].iter().any(|member| input.get(member).and_then(Value::as_str) == Some(id))
            || input
                .pointer("/Filters/backupIds")
                .and_then(Value::as_array)
                .is_some_and(|ids| ids.iter().any(|named| named.as_str() == Some(id)))
    }
}

fn is_json(parts: &Parts) -> bool {
    header(&parts.headers, "content-type").is_some_and(|kind| kind.starts_with("application/x-amz-json"))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
