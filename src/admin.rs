//! `/healthz`, `/readyz` and `/metrics`.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use crate::{controller::Readiness, leadership::Leadership, metrics::Metrics};

/// Takes the address.
///
/// # Errors
///
/// When it is in use, or isn't one of this machine.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until the process ends.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    leadership: Leadership,
    metrics: Metrics,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state((readiness, leadership)))
        .route("/metrics", get(render).with_state(metrics));
    axum::serve(listener, router).await
}

/// A standby is ready; a process that can't ever be elected as things are is not.
async fn readyz(State((readiness, leadership)): State<(Readiness, Leadership)>) -> Response {
    match readiness.reason().or_else(|| leadership.obstacle()) {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

async fn render(State(metrics): State<Metrics>) -> Response {
    match metrics.render() {
        Ok(text) => {
            let text_format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, text_format)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
