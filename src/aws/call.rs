//! One call: bounded in time, counted, and its error classified.

use std::{error::Error, time::Instant};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tracing::Instrument;

use super::{Inner, classify::Fault, text, transmission::Transmission};
use crate::{
    backup::{Failure, FailureClass},
    spans,
};

impl Inner {
    /// Waits for the SDK's answer, and sends nothing unless this process leads.
    pub(super) async fn attempt<O, E>(
        &self,
        operation: &'static str,
        transmission: &Transmission,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<O, Fault>
    where
        O: RequestId,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let span = spans::aws_call(operation);
        let answer =
            tokio::time::timeout(self.limits.call, self.leadership.while_leading(call)).instrument(span.clone()).await;
        let result = match answer {
            Err(_) => Err(Fault::timeout(operation)),
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => {
                let fault = Fault::of(operation, &error, transmission.reached());
                let Failure { class, code, request_id, .. } = &fault.failure;
                // Of a rejected signature AWS repeats what was signed, secrets included.
                let chain = if *class == FailureClass::NoCredentials { String::new() } else { text::chain(&error) };
                tracing::debug!(operation, ?class, code, request_id, error = chain, "a call to AWS failed");
                if *class == FailureClass::NoCredentials && code.is_some() {
                    self.clients.credentials.rejected();
                }
                Err(fault)
            }
        };
        if !span.is_disabled() {
            let (request_id, error) = match &result {
                Ok(output) => (output.request_id().map(text::identifier), None),
                Err(fault) => (fault.failure.request_id.clone(), Some(fault.word.as_ref())),
            };
            spans::aws_answered(&span, transmission.region(), request_id.as_deref(), error);
        }
        result
    }

    /// Counts the call.
    pub(super) fn count<T>(&self, operation: &'static str, started: Instant, result: &Result<T, Fault>) {
        let (outcome, word) = match result {
            Ok(_) => ("success", ""),
            Err(fault) => ("error", fault.word.as_ref()),
        };
        self.metrics.aws_request(operation, outcome, word, started.elapsed());
    }
}
