//! A proxy between an operator and the API server that goes wrong on demand.
//!
//! It speaks plain HTTP to the operator, so the operator's own token goes through and its rights are what they are without it. Requests
//! are forwarded one by one, not connection by connection, and what comes back is streamed, so that watches work. It runs on a thread
//! of its own: a test that is busy doesn't slow the operator.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::{ApiRequest, ControlPlane};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type Which = Arc<dyn Fn(&ApiRequest) -> bool + Send + Sync>;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It isn't forwarded and is answered with this HTTP status and a `Status` of the same code.
    Status(u16),
    /// It isn't forwarded and is answered as a watch that says one thing, an event of type ERROR with this code, and ends.
    ErrorEvent(u16),
    /// It isn't forwarded and is answered with nothing, as a watch that ends at once.
    Ended,
    /// It is forwarded, its answer begins, and nothing follows, for ever; nor does anything more of the answers under way.
    Mute,
    /// It is taken and never answered; nothing more comes of the answers under way.
    Silent,
}

/// The proxy. All ends when it is dropped.
#[derive(Debug)]
pub struct ApiProxy {
    address: SocketAddr,
    switches: watch::Sender<Switches>,
    requests: Arc<Mutex<Vec<ApiRequest>>>,
    runtime: Option<Runtime>,
}

#[derive(Clone, Default)]
struct Switches {
    fault: Option<(Fault, Which)>,
    /// The connections numbered below this are frozen.
    frozen: u64,
    /// The connections numbered below this are to end.
    broken: u64,
    connections: u64,
    refusing: bool,
}

impl std::fmt::Debug for Switches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?}, frozen below {}, refusing: {}",
            self.fault.as_ref().map(|(fault, _)| fault),
            self.frozen,
            self.refusing
        )
    }
}

impl Switches {
    fn fault(&self, connection: u64, request: &ApiRequest) -> Option<Fault> {
        if connection < self.frozen {
            return Some(Fault::Silent);
        }
        self.fault.as_ref().filter(|(_, which)| which(request)).map(|(fault, _)| *fault)
    }

    fn is_mute(&self, connection: u64, request: &ApiRequest) -> bool {
        matches!(self.fault(connection, request), Some(Fault::Mute | Fault::Silent))
    }
}

impl ApiProxy {
    /// A proxy in front of this control plane, at which nothing is wrong.
    pub async fn start(control_plane: &ControlPlane) -> Self {
        let kubeconfig = Kubeconfig::read_from(control_plane.kubeconfig()).expect("the administrator's kubeconfig");
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .expect("a usable kubeconfig");
        // Who asks is told by what is forwarded.
        config.auth_info = AuthInfo::default();
        config.default_retry = false;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that doesn't block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let switches = watch::Sender::new(Switches::default());
        let requests = Arc::default();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let (of_proxy, seen) = (switches.clone(), Arc::clone(&requests));
        runtime.spawn(async move {
            let proxy =
                Proxy { client: Client::try_from(config).expect("a client"), switches: of_proxy, requests: seen };
            proxy.listen(listener, address).await;
        });
        Self { address, switches, requests, runtime: Some(runtime) }
    }

    /// A copy of a kubeconfig that leads through the proxy. It needs to hold a token: a client certificate would not get through.
    pub fn kubeconfig(&self, of: &Path) -> PathBuf {
        let mut kubeconfig = Kubeconfig::read_from(of).expect("a kubeconfig");
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("http://{}", self.address));
            cluster.certificate_authority = None;
            cluster.certificate_authority_data = None;
        }
        let path = of.with_extension(format!("by-{}.kubeconfig", self.address.port()));
        std::fs::write(&path, serde_json::to_string(&kubeconfig).expect("a kubeconfig")).expect("a writable directory");
        path
    }

    /// From now on this is wrong with those requests, in place of what was wrong before. What it has silenced stays so.
    pub fn set(&self, fault: Fault, which: impl Fn(&ApiRequest) -> bool + Send + Sync + 'static) {
        self.switches.send_modify(|switches| switches.fault = Some((fault, Arc::new(which))));
    }

    /// The connections that are open now say nothing any more and stay open, for ever, as when a firewall forgot them. New ones work.
    pub fn freeze_connections(&self) {
        self.switches.send_modify(|switches| switches.frozen = switches.connections);
    }

    /// Breaks the connections that are open now. New ones work.
    pub fn break_connections(&self) {
        self.switches.send_modify(|switches| switches.broken = switches.connections);
    }

    /// Breaks all connections and refuses new ones, until [`heal`](Self::heal).
    pub fn refuse(&self) {
        self.switches.send_modify(|switches| switches.refusing = true);
        self.break_connections();
    }

    /// Nothing is wrong with new requests any more.
    pub fn heal(&self) {
        self.switches.send_modify(|switches| {
            switches.fault = None;
            switches.refusing = false;
        });
    }

    /// What was asked so far, faulty or not.
    #[must_use]
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests there were of a verb on a resource, as in a rule of RBAC: `patch` on `cloudhsmbackups/status`.
    #[must_use]
    pub fn count(&self, verb: &str, resource: &str) -> usize {
        self.requests().iter().filter(|request| request.verb == verb && request.resource == resource).count()
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What the proxy's thread has.
#[derive(Clone)]
struct Proxy {
    client: Client,
    switches: watch::Sender<Switches>,
    requests: Arc<Mutex<Vec<ApiRequest>>>,
}

impl Proxy {
    async fn listen(self, listener: TcpListener, address: SocketAddr) {
        let mut listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let accepted = tokio::select! {
                () = self.becomes(|switches| switches.refusing) => None,
                accepted = listener.accept() => accepted.ok(),
            };
            if let Some((stream, _)) = accepted {
                tokio::spawn(self.clone().serve(stream));
                continue;
            }
            drop(listener);
            self.becomes(|switches| !switches.refusing).await;
            listener = loop {
                match tokio::net::TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            };
        }
    }

    async fn serve(self, stream: tokio::net::TcpStream) {
        let mut connection = 0;
        self.switches.send_modify(|switches| {
            connection = switches.connections;
            switches.connections += 1;
        });
        let service = service_fn(|request| self.clone().answer(connection, request));
        tokio::select! {
            () = self.becomes(|switches| connection < switches.broken || switches.refusing) => {}
            // It breaks when the operator or the API server breaks it, which is what is wanted.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        }
    }

    async fn answer(self, connection: u64, request: Request<Incoming>) -> Result<Answer, BoxError> {
        let asked = ApiRequest::of(request.method(), request.uri());
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        let fault = self.switches.borrow().fault(connection, &asked);
        match fault {
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::Status(code)) => Ok(said(code, &status(code).to_string())),
            Some(Fault::ErrorEvent(code)) => {
                Ok(said(200, &format!("{}\n", json!({"type": "ERROR", "object": status(code)}))))
            }
            Some(Fault::Ended) => Ok(said(200, "")),
            Some(Fault::Mute) | None => self.forward(connection, asked, request).await,
        }
    }

    async fn forward(self, connection: u64, asked: ApiRequest, request: Request<Incoming>) -> Result<Answer, BoxError> {
        let (mut head, body) = request.into_parts();
        head.headers.remove(HOST);
        head.headers.remove(CONNECTION);
        let body = body.collect().await?.to_bytes();
        let (mut head, body) = self.client.send(Request::from_parts(head, Body::from(body))).await?.into_parts();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        let frames = stream::unfold((self, body, asked), move |(proxy, mut body, asked)| async move {
            let frame = tokio::select! {
                biased;
                () = proxy.becomes(|switches| switches.is_mute(connection, &asked)) => std::future::pending().await,
                frame = body.frame() => frame?,
            };
            Some((frame.map_err(BoxError::from), (proxy, body, asked)))
        });
        Ok(Response::from_parts(head, BodyExt::boxed_unsync(StreamBody::new(frames))))
    }

    async fn becomes(&self, wanted: impl Fn(&Switches) -> bool) {
        // It fails only without a sender, and `self` has one.
        let _ = self.switches.subscribe().wait_for(|switches| wanted(switches)).await;
    }
}

fn said(code: u16, text: &str) -> Answer {
    let body = Full::from(text.to_owned()).map_err(|never| match never {}).boxed_unsync();
    let head = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
    head.body(body).expect("a response")
}

fn status(code: u16) -> Value {
    let reason = if code == 410 { "Expired" } else { "InternalError" };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": "said by the proxy of the tests",
    })
}
