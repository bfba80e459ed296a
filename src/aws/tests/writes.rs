//! The writes: what is sent, how often, and what counts as an answer.

use std::net::Ipv4Addr;

use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use rstest::rstest;

use super::*;

#[rstest]
#[case(Call::DeleteBackup, "PENDING_DELETION", r#"{"BackupId":"backup-ro5c4er4aac"}"#)]
#[case(Call::RestoreBackup, "READY", r#"{"BackupId":"backup-ro5c4er4aac"}"#)]
#[case(
    Call::ModifyBackupAttributes { never_expires: true },
    "READY",
    r#"{"BackupId":"backup-ro5c4er4aac","NeverExpires":true}"#
)]
#[tokio::test]
async fn a_permit_makes_its_call_and_no_other(#[case] call: Call, #[case] state: &str, #[case] sent: &str) {
    let server =
        Server::start([Reply::ok(format!(r#"{{"Backup":{{"BackupId":"{ID}","BackupState":"{state}"}}}}"#))]).await;
    let answer = aws(&server).write(permit(call, soon())).await.unwrap();
    assert_eq!(answer.backup, Backup::new(id(), BackupState::from(state)));
    assert_eq!(answer.request_id.as_deref(), Some("req-1"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body, sent);
    let operation = call.operation().to_ascii_lowercase();
    assert!(requests[0].head.contains(&format!("x-amz-target: baldrapiservice.{operation}")), "{}", requests[0].head);
    assert!(requests[0].head.contains(&format!("content-length: {}", sent.len())), "{}", requests[0].head);
}

#[rstest]
#[case(Reply::ok("{}"))]
#[case(Reply::ok(""))]
#[case(Reply::ok(r#"{"Backup":null}"#))]
#[case(Reply::ok(r#"{"Backup":{"BackupState":"READY"}}"#))]
#[case(Reply::ok(r#"{"Backup":{"BackupId":"backup-aaaaaaaaaaa","BackupState":"READY"}}"#))]
#[case(Reply::ok(r#"{"Backup":{"BackupId":"backup-ro5c4er4aac"}}"#))]
#[case(Reply::ok("garbage"))]
#[tokio::test]
async fn an_answer_without_the_backup_and_its_state_leaves_the_outcome_unknown(#[case] reply: Reply) {
    let server = Server::start([reply]).await;
    let failure = failed(aws(&server).write(delete()).await);
    assert_eq!((failure.class, failure.request_id.as_deref()), (FailureClass::AwsUnavailable, Some("req-1")));
    assert_eq!(server.settled().await, 1);
}

#[rstest]
#[case(Reply::error(500, "CloudHsmInternalFailureException", "oops"))]
#[case(Reply::error(400, "ThrottlingException", "Rate exceeded"))]
#[case(Reply::error(403, "RequestTimeTooSkewed", "late"))]
#[case(Reply::Http(503, String::new()))]
#[case(Reply::Close)]
#[case(Reply::Never)]
#[tokio::test]
async fn a_failing_write_is_sent_once(#[case] reply: Reply) {
    let server = Server::start([reply]).await;
    failed(aws(&server).write(delete()).await);
    assert_eq!(server.settled().await, 1);
}

#[tokio::test]
async fn a_write_on_a_kept_connection_that_the_server_closes_is_sent_once() {
    let found = Reply::ok(format!(r#"{{"Backups":[{{"BackupId":"{ID}","BackupState":"READY"}}]}}"#));
    let server = Server::start([found, Reply::Close]).await;
    let aws = aws(&server);
    look(&aws, &scope(), &id()).await.unwrap();
    failed(aws.write(delete()).await);
    assert_eq!(server.settled().await, 2);
}

#[tokio::test]
async fn an_expired_permit_sends_nothing() {
    let server = Server::start([Reply::ok("{}")]).await;
    let expired = permit(Call::DeleteBackup, Instant::now() - Duration::from_millis(1));
    let result = aws(&server).write(expired).await;
    assert!(matches!(result, Err(WriteError::PermitExpired)), "{result:?}");
    assert_eq!(server.settled().await, 0);
}

#[tokio::test]
async fn a_permit_that_runs_out_while_credentials_are_awaited_sends_nothing() {
    let server = Server::start([Reply::ok("{}")]).await;
    let config = config(&server.url()).credentials_provider(SharedCredentialsProvider::new(identity::Slow)).build();
    let aws = Aws::with_limits(&config, Metrics::default(), limits());
    let result = aws.write(permit(Call::DeleteBackup, Instant::now() + Duration::from_millis(50))).await;
    assert!(matches!(result, Err(WriteError::PermitExpired)), "{result:?}");
    assert_eq!(server.settled().await, 0);
}

/// Names are resolved late, as a slow handshake would be.
#[derive(Clone, Debug)]
struct Late;

impl ResolveDns for Late {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        })
    }
}

#[tokio::test]
async fn a_permit_that_runs_out_while_connecting_sends_nothing() {
    let server = Server::start([Reply::ok("{}")]).await;
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_with_resolver(Late);
    let config = config(&server.url().replace("127.0.0.1", "aws.test")).http_client(http).build();
    let aws = Aws::with_limits(&config, Metrics::default(), limits());
    let result = aws.write(permit(Call::DeleteBackup, Instant::now() + Duration::from_millis(150))).await;
    assert!(matches!(result, Err(WriteError::PermitExpired)), "{result:?}");
    assert_eq!(server.settled().await, 0);
    failed(aws.write(delete()).await);
    assert_eq!(server.settled().await, 1, "the way is otherwise open");
}
