//! Connections: HTTP/1.1, kept alive, closed without an answer where a fault says so.

use crate::call::{Core, Reply};
use crate::control;
use crate::request::Call;
use crate::wire::{Protocol, SMITHY_PROTOCOL};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// A body beyond this is nothing that a client of CloudHSM sends.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed")]
struct Dropped;

type Answer = Response<Full<Bytes>>;

/// Takes connections for ever.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&core)))),
            // Out of file descriptors, say: it passes when some connections close.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, core: Arc<Core>) {
    // Without it small answers would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, Arc::clone(&core)));
    // A client may close its half once it has asked. Errors are clients that went away, and dropped calls.
    let _ = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, core: Arc<Core>) -> Result<Answer, Dropped> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Err(Dropped),
    };
    let path = parts.uri.path();
    if path.starts_with(control::PREFIX) {
        let query = parts.uri.query().unwrap_or_default();
        return Ok(match control::call(&core, parts.method.as_str(), path, query, &body) {
            Ok(value) => json(StatusCode::OK, &value),
            Err((status, wrong)) => refused(status, &wrong),
        });
    }
    let Some(call) = Call::read(&parts, &body) else {
        return Ok(refused(404, &format!("{} {path} is no call of AWS and none of the control API", parts.method)));
    };
    // On its own task, so that a call that is under way ends even if its client goes.
    let reply = tokio::spawn(async move { core.answer(call).await }).await.map_err(|_| Dropped)?;
    match reply {
        Reply::Answer { encoded, protocol, request_id } => {
            let mut answer = respond(status(encoded.status), encoded.content_type, encoded.body);
            let headers = answer.headers_mut();
            if let Ok(id) = HeaderValue::from_str(&request_id) {
                headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
            }
            if protocol == Protocol::Cbor {
                let (name, value) = SMITHY_PROTOCOL;
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            Ok(answer)
        }
        Reply::Drop => Err(Dropped),
    }
}

fn refused(code: u16, wrong: &str) -> Answer {
    json(status(code), &json!({"error": wrong}))
}

fn json(status: StatusCode, value: &Value) -> Answer {
    respond(status, "application/json", value.to_string().into_bytes())
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
