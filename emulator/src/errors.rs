//! Errors as AWS answers them.

use crate::wire::Protocol;

/// An error answer: its code, its message, and its HTTP status where that isn't the code's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: Option<u16>,
}

pub(crate) const INTERNAL: &str = "CloudHsmInternalFailureException";

impl ApiError {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("CloudHsmInvalidRequestException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(crate) fn not_found(id: &str) -> Self {
        Self::new("CloudHsmResourceNotFoundException", format!("The resource {id} was not found."))
    }

    pub(crate) fn unknown_operation(op: &str) -> Self {
        Self::new("UnknownOperationException", format!("The operation {op:?} is unknown."))
    }

    pub(crate) fn throttled() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    /// The HTTP status of the answer.
    pub(crate) fn status(&self, protocol: Protocol) -> u16 {
        self.status.unwrap_or(match (self.code.as_str(), protocol) {
            (INTERNAL, _) => 500,
            ("UnknownOperationException", Protocol::Cbor) => 404,
            _ => 400,
        })
    }
}
