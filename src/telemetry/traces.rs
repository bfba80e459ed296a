//! The export of traces, on a thread of its own with a bounded queue: a collector that is slow, gone or hanging costs spans and nothing
//! else.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    resource::{EnvResourceDetector, SdkProvidedResourceDetector, TelemetryResourceDetector},
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Handle;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, filter_fn},
};

use super::{
    BoxedLayer,
    collector::Collector,
    is_ours,
    settings::{self, Settings},
};

/// How long the end of the process waits for the last spans to be exported.
const FLUSH: Duration = Duration::from_secs(2);

const NAME: &str = env!("CARGO_PKG_NAME");

/// The traces of the process, if any are exported.
#[derive(Debug)]
pub struct Traces(Option<Export>);

#[derive(Debug)]
struct Export {
    provider: SdkTracerProvider,
    /// Where to, fit for a log.
    collector: String,
}

impl Traces {
    /// As the standard variables say; with warnings, which can only be logged once the log has begun.
    pub(super) fn from_env(runtime: &Handle) -> (Self, Vec<String>) {
        let (settings, mut warnings) = settings::read(|name| std::env::var(name).ok());
        let export = settings.and_then(|settings| match Export::new(settings, runtime) {
            Ok(export) => Some(export),
            Err(why) => {
                warnings.push(format!("no traces are exported: {why}"));
                None
            }
        });
        (Self(export), warnings)
    }

    pub(super) fn layer(&self) -> Option<BoxedLayer> {
        self.0.as_ref().map(|export| layer(&export.provider))
    }

    pub(super) fn announce(&self) {
        if let Some(Export { collector, .. }) = &self.0 {
            tracing::info!(collector, "traces are exported");
        }
    }

    /// Exports what is left, for a short while at most. Blocks, and must not be called from within the runtime.
    pub fn end(self) {
        if let Some(Export { provider, .. }) = self.0 {
            // What goes wrong has been told of by the exporter, or is that time ran out.
            if provider.shutdown_with_timeout(FLUSH).is_err() {
                tracing::debug!("the last spans weren't exported");
            }
        }
    }
}

impl Export {
    fn new(settings: Settings, runtime: &Handle) -> Result<Self, String> {
        let Settings { endpoint, certificate, timeout, sampler, queue, batch, delay, named } = settings;
        let client = Collector::new(&endpoint, certificate.as_deref(), timeout, runtime)?;
        let exporter = OtlpExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.to_string())
            .with_timeout(timeout)
            .with_http_client(client.clone())
            .build()
            .map_err(|error| error.to_string())?;
        let exporter = Told { exporter, collector: client, failing: AtomicBool::new(false) };
        let bounds = BatchConfigBuilder::default()
            .with_max_queue_size(queue)
            .with_max_export_batch_size(batch)
            .with_scheduled_delay(delay)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource(named))
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(bounds).build())
            .build();
        let collector = format!(
            "{}://{}{}",
            endpoint.scheme_str().unwrap_or_default(),
            endpoint.authority().map(ToString::to_string).unwrap_or_default(),
            endpoint.path()
        );
        Ok(Self { provider, collector })
    }
}

/// What makes traces of spans.
fn layer(provider: &SdkTracerProvider) -> BoxedLayer {
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(NAME));
    // Where in the source, in which thread, and how long it waited: cost without use.
    let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
    let spans = filter_fn(is_ours).with_max_level_hint(LevelFilter::INFO);
    layer.with_context_activation(false).with_filter(spans).boxed()
}

/// Who speaks: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and the operator's own name and version where they don't.
fn resource(named: bool) -> Resource {
    let builder = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    let builder = if named {
        builder.with_detector(Box::new(SdkProvidedResourceDetector))
    } else {
        builder.with_service_name(NAME)
    };
    builder.build()
}

/// Tells once when exports begin to fail and once when they succeed again; the SDK would tell of each.
#[derive(Debug)]
struct Told {
    exporter: OtlpExporter,
    collector: Collector,
    failing: AtomicBool,
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let failing = result.is_err();
        let was_failing = self.failing.swap(failing, Ordering::Relaxed);
        match result {
            Err(error) if !was_failing => {
                let why = self.collector.last_failure().unwrap_or_else(|| error.to_string());
                tracing::warn!(why, "traces can't be exported, and spans are lost until they can");
            }
            Ok(()) if was_failing => tracing::info!("traces are exported again"),
            _ => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use opentelemetry::Context;
    use opentelemetry_sdk::trace::{Span, SpanProcessor};
    use rstest::rstest;
    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::{super::log_filter, *};
    use crate::{claims::ObjectKey, spans};

    /// What was exported, by name.
    #[derive(Clone, Debug, Default)]
    struct Exported(Arc<Mutex<Vec<String>>>);

    impl SpanProcessor for Exported {
        fn on_start(&self, _span: &mut Span, _context: &Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap().push(span.name.into_owned());
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A pass with a line of log in it; whether its span was made, the log, and what was exported.
    fn pass(directives: Option<&str>, traces: bool) -> (bool, String, Vec<String>) {
        let (log, exported) = (Log::default(), Exported::default());
        let written = log.clone();
        let text = fmt::layer().with_ansi(false).without_time().with_writer(move || written.clone());
        let mut layers: Vec<BoxedLayer> = vec![text.with_filter(log_filter(directives.map(str::to_owned))).boxed()];
        let provider = SdkTracerProvider::builder().with_span_processor(exported.clone()).build();
        layers.extend(traces.then(|| layer(&provider)));
        let enabled = tracing::subscriber::with_default(tracing_subscriber::registry().with(layers), || {
            let object = ObjectKey { namespace: "hsm".into(), name: "payments".into() };
            let span = spans::pass(&object, Some(1), "backup-ro5c4er4aac");
            span.in_scope(|| tracing::warn!("a line"));
            !span.is_disabled()
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let exported = exported.0.lock().unwrap().clone();
        (enabled, log, exported)
    }

    #[rstest]
    #[case(None)]
    #[case(Some("off"))]
    #[case(Some("trace"))]
    fn what_the_log_shows_has_no_part_in_what_is_traced(#[case] directives: Option<&str>) {
        let (enabled, _, exported) = pass(directives, true);
        assert_eq!((enabled, exported), (true, vec!["reconcile".to_owned()]));
    }

    #[rstest]
    #[case(None)]
    #[case(Some("trace"))]
    fn a_line_of_log_looks_the_same_with_traces_and_without(#[case] directives: Option<&str>) {
        let (enabled, without, _) = pass(directives, false);
        assert!(!enabled, "a span that nobody wants isn't made");
        assert_eq!(without, " WARN cloudhsm_backup_operator::telemetry::traces::tests: a line\n");
        assert_eq!(pass(directives, true).1, without);
    }
}
