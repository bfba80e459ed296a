//! What the chart makes of the files with the alerts and the dashboard.

use serde_json::{Value, json};
use test_support::{Chart, Helm};

use crate::release::copy_of_chart;

#[tokio::test]
async fn alerts_and_dashboard_are_those_of_the_files() {
    let read = |file: &str| std::fs::read_to_string(Helm::chart().join("files").join(file)).unwrap();
    let chart =
        Chart::render("any", &json!({"prometheusRule": {"enabled": true}, "dashboard": {"enabled": true}})).await;
    let alerts: Value = serde_saphyr::from_str(&read("alerts.yaml")).unwrap();
    let rule = chart.of_kind("PrometheusRule").next().unwrap();
    // Templates of Prometheus go through Helm as they are.
    assert_eq!(rule["spec"]["groups"], alerts["groups"]);
    let dashboard = chart.of_kind("ConfigMap").next().unwrap();
    let text = dashboard["data"]["cloudhsm-backup-operator.json"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text).unwrap(),
        serde_json::from_str::<Value>(&read("dashboard.json")).unwrap()
    );
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
}

/// What counts as too old follows the resync interval, or a longer one would wake people for nothing.
#[tokio::test]
async fn the_alerts_know_the_resync_interval() {
    for (interval, expected) in [("1h30m", 5400), ("6m30s", 390), ("10m", 600), ("30s", 300)] {
        let values = json!({"prometheusRule": {"enabled": true}, "resyncInterval": interval});
        let chart = Chart::render("any", &values).await;
        for alert in ["CloudHsmBackupSweepTooOld", "CloudHsmBackupUnwatched"] {
            let mut rules = chart.of_kind("PrometheusRule").flat_map(|it| it["spec"]["groups"].as_array().unwrap());
            let rule = rules.find_map(|it| it["rules"].as_array().unwrap().iter().find(|it| it["alert"] == alert));
            let expr = rule.unwrap()["expr"].as_str().unwrap();
            assert!(
                expr.contains(&format!("cloudhsm_backup_sweep_age_seconds) > 3 * {expected}")),
                "{interval}: {expr}"
            );
        }
    }
}

const ALERTS: &str = r#"
groups:
  - name: records
    rules:
      - record: cloudhsm:ready
        expr: sum(cloudhsm_backup_ready)
  - name: alerts
    interval: 1m
    rules:
      - alert: First
        expr: cloudhsm_backup_ready{status="False"} > 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.namespace }}/{{ $labels.name }} for {{ $value | humanizeDuration }}"
          runbook_url: https://example.com/docs/runbooks/First.md
      - alert: Second
        expr: vector(1)
        labels: {severity: warning}
  - name: more
    rules:
      - alert: Third
        expr: vector(3)
"#;

#[tokio::test]
async fn alerts_are_changed_one_by_one() {
    let folder = std::env::temp_dir().join(format!("chart-alerts-{}", std::process::id()));
    let chart = copy_of_chart(&folder);
    chart.write("files/alerts.yaml", ALERTS);
    let render = async |changes: Value| {
        let mut rule = json!({"enabled": true});
        rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let arguments = [
            "template",
            "any",
            folder.to_str().unwrap(),
            "--show-only",
            "templates/prometheusrule.yaml",
            "--values",
            "-",
        ];
        let output = Helm::offline().run(&arguments, &json!({"prometheusRule": rule})).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rule: Value = serde_saphyr::from_str(&String::from_utf8(output.stdout).unwrap()).unwrap();
        rule["spec"]["groups"].clone()
    };
    let as_they_are: Value = serde_saphyr::from_str::<Value>(ALERTS).unwrap()["groups"].take();
    assert_eq!(render(json!({})).await, as_they_are);

    let mut expected = as_they_are.clone();
    let first = &mut expected[1]["rules"][0];
    first["for"] = json!("1h");
    first["expr"] = json!("vector(0)");
    first["labels"] = json!({"severity": "page", "team": "hsm"});
    first["annotations"]["runbook_url"] = json!("https://wiki.example.com/r/First.md");
    expected[1]["rules"].as_array_mut().unwrap().pop();
    expected.as_array_mut().unwrap().pop();
    let changes = json!({
        "alertLabels": {"team": "hsm"}, "runbookBaseUrl": "https://wiki.example.com/r/",
        "alerts": {
            "First": {"for": "1h", "severity": "page", "expr": "vector(0)", "enabled": true},
            "Second": {"enabled": false}, "Third": {"enabled": false},
        },
    });
    assert_eq!(render(changes).await, expected);
    std::fs::remove_dir_all(&folder).unwrap();
}
