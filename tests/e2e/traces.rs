//! Traces: what a collector gets to see, and that a bad one costs nothing but traces.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::json;
use test_support::{DEADLINE, Operator, OperatorBuilder, consistently, eventually};
use tokio::net::TcpListener;

use crate::world::{World, id, ready};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How soon an operator that has nothing else to do ends, the last spans included.
const SOON: Duration = Duration::from_secs(8);
const FAILED: &str = "traces can't be exported";

/// A collector of OTLP over HTTP.
#[derive(Clone, Default)]
struct Collector {
    requests: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
}

impl Collector {
    /// Returns its address too.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(Self::take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    async fn take(State(collector): State<Self>, headers: HeaderMap, body: Bytes) {
        collector.requests.lock().unwrap().push((headers, ExportTraceServiceRequest::decode(body).unwrap()));
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let resources = requests.iter().flat_map(|(_, request)| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// Waits for a span of that name.
    async fn span(&self, name: &str) -> Span {
        eventually(&format!("a span {name}"), DEADLINE, async || {
            let spans = self.spans();
            let found = spans.iter().find(|span| span.name == name);
            found.cloned().ok_or_else(|| format!("{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>()))
        })
        .await
    }

    /// Waits for the span that another one is under.
    async fn parent(&self, child: &Span) -> Span {
        eventually(&format!("the parent of {}", child.name), DEADLINE, async || {
            self.spans().into_iter().find(|span| span.span_id == child.parent_span_id).ok_or_else(|| "none".to_owned())
        })
        .await
    }
}

/// An attribute as text; `""` for none.
fn value(attributes: &[KeyValue], key: &str) -> String {
    let attribute = attributes.iter().find(|attribute| attribute.key == key);
    match attribute.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        other => other.map(|other| format!("{other:?}")).unwrap_or_default(),
    }
}

fn attribute(span: &Span, key: &str) -> String {
    value(&span.attributes, key)
}

fn exporting(world: &World, endpoint: &str) -> OperatorBuilder {
    world.operator().env(ENDPOINT, endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "200")
}

/// Whether the operator has the thread that exports spans.
fn exports(operator: &Operator) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", operator.id())).unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.into_iter().any(|name| name.starts_with("OpenTelemetry"))
}

#[tokio::test]
async fn a_write_is_under_its_pass_with_the_request_id_that_aws_gave_it() {
    let world = World::new("traces").await;
    let (collector, url) = Collector::start().await;
    world.backup(&id(0), "READY", json!({}));
    let operator = exporting(&world, &url)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=hsm%20team")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        // The log's own business.
        .env("RUST_LOG", "off")
        .start();
    let object = world.declare("payments", &id(0), "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;

    let call = collector.span("CloudHsmV2.DeleteBackup").await;
    let logged = world.requests_of("DeleteBackup");
    assert_eq!(attribute(&call, "aws.request_id"), logged[0]["request_id"].as_str().unwrap());
    assert_eq!(call.kind, SpanKind::Client as i32);
    for (key, wanted) in [
        ("rpc.system", "aws-api"),
        ("rpc.service", "CloudHsmV2"),
        ("rpc.method", "DeleteBackup"),
        ("cloud.region", "us-east-1"),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&call, key), wanted, "{key}");
    }

    let pass = collector.parent(&call).await;
    let generation = object.metadata.generation.unwrap().to_string();
    for (key, wanted) in [
        ("k8s.namespace.name", world.namespace.as_str()),
        ("cloudhsm_backup.name", "payments"),
        ("cloudhsm_backup.generation", &generation),
        ("cloudhsm_backup.backup_id", &id(0)),
        ("cloudhsm_backup.reason", "PendingDeletion"),
        ("cloudhsm_backup.outcome", "success"),
    ] {
        assert_eq!(attribute(&pass, key), wanted, "{key}");
    }
    assert_eq!((pass.name.as_str(), pass.parent_span_id.len()), ("reconcile", 0));
    collector.span("CloudHsmV2.DescribeBackups").await;
    for name in ["GET cloudhsmbackups", "PATCH cloudhsmbackups/status", "POST events"] {
        let beside =
            collector.spans().into_iter().find(|span| span.name == name && span.parent_span_id == pass.span_id);
        assert_eq!(beside.unwrap_or_else(|| panic!("no {name}")).trace_id, pass.trace_id);
    }

    let requests = collector.requests.lock().unwrap().clone();
    let (headers, request) = &requests[0];
    assert_eq!(
        (&headers["x-tenant"], &headers["content-type"]),
        (&"hsm team".parse().unwrap(), &"application/x-protobuf".parse().unwrap())
    );
    let resource = &request.resource_spans[0].resource.as_ref().unwrap().attributes;
    assert_eq!(value(resource, "service.name"), "cloudhsm-backup-operator");
    assert_eq!(value(resource, "deployment.environment.name"), "test");
    let all = format!("{requests:?}");
    assert!(!all.contains("AKIA") && !all.contains("secret"), "{all}");
    assert!(exports(&operator));
}

#[tokio::test]
async fn a_call_that_failed_says_so() {
    let world = World::new("traces-failed").await;
    let (collector, url) = Collector::start().await;
    world.backup(&id(0), "READY", json!({}));
    world.fault(json!({"op": "DeleteBackup", "times": -1, "effect": "error", "code": "CloudHsmAccessDeniedException"}));
    let _operator = exporting(&world, &url).env("OTEL_SERVICE_NAME", "mine").start();
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    world.reason("payments", "AccessDenied").await;
    let call = collector.span("CloudHsmV2.DeleteBackup").await;
    assert_eq!(attribute(&call, "error.type"), "CloudHsmAccessDeniedException");
    assert_eq!(
        attribute(&call, "aws.request_id"),
        world.requests_of("DeleteBackup")[0]["request_id"].as_str().unwrap()
    );
    assert_eq!(call.status.unwrap().code, StatusCode::Error as i32);
    let requests = collector.requests.lock().unwrap();
    let resource = requests[0].1.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(value(&resource.attributes, "service.name"), "mine");
}

#[tokio::test]
async fn the_last_spans_are_exported_before_the_end() {
    let world = World::new("traces-last").await;
    let (collector, url) = Collector::start().await;
    world.backup(&id(0), "READY", json!({}));
    let operator = ready(exporting(&world, &url).env("OTEL_BSP_SCHEDULE_DELAY", "600000").start()).await;
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(collector.spans().len(), 0);
    operator.terminate();
    assert_eq!(operator.wait_exit(SOON).await.code(), Some(0));
    assert!(collector.spans().iter().any(|span| span.name == "CloudHsmV2.DeleteBackup"));
}

#[tokio::test]
async fn nothing_is_exported_unless_it_is_asked_for() {
    let world = World::new("traces-off").await;
    let (collector, url) = Collector::start().await;
    let off: [&[(&str, &str)]; 3] = [
        &[],
        &[(ENDPOINT, &url), ("OTEL_TRACES_EXPORTER", "none")],
        &[(ENDPOINT, &url), ("OTEL_SDK_DISABLED", "true")],
    ];
    for (n, variables) in off.into_iter().enumerate() {
        let operator = variables.iter().fold(world.operator(), |builder, (name, value)| builder.env(name, value));
        let operator = ready(operator.start()).await;
        world.backup(&id(n), "READY", json!({}));
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
        assert!(!exports(&operator), "{variables:?}");
        operator.terminate();
        assert_eq!(operator.wait_exit(SOON).await.code(), Some(0));
    }
    assert_eq!(collector.requests.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_collector_that_is_gone_or_hangs_costs_traces_and_nothing_else() {
    let world = World::new("traces-dead").await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (hanging, connections) = hanging().await;
    for (n, address) in [gone, hanging].into_iter().enumerate() {
        let builder = exporting(&world, &format!("http://{address}"));
        let operator = ready(builder.env("OTEL_EXPORTER_OTLP_TIMEOUT", "1000").start()).await;
        world.backup(&id(n), "READY", json!({}));
        let asked = Instant::now();
        world.declare(&format!("object-{n}"), &id(n), "Deleted", json!({})).await;
        world.reason(&format!("object-{n}"), "PendingDeletion").await;
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
        eventually("the failure is logged", DEADLINE, async || {
            if operator.logs().contains(FAILED) { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        // Sweeps go on, and so do attempts to export.
        world.more_looks(2).await;
        assert_eq!(operator.logs().matches(FAILED).count(), 1, "{}", operator.logs());
        let asked = Instant::now();
        operator.terminate();
        assert_eq!(operator.wait_exit(SOON).await.code(), Some(0));
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    }
    assert!(connections.load(Ordering::SeqCst) > 0);
}

/// A collector that takes connections and never answers; and how many it has taken.
async fn hanging() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_traces_again() {
    let world = World::new("traces-back").await;
    let (collector, url) = Collector::start().await;
    // One that is there, behind an address where at first there is nothing.
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let operator = ready(exporting(&world, &format!("http://{address}")).start()).await;
    world.backup(&id(0), "READY", json!({}));
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    eventually("the failure is logged", DEADLINE, async || {
        if operator.logs().contains(FAILED) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    let listener = TcpListener::bind(address).await.unwrap();
    let target: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    world.ask("payments", "now").await;
    collector.span("reconcile").await;
    eventually("the recovery is logged", DEADLINE, async || {
        if operator.logs().contains("traces are exported again") { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_understood_is_one_line_in_the_log_and_the_operator_works() {
    let world = World::new("traces-grpc").await;
    let (collector, url) = Collector::start().await;
    let operator = exporting(&world, &url).env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").env_remove("RUST_LOG").start();
    let operator = ready(operator).await;
    assert!(!exports(&operator));
    let logs = operator.logs();
    let lines: Vec<&str> = logs.lines().filter(|line| line.contains("OTEL")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("http/protobuf"), "{logs}");
    assert_eq!(collector.requests.lock().unwrap().len(), 0);
}

/// The API server is a server of HTTPS with certificates of its own; that it has no use for traces proves the way to it.
#[tokio::test]
async fn an_https_endpoint_is_spoken_to_only_with_a_certificate_that_is_trusted() {
    let world = World::new("traces-https").await;
    let authority = world.control_plane.dir().join("ca.crt");
    let admin = kube::config::Kubeconfig::read_from(world.control_plane.kubeconfig()).unwrap();
    let server = admin.clusters[0].cluster.clone().unwrap().server.unwrap();
    for (certificate, told) in [(Some(&authority), "status code: 40"), (None, "certificate")] {
        let builder = exporting(&world, &server);
        let builder =
            certificate.iter().fold(builder, |builder, path| builder.env("OTEL_EXPORTER_OTLP_CERTIFICATE", path));
        let operator = ready(builder.start()).await;
        world.backup(&id(0), "READY", json!({}));
        world.declare("payments", &id(0), "Present", json!({})).await;
        eventually("the failure is logged", DEADLINE, async || {
            let logs = operator.logs();
            let line = logs.lines().find(|line| line.contains(FAILED)).map(str::to_owned);
            let line = line.ok_or_else(|| "not yet".to_owned())?;
            if line.contains(told) { Ok(()) } else { panic!("{line}") }
        })
        .await;
        consistently("it lives", Duration::from_millis(300), async || match operator.try_exit() {
            None => Ok(()),
            Some(status) => Err(status.to_string()),
        })
        .await;
    }
}
