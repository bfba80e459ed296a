//! What looks make of answers.

use rstest::rstest;

use super::*;

fn page(backups: &str) -> Reply {
    Reply::ok(format!(r#"{{"Backups":[{backups}]}}"#))
}

fn page_and(backups: &str, token: &str) -> Reply {
    Reply::ok(format!(r#"{{"Backups":[{backups}],"NextToken":"{token}"}}"#))
}

const READY: &str = r#"{"BackupId":"backup-ro5c4er4aac","BackupState":"READY"}"#;

#[tokio::test]
async fn a_look_asks_for_the_backup_in_the_scopes_region_whatever_the_default_region() {
    let server = Server::start([page(READY)]).await;
    let seen = look(&aws(&server), &scope(), &id()).await.unwrap();
    assert_eq!(seen, Observation::Found(Box::new(Backup::new(id(), BackupState::Ready))));
    let request = &server.requests()[0];
    let sent: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(sent, serde_json::json!({"Filters": {"backupIds": [ID]}, "MaxResults": 50}));
    assert!(request.head.contains("/us-east-1/cloudhsm/aws4_request"), "{}", request.head);
    assert!(request.head.contains("app/cloudhsm-backup-operator"), "{}", request.head);
    assert!(
        request.head.contains(concat!("lib/cloudhsm-backup-operator/", env!("CARGO_PKG_VERSION"))),
        "{}",
        request.head
    );
}

#[tokio::test]
async fn an_empty_list_and_awss_word_for_an_unknown_backup_both_say_not_found() {
    let unknown = Reply::error(400, "CloudHsmResourceNotFoundException", "no such backup");
    for reply in [page(""), unknown, Reply::ok(r#"{"Backups":[],"NextToken":""}"#)] {
        let server = Server::start([reply]).await;
        assert_eq!(look(&aws(&server), &scope(), &id()).await.unwrap(), Observation::NotFound);
    }
}

#[tokio::test]
async fn a_look_reads_all_pages() {
    let server = Server::start([page_and("", "one"), page_and(READY, "two"), page("")]).await;
    assert!(look(&aws(&server), &scope(), &id()).await.unwrap().backup().is_some());
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].body.contains(r#""NextToken":"two""#), "{}", requests[2].body);
}

#[tokio::test]
async fn a_word_that_aws_does_not_know_yet_and_a_missing_one_are_kept_as_they_are() {
    for (shown, word) in
        [(r#","BackupState":"ARCHIVED","Mode":"NEW""#, "ARCHIVED"), ("", ""), (r#","BackupState":null"#, "")]
    {
        let server = Server::start([page(&format!(r#"{{"BackupId":"{ID}"{shown}}}"#))]).await;
        let seen = look(&aws(&server), &scope(), &id()).await.unwrap();
        assert_eq!(seen.backup().unwrap().state, BackupState::Unknown(word.to_owned()));
    }
}

#[rstest]
#[case::no_id(page(r#"{"BackupState":"READY"}"#))]
#[case::null_id(page(r#"{"BackupId":null,"BackupState":"READY"}"#))]
#[case::foreign_id(page(r#"{"BackupId":"backup-aaaaaaaaaaa","BackupState":"READY"}"#))]
#[case::another_beside_it(page(&format!(r#"{READY},{{"BackupId":"backup-aaaaaaaaaaa","BackupState":"READY"}}"#)))]
#[case::twice_and_not_the_same(page(&format!(r#"{READY},{{"BackupId":"{ID}","BackupState":"DELETED"}}"#)))]
#[case::time_out_of_range(page(&format!(r#"{{"BackupId":"{ID}","BackupState":"READY","DeleteTimestamp":1e15}}"#)))]
#[case::endless_time(page(&format!(r#"{{"BackupId":"{ID}","BackupState":"READY","DeleteTimestamp":1e300}}"#)))]
#[case::time_as_text(page(&format!(r#"{{"BackupId":"{ID}","DeleteTimestamp":"soon"}}"#)))]
#[case::no_list(Reply::ok("{}"))]
#[case::null_list(Reply::ok(r#"{"Backups":null}"#))]
#[case::no_body(Reply::ok(""))]
#[case::no_json(Reply::ok("<html>welcome</html>"))]
#[case::half_a_json(Reply::ok(r#"{"Backups":["#))]
#[case::all_but_the_last_brace(Reply::ok(r#"{"Backups":[]"#))]
#[case::one_brace_too_many(Reply::ok(r#"{"Backups":[]}}"#))]
#[case::something_behind_it(Reply::ok(r#"{"Backups":[]} {"Backups":[]}"#))]
#[case::another_json(Reply::ok("[]"))]
#[case::text_for_list(Reply::ok(r#"{"Backups":"none"}"#))]
#[case::text_for_backup(Reply::ok(r#"{"Backups":["none"]}"#))]
#[case::null_for_backup(Reply::ok(r#"{"Backups":[null]}"#))]
#[case::object_for_list(Reply::ok(r#"{"Backups":{}}"#))]
#[case::number_for_state(page(&format!(r#"{{"BackupId":"{ID}","BackupState":7}}"#)))]
#[case::number_for_token(Reply::ok(r#"{"Backups":[],"NextToken":7}"#))]
#[case::truncated(Reply::Truncated)]
#[case::noise(Reply::Noise)]
#[tokio::test]
async fn an_answer_that_cannot_be_meant_proves_nothing(#[case] reply: Reply) {
    let server = Server::start([reply]).await;
    let failure = look(&aws(&server), &scope(), &id()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::AwsUnavailable, "{failure:?}");
    assert_eq!(failure.code, None);
    assert!(!failure.text.is_empty());
}

#[rstest]
#[case::at_once(vec![page_and("", "one")], "repeated a page token")]
#[case::later(vec![page_and(READY, "one"), page_and("", "two"), page_and("", "one")], "repeated a page token")]
#[case::changing_between_pages(
    vec![page_and(READY, "one"), page(r#"{"BackupId":"backup-ro5c4er4aac","BackupState":"DELETED"}"#)],
    "twice"
)]
#[case::denied_after_it_was_shown(
    vec![page_and(READY, "one"), Reply::error(400, "CloudHsmResourceNotFoundException", "gone")],
    "unknown"
)]
#[tokio::test]
async fn pages_that_do_not_fit_together_prove_nothing(#[case] replies: Vec<Reply>, #[case] says: &str) {
    let server = Server::start(replies).await;
    let failure = look(&aws(&server), &scope(), &id()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::AwsUnavailable);
    assert!(failure.text.contains(says), "{failure:?}");
}

#[tokio::test]
async fn a_listing_without_an_end_is_given_up() {
    let pages = (0..100).map(|n| page_and("", &format!("token-{n}")));
    let server = Server::start(pages).await;
    let failure = look(&aws(&server), &scope(), &id()).await.unwrap_err();
    assert_eq!((failure.class, server.requests().len()), (FailureClass::AwsUnavailable, 20), "{failure:?}");
}
