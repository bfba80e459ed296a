//! The operator's process is started, seen and ended as tests expect it; a script stands in for the operator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use test_support::{DEADLINE, Operator, OperatorBuilder, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn fake() -> OperatorBuilder {
    Operator::builder(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake-operator.sh"))
        .kubeconfig(Path::new("/some/kubeconfig"))
        .aws("http://127.0.0.1:1", "111122223333")
        .env("FAKE_ADDRESS", "127.0.0.1:1")
}

#[tokio::test]
async fn it_gets_its_arguments_and_only_the_environment_it_is_given() {
    let operator = fake().args(["--mode", "observe"]).arg("--namespace=a").env("AWS_REGION", "eu-west-1").start();
    assert_eq!(operator.address().await.to_string(), "127.0.0.1:1");
    let logs = eventually("the environment is logged", DEADLINE, async || {
        let logs = operator.logs();
        if logs.contains("AWS_REGION=eu-west-1") { Ok(logs) } else { Err(logs) }
    })
    .await;
    assert!(
        logs.contains("arguments: run --listen 127.0.0.1:0 --log-format json --mode observe --namespace=a"),
        "{logs}"
    );
    for expected in ["KUBECONFIG=/some/kubeconfig", "AWS_ACCESS_KEY_ID=AKIA111122223333TEST", "PATH="] {
        assert!(logs.contains(expected), "{expected} is missing: {logs}");
    }
    assert!(!logs.contains("CARGO"), "the test's own environment got in: {logs}");
}

#[tokio::test]
async fn it_ends_as_told() {
    let operator = fake().start();
    operator.address().await;
    assert_eq!(operator.try_exit(), None);
    operator.terminate();
    assert_eq!(operator.wait_exit(DEADLINE).await.code(), Some(7));

    let operator = fake().start();
    operator.pause();
    operator.kill();
    assert_eq!(operator.wait_exit(DEADLINE).await.signal(), Some(9));
}

#[tokio::test]
#[should_panic(expected = "the operator ended, with exit status: 7, before it listened")]
async fn nobody_waits_for_an_operator_that_has_ended() {
    let operator = fake().env("FAKE_ADDRESS", "none").start();
    eventually("it runs", DEADLINE, async || {
        if operator.logs().contains("none\"") { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    operator.terminate();
    operator.address().await;
}

#[tokio::test]
async fn it_is_gone_when_dropped() {
    let operator = fake().start();
    let process = format!("/proc/{}", operator.id());
    assert!(Path::new(&process).exists());
    drop(operator);
    assert!(!Path::new(&process).exists());
}

#[tokio::test]
async fn http_get_returns_status_and_body() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let operator = fake().env("FAKE_ADDRESS", server.local_addr().unwrap().to_string()).start();
    let serve = async {
        let (mut connection, _) = server.accept().await.unwrap();
        let mut request = [0; 1024];
        let length = connection.read(&mut request).await.unwrap();
        assert!(request.get(..length).unwrap().starts_with(b"GET /readyz HTTP/1.0\r\n"));
        connection.write_all(b"HTTP/1.0 503 Service Unavailable\r\nX: y\r\n\r\nnot yet\n").await.unwrap();
    };
    let ((), answer) = tokio::join!(serve, operator.http_get("/readyz"));
    assert_eq!(answer, Ok((503, "not yet\n".to_owned())));

    drop(server);
    operator.http_get("/readyz").await.expect_err("nobody listens");
}
