//! The chapter on metrics, made of what `/metrics` renders once everything has happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cloudhsm_backup_operator::{
    api::{CloudHsmBackupStatus, READY},
    backup::{AccountId, BackupState, Region, Scope},
    claims::ObjectKey,
    metrics::Metrics,
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use super::{code, table};

#[derive(Default)]
struct Metric {
    kind: String,
    help: String,
    labels: Vec<String>,
    samples: BTreeSet<String>,
}

/// Each metric by its name, from a registry in which each was counted once.
fn metrics() -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in rendered().lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.starts_with('#') {
            let series = line.split(['{', ' ']).next().unwrap();
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
            let (_, metric) = metrics
                .iter_mut()
                .filter(|(name, _)| series.starts_with(*name))
                .max_by_key(|(name, _)| name.len())
                .unwrap();
            metric.samples.insert(series.to_owned());
            let names = labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
            metric.labels = names.filter(|name| name != "le").collect();
        }
    }
    for (name, metric) in &metrics {
        assert!(
            !metric.samples.is_empty(),
            "{name} has no sample here, so its labels aren't known: have it counted below"
        );
        assert!(!metric.help.is_empty() && !metric.kind.is_empty(), "{name}");
    }
    metrics
}

/// Everything that can be counted, counted.
fn rendered() -> String {
    let metrics = Metrics::new();
    let scope = Scope::of_operator(Region::new("us-east-1"));
    let account = AccountId::new("111122223333");
    metrics.reconciled("success", Duration::from_millis(1));
    metrics.reconcile_error();
    metrics.aws_request("DescribeBackups", "success", "", Duration::from_millis(1));
    metrics.aws_write("DeleteBackup");
    metrics.drift(&BackupState::Ready);
    metrics.leader("cloudhsm-backup-operator", true);
    metrics.sweep_begun(&scope, account.clone());
    metrics.sweep_ended(&scope, account, 1, Duration::from_millis(1));
    let time = Time(Timestamp::from_second(0).unwrap());
    let ready = Condition {
        type_: READY.into(),
        status: "True".into(),
        reason: "PendingDeletion".into(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: time.clone(),
    };
    let status = CloudHsmBackupStatus {
        backup_state: Some("PENDING_DELETION".into()),
        delete_timestamp: Some(time),
        conditions: vec![ready],
        ..Default::default()
    };
    metrics.object(&ObjectKey::new("hsm", "payments"), &status);
    metrics.render().unwrap()
}

/// The names of all series, as a query names them, and of histograms, as people call them.
pub(crate) fn exported_series() -> BTreeSet<String> {
    let names = |(name, metric): (String, Metric)| {
        let histogram = (metric.kind == "histogram").then_some(name);
        metric.samples.into_iter().chain(histogram)
    };
    metrics().into_iter().flat_map(names).collect()
}

pub(super) fn chapter() -> String {
    let mut page = super::chapter(
        "Metrics",
        "What `/metrics` exports, as OpenMetrics text. The names are those of a query: a counter ends in `_total`, a histogram has series that \
         end in `_bucket`, `_count` and `_sum`. The series of an object go when it goes; [Monitoring](../operations/monitoring.md) tells what \
         to make of them.",
    );
    for (title, prefix) in [
        ("Backups and AWS", "cloudhsm_backup_"),
        ("Reconciling", "controller_runtime_"),
        ("Leader election", "leader_election_"),
    ] {
        page += &format!("\n## {title}\n\n");
        let metrics = metrics();
        let ours = metrics.iter().filter(|(name, _)| name.starts_with(prefix));
        page += &table(["name", "type", "labels", "unit", "meaning"], ours.map(|(name, metric)| row(name, metric)));
    }
    let known = metrics();
    let told = known.keys().filter(|name| page.contains(&format!("`{name}"))).count();
    assert_eq!(told, known.len(), "a metric has a prefix that no section is about");
    page
}

fn row(name: &str, metric: &Metric) -> [String; 5] {
    let unit = if name.ends_with("_timestamp_seconds") {
        "seconds since the epoch"
    } else if name.ends_with("_seconds") {
        "seconds"
    } else {
        ""
    };
    let name = if metric.kind == "counter" { format!("{name}_total") } else { name.to_owned() };
    let labels = metric.labels.iter().map(code).collect::<Vec<_>>().join(", ");
    // OpenMetrics' text ends each with a full stop.
    let help = format!("{}.", metric.help.trim_end_matches('.'));
    [code(name), metric.kind.clone(), labels, unit.to_owned(), help]
}
