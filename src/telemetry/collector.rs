//! The way to the collector: HTTP over the stack that the clients of Kubernetes and AWS use too.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use axum::http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, hyper::HyperClient};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::runtime::Handle;

/// Sends requests from the runtime; the exporter calls it from a thread of its own, which knows none.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    client: Arc<dyn HttpClient>,
    runtime: Handle,
    last_failure: Arc<Mutex<Option<String>>>,
}

impl Collector {
    /// For an endpoint; each request takes at most `timeout`. `certificate`: a file with the certificates to trust in place of the system's.
    ///
    /// # Errors
    ///
    /// When there are no certificates to trust and some are needed.
    pub(super) fn new(
        endpoint: &Uri,
        certificate: Option<&str>,
        timeout: Duration,
        runtime: &Handle,
    ) -> Result<Self, String> {
        let tls = if endpoint.scheme_str() == Some("https") {
            trusting(certificate)?
        } else {
            config()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
        };
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Arc::new(HyperClient::new(connector, timeout, None));
        Ok(Self { client, runtime: runtime.clone(), last_failure: Arc::default() })
    }

    /// Why the last request wasn't answered, if it wasn't.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        // An error to join is the end of the runtime.
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await }).await?;
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = sent.as_ref().err().map(innermost);
        sent
    }
}

fn config() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    // The provider of the clients of Kubernetes and AWS, and no other.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())
}

fn trusting(certificate: Option<&str>) -> Result<ClientConfig, String> {
    let builder = config()?;
    let Some(path) = certificate else {
        let builder =
            builder.with_native_roots().map_err(|error| format!("there are no root certificates: {error}"))?;
        return Ok(builder.with_no_client_auth());
    };
    let read = || -> Result<RootCertStore, Box<dyn Error>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path)? {
            roots.add(certificate?)?;
        }
        if roots.is_empty() { Err("it holds no certificate".into()) } else { Ok(roots) }
    };
    let roots = read().map_err(|error| format!("the file of OTEL_EXPORTER_OTLP_CERTIFICATE can't be used: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn innermost(error: &HttpError) -> String {
    let mut error: &dyn Error = &**error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
