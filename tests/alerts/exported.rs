//! What alerts and dashboard ask for is what real operators export: a leader that has seen most things, and a standby beside it.

use std::collections::{BTreeMap, BTreeSet};

use cloudhsm_emulator::{Emulator, Options};
use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, Operator, eventually};

use crate::{
    dashboard,
    promql::{parse, shipped},
    tools::read,
};

const LEASE: &str = "cloudhsm-backup-operator";

/// The labels that Prometheus adds to what it scrapes, or to what it sends elsewhere.
const OF_THE_TARGET: [&str; 5] = ["cluster", "job", "instance", "pod", "namespace"];

/// Each metric with the labels of its series.
type Exposition = BTreeMap<String, BTreeSet<String>>;

fn exposition(text: &str) -> Exposition {
    let mut all = Exposition::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let labels = all.entry(name.to_owned()).or_default();
        let mut rest = if line[name.len()..].starts_with('{') { rest } else { "" };
        while let Some((label, after)) = rest.split_once("=\"") {
            labels.insert(label.trim_start_matches(',').to_owned());
            let end = after.char_indices().find(|(at, c)| *c == '"' && !after[..*at].ends_with('\\')).unwrap().0;
            rest = &after[end + 1..];
        }
    }
    all
}

#[test]
fn an_exposition_is_read() {
    let text = "# TYPE a gauge\na{b=\"x, y=\\\"z\\\"\",c=\"\"} 1\nd_total 2\n# EOF\n";
    let read = exposition(text);
    assert_eq!(read["a"], BTreeSet::from(["b".to_owned(), "c".to_owned()]));
    assert_eq!(read["d_total"], BTreeSet::new());
}

struct Stage {
    control_plane: &'static ControlPlane,
    emulator: Emulator,
    namespace: String,
}

impl Stage {
    async fn new() -> Self {
        let control_plane = ControlPlane::shared().await;
        control_plane.apply_crds(&read("crds/cloudhsmbackups.yaml")).await;
        let namespace = control_plane.namespace("alerts").await;
        Self { control_plane, emulator: Emulator::start(Options::default()).unwrap(), namespace }
    }

    fn operator(&self) -> Operator {
        Operator::builder(env!("CARGO_BIN_EXE_cloudhsm-backup-operator"))
            .kubeconfig(self.control_plane.kubeconfig())
            .aws(&self.emulator.url(), "111122223333")
            .args(["--namespace", &self.namespace, "--resync-interval", "1s"])
            .args(["--lease-namespace", &self.namespace, "--lease-name", LEASE])
            .start()
    }

    fn backup(&self, id: &str, more: Value) {
        let mut backup = json!({"BackupId": id, "BackupState": "READY", "ClusterId": "cluster-dygnwhmscg5"});
        for (key, value) in more.as_object().unwrap() {
            backup[key] = value.clone();
        }
        self.emulator.put_backups(json!([backup])).unwrap();
    }

    async fn declare(&self, name: &str, id: &str, spec: Value) {
        let mut object = json!({
            "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"backupId": id},
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        let output = self.control_plane.kubectl_with_input(&["apply", "-f", "-"], &object.to_string()).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn scraped(operator: &Operator) -> String {
    let (status, text) = operator.http_get("/metrics").await.unwrap();
    assert_eq!(status, 200);
    text
}

async fn shows(operator: &Operator, line: &str) {
    eventually(&format!("the operator exports {line}"), DEADLINE, async || {
        let text = scraped(operator).await;
        if text.lines().any(|found| found.starts_with(line)) { Ok(()) } else { Err(text) }
    })
    .await;
}

/// What a leader exports once everything has happened that there is a metric for.
async fn of_a_leader(stage: &Stage, operator: &Operator) -> Exposition {
    let [kept, unwanted, endangered] = ["backup-aaaaaaaaaaa", "backup-bbbbbbbbbbb", "backup-ccccccccccc"];
    let deleted = json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": stage.emulator.now() + 3_600.0});
    stage.backup(kept, json!({}));
    stage.backup(unwanted, json!({}));
    stage.backup(endangered, deleted.clone());
    stage.declare("kept", kept, json!({"desiredState": "Present"})).await;
    stage.declare("unwanted", unwanted, json!({"desiredState": "Deleted"})).await;
    stage.declare("endangered", endangered, json!({"desiredState": "Present", "suspend": true})).await;
    let object = |name: &str| format!("namespace=\"{}\",name=\"{name}\"", stage.namespace);
    shows(operator, &format!("cloudhsm_backup_ready{{{},status=\"True\",reason=\"Available\"}} 1", object("kept")))
        .await;
    // As the alerts have it: Ready tells the deletion that is declared from the one that isn't.
    for (name, ready) in [
        ("unwanted", r#"status="True",reason="PendingDeletion""#),
        ("endangered", r#"status="False",reason="Suspended""#),
    ] {
        shows(operator, &format!("cloudhsm_backup_ready{{{},{ready}}} 1", object(name))).await;
        shows(operator, &format!("cloudhsm_backup_permanent_deletion_timestamp_seconds{{{}}} ", object(name))).await;
        shows(operator, &format!("cloudhsm_backup_state{{{},backup_state=\"PENDING_DELETION\"}} 1", object(name)))
            .await;
    }
    stage.backup(kept, deleted);
    shows(operator, "cloudhsm_backup_drift_total{backup_state=\"PENDING_DELETION\"} 1").await;
    let fault = json!([{"op": "DescribeBackups", "effect": "error", "code": "ThrottlingException", "times": 1}]);
    stage.emulator.push_faults(fault).unwrap();
    let failed = "cloudhsm_backup_aws_requests_total{operation=\"DescribeBackups\",outcome=\"error\",code=\"ThrottlingException\"} ";
    shows(operator, failed).await;
    shows(operator, "cloudhsm_backup_sweep_pages{account=\"111122223333\",region=\"us-east-1\"} ").await;
    exposition(&scraped(operator).await)
}

#[tokio::test]
async fn all_that_is_asked_for_is_exported() {
    let stage = Stage::new().await;
    let leader = stage.operator();
    shows(&leader, &format!("leader_election_master_status{{name=\"{LEASE}\"}} 1")).await;
    let standby = stage.operator();
    shows(&standby, &format!("leader_election_master_status{{name=\"{LEASE}\"}} 0")).await;
    let exported = of_a_leader(&stage, &leader).await;

    let has = |metric: &str, label: &str| {
        let labels = exported.get(metric).unwrap_or_else(|| panic!("no operator exports {metric}"));
        labels.contains(label) || OF_THE_TARGET.contains(&label)
    };
    let shipped = shipped();
    let exprs: Vec<String> = shipped.iter().map(|(_, expr)| expr.clone()).collect();
    let mut metrics = BTreeSet::new();
    for ((place, _), query) in shipped.iter().zip(parse(&exprs)) {
        for selector in &query.selectors {
            for matcher in &selector.matchers {
                assert!(has(&selector.metric, &matcher.label), "{place}: {} has no {}", selector.metric, matcher.label);
            }
            has(&selector.metric, "");
            metrics.insert(selector.metric.clone());
        }
        for grouping in &query.groupings {
            for label in &grouping.labels {
                let some = grouping.metrics.iter().any(|metric| has(metric, label));
                assert!(some || grouping.metrics.is_empty(), "{place}: none of {:?} has {label}", grouping.metrics);
            }
        }
    }
    let shown = dashboard::queries();
    let exprs: Vec<String> = shown.iter().map(|shown| shown.expr.clone()).collect();
    for (shown, query) in shown.iter().zip(parse(&exprs)) {
        for label in &shown.labels {
            let some = query.selectors.iter().any(|selector| has(&selector.metric, label));
            assert!(some, "{}: {label} is shown, and nothing has it", shown.place);
        }
    }
    // The other way round: what is exported is looked at somewhere.
    let parts = ["_bucket", "_sum", "_count"];
    let base = |metric: &String| parts.iter().find_map(|part| metric.strip_suffix(part)).unwrap_or(metric).to_owned();
    let looked_at: BTreeSet<String> = metrics.iter().map(base).collect();
    let unused: Vec<String> = exported.keys().map(base).filter(|metric| !looked_at.contains(metric)).collect();
    assert_eq!(unused, Vec::<String>::new(), "exported, and in no alert, panel or page");

    // What the alerts take for granted: a standby tells of no object and no sweep, so they show once.
    let beside = exposition(&scraped(&standby).await);
    for metric in ["state", "ready", "permanent_deletion_timestamp_seconds", "sweep_age_seconds", "aws_requests_total"]
    {
        assert!(!beside.contains_key(&format!("cloudhsm_backup_{metric}")), "{metric} of a standby");
    }
    assert!(beside.contains_key("cloudhsm_backup_build_info"));
}
