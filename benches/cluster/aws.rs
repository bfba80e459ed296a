//! The emulator as a process of its own, so that its memory and CPU are counted as nobody else's, and a bare client for it.

use std::{net::SocketAddr, path::Path, process::Stdio};

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The account of all backups.
pub(crate) const ACCOUNT: &str = "111122223333";

/// A running emulator, killed when this is dropped.
pub(crate) struct Emulator {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Emulator {
    pub(crate) async fn start(binary: &Path) -> Self {
        let mut process = Command::new(binary)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let line = lines.next_line().await.expect("the emulator writes").expect("the emulator serves");
        Self { address: line.parse().expect("the first line is the address"), process }
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().expect("it runs")
    }
}

/// A client that sends what an AWS client sends and the emulator reads, unsigned and without anything around it.
#[derive(Clone)]
pub(crate) struct Aws {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

impl Aws {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), address }
    }

    /// An AWS call.
    pub(crate) async fn call(&self, operation: &str, input: &Value) -> Value {
        let request = Request::post(format!("http://{}/", self.address))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("BaldrApiService.{operation}"));
        self.send(request, input.to_string()).await
    }

    /// A call of the emulator's control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(Request::builder().method(method).uri(format!("http://{}/_control/{path}", self.address)), body).await
    }

    async fn send(&self, request: hyper::http::request::Builder, body: String) -> Value {
        let request = request.body(Full::from(body)).expect("a request");
        let uri = request.uri().clone();
        let answer = self.client.request(request).await.unwrap_or_else(|error| panic!("{uri}: {error}"));
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap_or_else(|error| panic!("{uri}: {error}")).to_bytes();
        assert!(status.is_success(), "{uri}: {status}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{uri}: {error}"))
    }

    /// The requests that the emulator has logged from number `since` on, and the number of the next.
    pub(crate) async fn requests(&self, since: u64) -> (Vec<Value>, u64) {
        let mut answer = self.control("GET", &format!("requests?since={since}"), &Value::Null).await;
        let next = answer["next"].as_u64().expect("a number");
        let Value::Array(requests) = answer["requests"].take() else { panic!("a list of requests") };
        (requests, next)
    }

    /// The number of the next request.
    pub(crate) async fn next_request(&self) -> u64 {
        self.requests(u64::from(u32::MAX)).await.1
    }

    /// All of AWS, page by page.
    pub(crate) async fn sweep(&self) {
        let mut input = json!({"MaxResults": 50});
        loop {
            let answer = self.call("DescribeBackups", &input).await;
            match answer["NextToken"].as_str() {
                Some(token) => input["NextToken"] = token.into(),
                None => return,
            }
        }
    }
}

/// How far the looks in the emulator's log cover the backups.
#[derive(Default)]
pub(crate) struct Coverage {
    /// DescribeBackups that AWS answered.
    pub(crate) reads: usize,
    /// AWS calls, without STS's.
    pub(crate) requests: usize,
    /// Those that were throttled.
    pub(crate) throttled: usize,
    pages: usize,
    asked: std::collections::HashSet<String>,
    asked_times: usize,
}

impl Coverage {
    /// Adds what the log says.
    pub(crate) fn add(&mut self, requests: &[Value]) {
        for request in requests.iter().filter(|request| request["protocol"] != "query") {
            self.requests += 1;
            self.throttled += usize::from(request["code"] == "ThrottlingException");
            if request["op"] != "DescribeBackups" || request["status"] != 200 {
                continue;
            }
            self.reads += 1;
            match request["input"]["Filters"]["backupIds"].as_array() {
                Some(ids) => {
                    self.asked_times += ids.len();
                    self.asked.extend(ids.iter().filter_map(|id| id.as_str().map(str::to_owned)));
                }
                None => self.pages += 1,
            }
        }
    }

    /// How many of `count` backups have been looked at.
    pub(crate) fn seen(&self, count: usize) -> usize {
        (self.pages * 50).max(self.asked.len()).min(count)
    }

    /// How many times all `count` backups have been looked at.
    pub(crate) fn sweeps(&self, count: usize) -> f64 {
        (self.pages * count.min(50) + self.asked_times) as f64 / count as f64
    }
}
