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

use crate::{controller::Readiness, leadership::Leadership, liveness::Liveness, metrics::Metrics};

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
    liveness: Liveness,
    metrics: Metrics,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthz).with_state(liveness))
        .route("/readyz", get(readyz).with_state((readiness, leadership)))
        .route("/metrics", get(render).with_state(metrics));
    axum::serve(listener, router).await
}

async fn healthz(State(liveness): State<Liveness>) -> Response {
    match liveness.reason() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::to_bytes;

    use super::*;

    async fn asked(liveness: &Liveness) -> (u16, String) {
        let response = healthz(State(liveness.clone())).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_health_probe_fails_with_a_line_for_each_loop_that_stands_still() {
        let liveness = Liveness::default();
        let bound = Duration::from_secs(60);
        let controller = liveness.watch_over("the controller", bound);
        let _lease = liveness.watch_over("the lease", bound);
        assert_eq!(asked(&liveness).await, (200, "ok\n".to_owned()));
        for _ in 0..61 {
            liveness.passed(Duration::from_secs(1));
        }
        controller.beat();
        let told = "the lease hasn't moved for 61 s (bound 60 s)\n";
        assert_eq!(asked(&liveness).await, (503, told.to_owned()));
    }
}
