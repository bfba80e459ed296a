//! From the SDK's errors to the classes that the operator's reaction depends on.

use std::{borrow::Cow, error::Error, io};

use aws_smithy_runtime_api::{client::orchestrator::HttpResponse, client::result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::{credentials::NoCredentials, decode::Malformed, text};
use crate::backup::{Failure, FailureClass};

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "CloudHsmAccessDeniedException",
    "ForbiddenException",
    "NotAuthorized",
    "NotAuthorizedException",
    "OptInRequired",
    "SubscriptionRequiredException",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

const SIGNATURE: &[&str] =
    &["IncompleteSignature", "IncompleteSignatureException", "InvalidSignatureException", "SignatureDoesNotMatch"];

const CLOCK: &[&str] = &["RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"];

const CREDENTIALS: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];

/// The SDK's list of throttling codes, which it doesn't publish through the service crates.
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

const UNAVAILABLE: &[&str] = &[
    "CloudHsmInternalFailureException",
    // Modelled as the client's fault, yet it passes.
    "CloudHsmServiceException",
    "InternalError",
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
];

const INVALID: &[&str] = &[
    "CloudHsmInvalidRequestException",
    "CloudHsmResourceLimitExceededException",
    "CloudHsmResourceNotFoundException",
    "CloudHsmTagException",
    "InvalidAction",
    "SerializationException",
    "UnknownOperationException",
    "ValidationError",
    "ValidationException",
];

const NO_ANSWER: &str = "no answer in time";
const CLOCKS_DIFFER: &str = "the clock of this machine and AWS's differ: AWS doesn't accept the time of the request";

/// A failure, and the word for it in the metrics.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) word: Cow<'static, str>,
}

impl Fault {
    /// The word for an answer that can't be used.
    pub(super) const MALFORMED: &'static str = "MalformedAnswer";

    fn local(operation: &'static str, class: FailureClass, word: &'static str, text: impl Into<String>) -> Self {
        let failure = Failure { class, operation, code: None, text: text.into(), request_id: None };
        Self { failure, word: word.into() }
    }

    /// No answer within the time there is.
    pub(super) fn timeout(operation: &'static str) -> Self {
        Self::local(operation, FailureClass::AwsUnavailable, "Timeout", NO_ANSWER)
    }

    /// An answer that can't be used.
    pub(super) fn malformed(operation: &'static str, Malformed(text): Malformed, request_id: Option<String>) -> Self {
        let mut fault = Self::local(operation, FailureClass::AwsUnavailable, Self::MALFORMED, text);
        fault.failure.request_id = request_id;
        fault
    }

    /// What the SDK's error means. `reached`: whether the request was handed over to be sent.
    pub(super) fn of<E>(operation: &'static str, error: &SdkError<E, HttpResponse>, reached: bool) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut fault = match error {
            SdkError::ServiceError(service) => {
                of_code(operation, service.err().code(), service.err().message(), service.raw().status().as_u16())
            }
            SdkError::ResponseError(response) => of_code(operation, None, None, response.raw().status().as_u16()),
            SdkError::TimeoutError(_) => Self::timeout(operation),
            other if find::<NoCredentials>(other).is_some() => {
                let text = find::<NoCredentials>(other).map(|NoCredentials(text)| text.clone()).unwrap_or_default();
                Self::local(operation, FailureClass::NoCredentials, "NoCredentials", text)
            }
            SdkError::DispatchFailure(dispatch) if reached => {
                let (word, text) = connection(error, dispatch.is_timeout());
                Self::local(operation, FailureClass::AwsUnavailable, word, text)
            }
            other => {
                let text = text::printable(&format!("the AWS SDK can't make the call: {}", innermost(other)));
                Self::local(operation, FailureClass::InvalidRequest, "InvalidConfiguration", text)
            }
        };
        fault.failure.request_id = error.request_id().map(text::identifier);
        fault
    }
}

/// The class of an answer that isn't a success.
fn of_code(operation: &'static str, code: Option<&str>, message: Option<&str>, status: u16) -> Fault {
    let Some(code) = code.map(bare).filter(|code| !code.is_empty()) else {
        let (class, word, text) = match status {
            200..=299 => (
                FailureClass::AwsUnavailable,
                Fault::MALFORMED,
                "the answer isn't what AWS's protocol says it should be".to_owned(),
            ),
            429 => (FailureClass::Throttled, "HTTP429", without_code(status)),
            _ => (FailureClass::AwsUnavailable, "NoCode", without_code(status)),
        };
        return Fault::local(operation, class, word, text);
    };
    let message = message.map(text::printable).unwrap_or_default();
    let listed = |codes: &[&str]| codes.contains(&code.as_str());
    let skewed = SIGNATURE.contains(&code.as_str())
        && ["Signature expired", "not yet current"].iter().any(|say| message.contains(say));
    let (class, text) = if listed(CLOCK) || skewed {
        (FailureClass::NoCredentials, CLOCKS_DIFFER.to_owned())
    } else if listed(SIGNATURE) {
        // AWS's text may repeat what was signed, the session token too.
        let text = "AWS doesn't accept the request's signature: check the secret access key and the session token";
        (FailureClass::NoCredentials, text.to_owned())
    } else {
        let class = if listed(DENIED) {
            FailureClass::AccessDenied
        } else if listed(CREDENTIALS) {
            FailureClass::NoCredentials
        } else if listed(THROTTLED) {
            FailureClass::Throttled
        } else if listed(UNAVAILABLE) {
            FailureClass::AwsUnavailable
        } else if listed(INVALID) {
            FailureClass::InvalidRequest
        } else {
            of_status(status)
        };
        (class, if message.is_empty() { format!("AWS answered {code} without a text") } else { message })
    };
    let failure = Failure { class, operation, code: Some(code.clone()), text, request_id: None };
    Fault { failure, word: code.into() }
}

/// The class of a code that isn't known.
fn of_status(status: u16) -> FailureClass {
    match status {
        401 => FailureClass::NoCredentials,
        403 => FailureClass::AccessDenied,
        429 => FailureClass::Throttled,
        408 => FailureClass::AwsUnavailable,
        400..=499 => FailureClass::InvalidRequest,
        _ => FailureClass::AwsUnavailable,
    }
}

fn without_code(status: u16) -> String {
    format!("the answer has HTTP status {status} and no error code of AWS's")
}

/// The code without a namespace before it and a URL behind it.
fn bare(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    text::identifier(code)
}

/// What is wrong with a connection, in words that don't change.
fn connection(error: &(dyn Error + 'static), timeout: bool) -> (&'static str, &'static str) {
    let says = |words: &[&str]| {
        sources(error).any(|source| {
            let text = source.to_string().to_ascii_lowercase();
            words.iter().any(|word| text.contains(word))
        })
    };
    if timeout {
        let text = if says(&["connect timeout"]) { "no connection to the endpoint in time" } else { NO_ANSWER };
        return ("Timeout", text);
    }
    let kind = sources(error).find_map(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    let text = if says(&["dns error", "failed to lookup address"]) {
        "the endpoint's name can't be resolved"
    } else if says(&["certificate", "tls", "handshake", "alert"]) {
        "no secure connection: the endpoint's certificate or its TLS isn't accepted"
    } else {
        match kind {
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => "the endpoint can't be reached",
            _ if says(&["invalid http", "parse"]) => "the answer isn't what AWS's protocol says it should be",
            _ => "the connection was closed before there was an answer",
        }
    };
    ("ConnectionError", text)
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|source| source.downcast_ref::<T>())
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    sources(error).last().unwrap_or(error)
}
