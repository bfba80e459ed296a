//! What comes of failures, and that nothing is tried twice.

use cloudhsm_backup_operator::backup::FailureClass;
use rstest::rstest;

use super::*;

fn truly(bench: &Bench) -> String {
    bench.emulator.backups()[0]["BackupState"].as_str().unwrap().to_owned()
}

#[rstest]
#[case("drop", "READY")]
#[case("malformed", "READY")]
#[case("error", "READY")]
#[case("applied_drop", "PENDING_DELETION")]
#[case("applied_malformed", "PENDING_DELETION")]
#[case("applied_error", "PENDING_DELETION")]
#[tokio::test]
async fn a_write_without_an_answer_is_sent_once_and_its_outcome_is_unknown(#[case] effect: &str, #[case] after: &str) {
    let bench = Bench::ready();
    bench.emulator.push_faults(json!([{"op": "DeleteBackup", "times": -1, "effect": effect}])).unwrap();
    let failure = bench.failing_write(Call::DeleteBackup).await;
    assert_eq!((failure.class, failure.operation), (FailureClass::AwsUnavailable, "DeleteBackup"), "{failure:?}");
    assert_eq!(bench.requests("DeleteBackup").len(), 1);
    assert_eq!(truly(&bench), after);
    assert_eq!(bench.found().await.state.as_str(), after, "the next look shows what became of it");
}

#[rstest]
#[case("drop")]
#[case("malformed")]
#[tokio::test]
async fn a_look_without_an_answer_proves_nothing_and_is_not_repeated(#[case] effect: &str) {
    let bench = Bench::ready();
    bench.emulator.push_faults(json!([{"op": "DescribeBackups", "times": 5, "effect": effect}])).unwrap();
    let failure = bench.look().await.unwrap_err();
    assert_eq!((failure.class, failure.operation), (FailureClass::AwsUnavailable, "DescribeBackups"), "{failure:?}");
    assert_eq!(bench.requests("DescribeBackups").len(), 1);
    let again = bench.look().await.unwrap_err();
    assert_eq!(again.text, failure.text, "the same failure has the same text");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_within_reason() {
    let bench = Bench::ready();
    bench.emulator.push_faults(json!([{"op": "DeleteBackup", "effect": "delay", "delay_seconds": 1.5}])).unwrap();
    assert_eq!(bench.write(Call::DeleteBackup).await.unwrap().backup.state, BackupState::PendingDeletion);
}

#[tokio::test]
async fn no_call_takes_longer_than_15_seconds() {
    let bench = Bench::ready();
    bench.emulator.push_faults(json!([{"op": "*", "times": -1, "effect": "delay", "delay_seconds": 60}])).unwrap();
    let permit = permit(Call::DeleteBackup, Backup::new(id(), BackupState::Ready));
    let started = Instant::now();
    let (look, write) = tokio::join!(bench.look(), bench.aws.write(permit));
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let look = look.unwrap_err();
    assert_eq!((look.class, look.text.as_str()), (FailureClass::AwsUnavailable, "no answer in time"));
    assert!(matches!(write, Err(WriteError::Failed(failure)) if failure.class == FailureClass::AwsUnavailable));
}

#[tokio::test]
async fn throttling_is_told_apart() {
    let bench = Bench::ready();
    bench.emulator.behaviour(json!({"throttle": {"burst": 1, "per_second": 0.001}})).unwrap();
    let failure = bench.failing_write(Call::DeleteBackup).await;
    assert_eq!((failure.class, failure.code.as_deref()), (FailureClass::Throttled, Some("ThrottlingException")));
    assert_eq!(bench.requests("DeleteBackup").len(), 1);
    assert_eq!(bench.look().await.unwrap_err().class, FailureClass::Throttled);
}

#[tokio::test]
async fn a_refusal_carries_awss_words_and_request_id() {
    let bench = Bench::ready();
    let permit = bench.permit(Call::DeleteBackup).await;
    bench.write(Call::DeleteBackup).await.unwrap();
    let Err(WriteError::Failed(failure)) = bench.aws.write(permit).await else { panic!("AWS took it twice") };
    assert_eq!(failure.class, FailureClass::InvalidRequest);
    assert_eq!(failure.code.as_deref(), Some("CloudHsmInvalidRequestException"));
    assert!(failure.text.contains(ID) && failure.text.contains("PENDING_DELETION"), "{failure:?}");
    let request = bench.requests("DeleteBackup").remove(1);
    assert_eq!(failure.request_id.as_deref(), request["request_id"].as_str());
}

#[tokio::test]
async fn a_write_to_a_backup_that_is_gone_is_refused() {
    let bench = Bench::ready();
    let permit = bench.permit(Call::DeleteBackup).await;
    bench.emulator.delete_backup(ID).unwrap();
    let Err(WriteError::Failed(failure)) = bench.aws.write(permit).await else { panic!("there is nothing to delete") };
    assert_eq!(failure.class, FailureClass::InvalidRequest);
    assert_eq!(failure.code.as_deref(), Some("CloudHsmResourceNotFoundException"));
}

#[rstest]
#[case("CloudHsmAccessDeniedException", FailureClass::AccessDenied)]
#[case("AccessDeniedException", FailureClass::AccessDenied)]
#[case("ExpiredTokenException", FailureClass::NoCredentials)]
#[case("UnrecognizedClientException", FailureClass::NoCredentials)]
#[case("CloudHsmServiceException", FailureClass::AwsUnavailable)]
#[case("CloudHsmResourceLimitExceededException", FailureClass::InvalidRequest)]
#[tokio::test]
async fn codes_have_their_class(#[case] code: &str, #[case] class: FailureClass) {
    let bench = Bench::ready();
    let fault = json!([{"op": "DeleteBackup", "times": -1, "code": code, "message": "as it is"}]);
    bench.emulator.push_faults(fault).unwrap();
    let failure = bench.failing_write(Call::DeleteBackup).await;
    assert_eq!((failure.class, failure.code.as_deref()), (class, Some(code)));
    assert_eq!(failure.text, "as it is");
    assert_eq!(bench.requests("DeleteBackup").len(), 1);
}
