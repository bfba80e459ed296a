//! The spans of a trace: a pass, a sweep, and the calls that they make. Names and attributes follow OpenTelemetry's semantic conventions
//! where these have a word for it; what is the operator's own begins with `cloudhsm_backup.`.
//!
//! They are for traces alone and no log shows them. Where no traces are exported a span costs the look at a flag.

use tracing::{Span, field::Empty, info_span};

use crate::claims::ObjectKey;

/// The target of all spans, by which filters know them.
pub const TARGET: &str = module_path!();

/// A pass over an object.
#[must_use]
pub fn pass(object: &ObjectKey, generation: Option<i64>, backup_id: &str) -> Span {
    info_span!(
        "reconcile",
        otel.status_code = Empty,
        k8s.namespace.name = &*object.namespace,
        cloudhsm_backup.name = &*object.name,
        cloudhsm_backup.generation = generation,
        cloudhsm_backup.backup_id = backup_id,
        cloudhsm_backup.reason = Empty,
        cloudhsm_backup.outcome = Empty,
    )
}

/// The end of a pass: `success` or `error`, and the reason that the object's Ready has, where it has one.
pub fn passed(span: &Span, outcome: &'static str, reason: Option<&str>) {
    span.record("cloudhsm_backup.outcome", outcome);
    if let Some(reason) = reason {
        span.record("cloudhsm_backup.reason", reason);
    }
    if outcome == "error" {
        span.record("otel.status_code", "ERROR");
    }
}

/// A sweep over all backups of a region.
#[must_use]
pub fn sweep(region: &str) -> Span {
    info_span!(
        "sweep",
        otel.status_code = Empty,
        cloud.region = region,
        cloudhsm_backup.pages = Empty,
        error.type = Empty,
    )
}

/// The end of a sweep: how many pages it took, and where it broke off the word for why.
pub fn swept(span: &Span, pages: u64, error: Option<&str>) {
    span.record("cloudhsm_backup.pages", pages);
    if let Some(error) = error {
        failed(span, error);
    }
}

/// A call to AWS. The region is recorded when the call knows it.
#[must_use]
pub fn aws_call(operation: &'static str) -> Span {
    let service = if operation == "GetCallerIdentity" { "STS" } else { "CloudHsmV2" };
    info_span!(
        "aws",
        otel.name = format!("{service}.{operation}"),
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system = "aws-api",
        rpc.service = service,
        rpc.method = operation,
        cloud.region = Empty,
        aws.request_id = Empty,
        error.type = Empty,
    )
}

/// The end of a call to AWS: with AWS's request id where it gave one, and the word for the failure where it failed.
pub fn aws_answered(span: &Span, region: Option<&str>, request_id: Option<&str>, error: Option<&str>) {
    if let Some(region) = region {
        span.record("cloud.region", region);
    }
    if let Some(request_id) = request_id {
        span.record("aws.request_id", request_id);
    }
    if let Some(error) = error {
        failed(span, error);
    }
}

/// A call to the API server about an object: the HTTP method, and the subresource where there is one.
#[must_use]
pub fn cluster_call(method: &'static str, subresource: &'static str, object: &ObjectKey) -> Span {
    let slash = if subresource.is_empty() { "" } else { "/" };
    info_span!(
        "cluster",
        otel.name = format!("{method} cloudhsmbackups{slash}{subresource}"),
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        url.template =
            format!("/apis/cloudhsm.dev/v1alpha1/namespaces/{{namespace}}/cloudhsmbackups/{{name}}{slash}{subresource}"),
        k8s.namespace.name = &*object.namespace,
        cloudhsm_backup.name = &*object.name,
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

/// An event that is sent to the API server.
#[must_use]
pub fn event(namespace: &str, reason: &str) -> Span {
    info_span!(
        "cluster",
        otel.name = "POST events",
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "POST",
        url.template = "/apis/events.k8s.io/v1/namespaces/{namespace}/events",
        k8s.namespace.name = namespace,
        cloudhsm_backup.reason = reason,
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

/// A call to the API server that failed: with the status of HTTP where there was an answer.
pub fn cluster_failed(span: &Span, error: &kube::Error) {
    if let kube::Error::Api(status) = error {
        span.record("http.response.status_code", status.code);
        failed(span, &status.code.to_string());
    } else {
        failed(span, "no_answer");
    }
}

/// A call to the API server that wasn't answered in time.
pub fn timed_out(span: &Span) {
    failed(span, "timeout");
}

fn failed(span: &Span, error: &str) {
    span.record("error.type", error);
    span.record("otel.status_code", "ERROR");
}
