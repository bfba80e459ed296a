//! The log: on standard error, levels by RUST_LOG.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::args::LogFormat;

/// The operator's own doings, and of the libraries only what is wrong and isn't retried, classified and logged here anyway.
const DEFAULT_FILTER: &str = "warn,cloudhsm_backup_operator=info,kube_runtime=error,kube_client=off,aws_config=error,aws_runtime=error,aws_smithy_runtime=error";

/// Starts the log. Without a format it is text on a terminal, else JSON.
pub fn start(format: Option<LogFormat>) {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|filter| !filter.trim().is_empty());
    let filter = wanted.and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER));
    let terminal = std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(filter);
    match format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json }) {
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(false).with_current_span(false).with_span_list(false);
            registry.with(layer.with_writer(std::io::stderr)).init();
        }
        LogFormat::Text => {
            let layer = fmt::layer().with_ansi(terminal).with_target(false);
            registry.with(layer.with_writer(std::io::stderr)).init();
        }
    }
}

/// A panic ends the process: half an operator is worse than none, and Kubernetes starts a new one.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(panic = %panic, "a panic: this is a bug, please report it");
        std::process::abort();
    }));
}
