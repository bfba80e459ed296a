//! The rule file: what Prometheus' own tool says of it, and that each alert is whole and tested.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    promql::fenced,
    tools::{files, read, run, yaml},
};

pub(crate) const RULES: &str = "charts/cloudhsm-backup-operator/files/alerts.yaml";
pub(crate) const RUNBOOKS: &str = "https://github.com/cloudhsm-dev/cloudhsm-backup-operator/blob/main/docs/runbooks";

/// All rules, by the name of their alert.
pub(crate) fn alerts() -> BTreeMap<String, Value> {
    let rules = yaml(RULES);
    let groups = rules["groups"].as_array().unwrap();
    let all: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    let named: BTreeMap<String, Value> =
        all.iter().map(|rule| (rule["alert"].as_str().expect("only alerts").to_owned(), (*rule).clone())).collect();
    // The chart's values change alerts by name.
    assert_eq!(named.len(), all.len(), "two alerts have one name");
    named
}

#[test]
fn prometheus_takes_the_rules() {
    run("promtool", &["check", "rules", "--lint=all", "--lint-fatal", RULES], "").unwrap();
}

#[test]
fn prometheus_takes_the_documented_configuration() {
    let page = read("docs/operations/monitoring.md");
    let blocks = fenced(&page, "text");
    let config = blocks.iter().find(|block| block.starts_with("# prometheus.yml")).unwrap();
    assert!(config.contains("honor_labels: true"));
    run("promtool", &["check", "config", "--syntax-only", "/dev/stdin"], config).unwrap();
}

/// One operator's trouble must not hide another's: in the documented configuration an alert mutes only those that are tied to it.
#[test]
fn the_documented_inhibitions_end_at_the_operator() {
    let page = read("docs/operations/monitoring.md");
    let blocks = fenced(&page, "text");
    let config = blocks.iter().find(|block| block.starts_with("# alertmanager.yml")).unwrap();
    let config: Value = serde_saphyr::from_str(config).unwrap();
    let inhibitions = config["inhibit_rules"].as_array().unwrap();
    assert!(!inhibitions.is_empty());
    for rule in inhibitions {
        let equal: BTreeSet<&str> = rule["equal"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(equal.is_superset(&BTreeSet::from(["cluster", "namespace", "job"])), "{rule}");
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    for file in files("tests/alerts", "yaml") {
        run("promtool", &["test", "rules", file.to_str().unwrap()], "").unwrap();
    }
}

#[test]
fn each_alert_says_how_urgent_it_is_what_is_wrong_and_where_help_is() {
    for (name, rule) in alerts() {
        assert!(name.starts_with("CloudHsmBackup"), "{name}");
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity:?}");
        assert_eq!(rule["labels"].as_object().unwrap().len(), 1, "{name}: routing is the user's");
        let annotations = rule["annotations"].as_object().unwrap();
        let named: Vec<&str> = annotations.keys().map(String::as_str).collect();
        assert_eq!(named, ["description", "runbook_url", "summary"], "{name}");
        assert_eq!(annotations["runbook_url"], format!("{RUNBOOKS}/{name}.md"));
    }
}

/// For each alert: whether some test shows it firing, with all that it says, and some shows it silent.
#[test]
fn each_alert_is_seen_to_fire_and_to_be_silent() {
    let mut seen: BTreeSet<(String, bool)> = BTreeSet::new();
    for file in files("tests/alerts", "yaml") {
        let tests = yaml(&file);
        for test in tests["tests"].as_array().unwrap() {
            for case in test["alert_rule_test"].as_array().into_iter().flatten() {
                let alerts = case["exp_alerts"].as_array().unwrap();
                seen.insert((case["alertname"].as_str().unwrap().to_owned(), !alerts.is_empty()));
            }
        }
    }
    for name in alerts().into_keys() {
        for fires in [true, false] {
            let what = if fires { "fires" } else { "doesn't fire" };
            assert!(seen.contains(&(name.clone(), fires)), "no test in tests/alerts shows when {name} {what}");
        }
    }
    let all: BTreeSet<String> = alerts().into_keys().collect();
    let tested: BTreeSet<String> = seen.into_iter().map(|(name, _)| name).collect();
    assert_eq!(tested.difference(&all).collect::<Vec<_>>(), Vec::<&String>::new(), "tests of alerts there aren't");
}

/// Who is woken: only for what may be lost, and can't wait for the morning.
#[test]
fn only_these_wake_somebody() {
    let critical: Vec<String> = alerts()
        .into_iter()
        .filter(|(_, rule)| rule["labels"]["severity"] == "critical")
        .map(|(name, _)| name)
        .collect();
    let may_wake =
        ["CloudHsmBackupPermanentDeletionNear", "CloudHsmBackupRestoreWindowClosed", "CloudHsmBackupUnwatched"];
    assert_eq!(critical, may_wake);
}
