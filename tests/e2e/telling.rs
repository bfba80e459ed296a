//! What the process tells besides the status: log, metrics, health. And what it never tells.

use serde_json::{Value, json};
use test_support::{DEADLINE, Grant, eventually, rule};

use crate::world::{World, id, ready};

const ID: &str = "backup-ro5c4er4aac";

#[tokio::test]
async fn no_secret_is_in_the_log_the_events_or_the_status_even_where_aws_repeats_it() {
    let world = World::new("secrets").await;
    let (secret, token) = ("SecretSecretSecretSecret+/1234567890abcd", "TokenTokenTokenToken//1234567890abcdef==");
    world.backup(ID, "READY", json!({}));
    // As AWS words it: the canonical request with all that was signed.
    let message = format!(
        "The request signature we calculated does not match. The canonical string for this request should have been \
         'POST / x-amz-security-token:{token} AKIA111122223333TEST {secret}'"
    );
    for code in ["InvalidSignatureException", "SignatureDoesNotMatch"] {
        world.fault(json!({"op": "*", "times": 2, "code": code, "status": 403, "message": message}));
    }
    let operator = world
        .operator()
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_SESSION_TOKEN", token)
        .env("RUST_LOG", "debug,cloudhsm_backup_operator=trace");
    let operator = ready(operator.start()).await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    let failed = world.reason("payments", "NoCredentials").await;
    let done = world.reason("payments", "PendingDeletion").await;
    world.event("payments", "Normal", "DeleteRequested").await;
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    let statuses = format!("{:?} {:?}", failed.status, done.status);
    let events = format!("{:?}", world.events("payments").await);
    // The SDK redacts secrets, and names the id of the key when it is asked for all it has to say.
    let logs = operator.logs();
    let own: String = logs.lines().filter(|line| line.contains("cloudhsm_backup_operator")).collect();
    for (place, text) in [("log", &own), ("status", &statuses), ("events", &events), ("metrics", &metrics)] {
        assert!(!text.contains("AKIA111122223333TEST"), "the access key id is in the {place}: {text}");
    }
    for (place, text) in [("log", logs), ("status", statuses), ("events", events), ("metrics", metrics)] {
        for (what, word) in [("secret key", secret), ("session token", token)] {
            let line = text.lines().find(|line| line.contains(word));
            assert!(line.is_none(), "the {what} is in the {place}: {line:?}");
        }
    }
}

#[tokio::test]
async fn every_line_of_the_log_is_an_object_with_time_level_and_message() {
    let world = World::new("log").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.fault(json!({"op": "DeleteBackup", "message": "two\nlines"}));
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    operator.terminate();
    operator.wait_exit(DEADLINE).await;
    let logs = operator.logs();
    assert!(logs.lines().count() > 5, "{logs}");
    for line in logs.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn health_is_good_and_the_metrics_have_the_names_of_the_contract() {
    let world = World::new("metrics").await;
    for (n, state) in ["READY", "PENDING_DELETION", "READY"].into_iter().enumerate() {
        let end = if n == 1 { json!(world.emulator.now() + 86_400.0) } else { Value::Null };
        world.backup(&id(n), state, json!({"DeleteTimestamp": end}));
        world.declare(&format!("object-{n}"), &id(n), if n == 1 { "Deleted" } else { "Present" }, json!({})).await;
    }
    world.declare("nothing", "backup-zzzzzzzzzzz", "Present", json!({})).await;
    let operator = world.started().await;
    for (name, reason) in [("object-0", "Available"), ("object-1", "PendingDeletion"), ("object-2", "Available")] {
        world.reason(name, reason).await;
    }
    world.reason("nothing", "BackupNotFound").await;
    // Somebody else deletes one, and AWS refuses once to restore it.
    world.fault(json!({"op": "RestoreBackup", "code": "ThrottlingException", "status": 400}));
    world.outside(&id(2), json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 9e4}));
    world.event("object-2", "Normal", "RestoreRequested").await;
    world.reason("object-2", "Available").await;

    assert_eq!(operator.http_get("/healthz").await.unwrap().0, 200);
    assert_eq!(operator.http_get("/nothing").await.unwrap().0, 404);
    let ns = &world.namespace;
    let wanted = [
        "controller_runtime_reconcile_total{controller=\"".to_owned(),
        "controller_runtime_reconcile_errors_total{controller=\"".to_owned(),
        "controller_runtime_reconcile_time_seconds_bucket{".to_owned(),
        "cloudhsm_backup_aws_requests_total{operation=\"DescribeBackups\",outcome=\"success\",code=\"\"}".to_owned(),
        "cloudhsm_backup_aws_requests_total{operation=\"RestoreBackup\",outcome=\"error\",code=\"ThrottlingException\"} 1"
            .to_owned(),
        "cloudhsm_backup_aws_request_duration_seconds_bucket{".to_owned(),
        "cloudhsm_backup_aws_writes_total{operation=\"RestoreBackup\"} 1".to_owned(),
        format!("cloudhsm_backup_state{{namespace=\"{ns}\",name=\"object-0\",backup_state=\"READY\"}} 1"),
        format!("cloudhsm_backup_state{{namespace=\"{ns}\",name=\"object-1\",backup_state=\"PENDING_DELETION\"}} 1"),
        format!("cloudhsm_backup_ready{{namespace=\"{ns}\",name=\"object-0\",status=\"True\",reason=\"Available\"}} 1"),
        format!("cloudhsm_backup_ready{{namespace=\"{ns}\",name=\"nothing\",status=\"False\",reason=\"BackupNotFound\"}} 1"),
        format!("cloudhsm_backup_permanent_deletion_timestamp_seconds{{namespace=\"{ns}\",name=\"object-1\"}}"),
        "cloudhsm_backup_drift_total{backup_state=\"PENDING_DELETION\"} 1".to_owned(),
        "cloudhsm_backup_build_info{version=\"".to_owned(),
    ];
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    for series in wanted {
        assert!(metrics.lines().any(|line| line.starts_with(&series)), "{series}\n{metrics}");
    }
    let state_of_nothing = format!("cloudhsm_backup_state{{namespace=\"{ns}\",name=\"nothing\"");
    assert!(!metrics.contains(&state_of_nothing), "{metrics}");

    // The series of an object go with it.
    world.api().delete("object-1", &kube::api::DeleteParams::default()).await.unwrap();
    eventually("the series are gone", DEADLINE, async || {
        let (_, metrics) = operator.http_get("/metrics").await?;
        if metrics.contains("name=\"object-1\"") { Err(metrics) } else { Ok(()) }
    })
    .await;
    assert_eq!(world.state(&id(1)), "PENDING_DELETION");
}

#[tokio::test]
async fn the_series_of_an_object_stay_away_though_it_went_in_the_middle_of_a_pass() {
    let world = World::new("gone-mid-pass").await;
    world.backup(ID, "READY", json!({}));
    let operator = world.started().await;
    world.declare("payments", ID, "Present", json!({})).await;
    world.reason("payments", "Available").await;
    world.fault(json!({"op": "DescribeBackups", "effect": "delay", "delay_seconds": 2}));
    let looks = world.looks();
    eventually("a look is under way", DEADLINE, async || {
        if world.emulator.faults().is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    world.api().delete("payments", &kube::api::DeleteParams::default()).await.unwrap();
    world.requests_reach("DescribeBackups", looks + 1).await;
    // Whatever was still to be done for the object is done once those that came later are.
    world.backup(&id(0), "READY", json!({}));
    world.declare("later", &id(0), "Present", json!({})).await;
    world.reason("later", "Available").await;
    world.more_looks(1).await;
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    assert!(metrics.contains("name=\"later\""), "{metrics}");
    assert!(!metrics.contains("name=\"payments\""), "{metrics}");
}

#[tokio::test]
async fn an_operator_that_may_not_tell_events_does_its_work_all_the_same() {
    let world = World::new("no-events").await;
    world.backup(ID, "READY", json!({}));
    let rights = [
        rule("cloudhsm.dev", &["cloudhsmbackups"], &["get", "list", "watch"]),
        rule("cloudhsm.dev", &["cloudhsmbackups/status"], &["patch"]),
    ];
    let grant = Grant::namespaced(&world.namespace, rights);
    let kubeconfig = world.control_plane.service_account_kubeconfig(&world.namespace, "silent", &[grant]).await;
    let operator = ready(world.operator().kubeconfig(&kubeconfig).start()).await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.reason("payments", "PendingDeletion").await;
    assert_eq!(world.writes().len(), 1);
    assert!(operator.try_exit().is_none());
}

#[tokio::test]
async fn an_operator_that_may_not_write_the_status_repeats_no_aws_write() {
    let world = World::new("no-status").await;
    world.backup(ID, "READY", json!({}));
    let grant =
        Grant::namespaced(&world.namespace, [rule("cloudhsm.dev", &["cloudhsmbackups"], &["get", "list", "watch"])]);
    let kubeconfig = world.control_plane.service_account_kubeconfig(&world.namespace, "mute", &[grant]).await;
    let operator = ready(world.operator().kubeconfig(&kubeconfig).start()).await;
    world.declare("payments", ID, "Deleted", json!({})).await;
    world.requests_reach("DeleteBackup", 1).await;
    world.more_looks(4).await;
    assert_eq!(world.writes().len(), 1);
    assert!(operator.try_exit().is_none());
    let (_, metrics) = operator.http_get("/metrics").await.unwrap();
    let errors = metrics.lines().find(|line| line.starts_with("controller_runtime_reconcile_errors_total{"));
    assert!(errors.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}
