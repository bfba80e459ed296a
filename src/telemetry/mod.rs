//! The log: on standard error, levels by RUST_LOG. And traces, where the standard variables of OpenTelemetry name a collector.

mod collector;
mod settings;
mod traces;

use std::io::IsTerminal;

use tokio::runtime::Handle;
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, LevelFilter, filter_fn},
    fmt,
    layer::{Filter, SubscriberExt},
    util::SubscriberInitExt,
};

pub use self::traces::Traces;
use crate::{args::LogFormat, spans};

/// The operator's own doings, and of the libraries only what is wrong and isn't retried, classified and logged here anyway.
const DEFAULT_FILTER: &str = "warn,cloudhsm_backup_operator=info,kube_runtime=error,kube_client=off,aws_config=error,aws_runtime=error,aws_smithy_runtime=error,opentelemetry-otlp=off";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log, and the traces if they are asked for; `runtime` is where they are sent from. Without a format the log is text on a
/// terminal, else JSON.
#[must_use]
pub fn start(format: Option<LogFormat>, runtime: &Handle) -> Traces {
    let (traces, warnings) = Traces::from_env(runtime);
    let mut layers = vec![log(format)];
    layers.extend(traces.layer());
    tracing_subscriber::registry().with(layers).init();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    traces.announce();
    traces
}

fn log(format: Option<LogFormat>) -> BoxedLayer {
    let filter = log_filter(std::env::var(EnvFilter::DEFAULT_ENV).ok());
    let terminal = std::io::stderr().is_terminal();
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(false).with_current_span(false).with_span_list(false);
            layer.with_writer(std::io::stderr).with_filter(filter).boxed()
        }
        LogFormat::Text => {
            let layer = fmt::layer().with_ansi(terminal).with_target(false);
            layer.with_writer(std::io::stderr).with_filter(filter).boxed()
        }
    }
}

/// What the log shows. It decides about the log alone: it doesn't switch traces off, and their spans don't show in the log.
fn log_filter(wanted: Option<String>) -> impl Filter<Registry> + Send + Sync + 'static {
    let wanted = wanted.filter(|filter| !filter.trim().is_empty()).and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = wanted.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    filter.and(filter_fn(|metadata| !is_ours(metadata)).with_max_level_hint(LevelFilter::TRACE))
}

/// Whether it is a span for traces.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == spans::TARGET
}

/// A panic ends the process: half an operator is worse than none, and Kubernetes starts a new one.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(panic = %panic, "a panic: this is a bug, please report it");
        std::process::abort();
    }));
}
