//! The Grafana dashboard, as Grafana's own types read it, and as people do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    promql::{filled_in, label_values},
    tools::{read, run},
};

const DASHBOARD: &str = "charts/cloudhsm-backup-operator/files/dashboard.json";

/// An expression, where it stands, and the labels that are shown of what it yields.
pub(crate) struct Shown {
    pub(crate) place: String,
    pub(crate) expr: String,
    pub(crate) labels: Vec<String>,
}

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).unwrap()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn panels() -> Vec<Value> {
    list(&dashboard()["panels"]).into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// The labels in a text like `{{operation}} {{code}}`.
fn labels_in(legend: &str) -> Vec<String> {
    legend.split("{{").skip(1).map(|after| after.split("}}").next().unwrap().trim().to_owned()).collect()
}

/// Every expression: of panels, annotations and variables.
pub(crate) fn queries() -> Vec<Shown> {
    let dashboard = dashboard();
    let mut all = Vec::new();
    for panel in panels() {
        for target in list(&panel["targets"]) {
            let mut labels = labels_in(&text(&target["legendFormat"]));
            for transformation in list(&panel["transformations"]) {
                // The columns of a table beside time and value are labels.
                let columns = transformation["options"]["renameByName"].as_object().cloned().unwrap_or_default();
                labels.extend(columns.keys().filter(|column| !column.starts_with("Value")).cloned());
            }
            let place = format!("panel {}", panel["title"]);
            all.push(Shown { place, expr: filled_in(&text(&target["expr"])), labels });
        }
    }
    for annotation in list(&dashboard["annotations"]["list"]).iter().filter(|annotation| annotation["builtIn"] != 1) {
        let shown = format!("{}{}", text(&annotation["titleFormat"]), text(&annotation["textFormat"]));
        let labels = labels_in(&shown).into_iter().chain([text(&annotation["tagKeys"])]).collect();
        let place = format!("annotation {}", annotation["name"]);
        all.push(Shown { place, expr: filled_in(&text(&annotation["expr"])), labels });
    }
    for variable in list(&dashboard["templating"]["list"]).iter().filter(|variable| variable["type"] == "query") {
        let (expr, label) = label_values(&variable["query"]["query"]);
        assert_eq!(variable["query"]["query"], variable["definition"]);
        all.push(Shown { place: format!("variable {}", variable["name"]), expr, labels: vec![label] });
    }
    all
}

#[test]
fn grafana_knows_every_field_and_misses_none() {
    run("grafana-dashboard", &[], &read(DASHBOARD)).unwrap();
    let checked = ["stat", "state-timeline", "table", "timeseries"];
    for panel in panels() {
        assert!(checked.contains(&panel["type"].as_str().unwrap()), "{}: not checked by that", panel["type"]);
    }
}

#[test]
fn links_to_it_last() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "cloudhsm-backup-operator");
    assert_eq!(dashboard["id"], Value::Null, "an id is of one Grafana");
    let mut ids: Vec<u64> = list(&dashboard["panels"]).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "two panels have one id");
}

#[test]
fn it_asks_the_data_source_and_the_namespaces_that_are_chosen() {
    let dashboard = dashboard();
    let names: Vec<String> =
        list(&dashboard["templating"]["list"]).iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "cluster", "job", "namespace"]);
    let mut asked = list(&dashboard["annotations"]["list"]);
    asked.retain(|annotation| annotation["builtIn"] != 1);
    asked.extend(list(&dashboard["templating"]["list"]).into_iter().filter(|variable| variable["type"] == "query"));
    asked.extend(panels());
    asked.extend(panels().iter().flat_map(|panel| list(&panel["targets"])));
    for who in asked {
        assert_eq!(who["datasource"]["uid"], "${datasource}", "{who}");
    }
    for query in queries().iter().filter(|query| query.place.starts_with("panel")) {
        assert!(query.expr.contains(r#"{cluster=~"$cluster", job=~"$job""#), "{}", query.place);
        assert!(!query.expr.contains("vector("), "{}: an operator that is down looks healthy", query.place);
        let of_objects = query.expr.contains("backup_ready")
            || query.expr.contains("backup_state{")
            || query.expr.contains("permanent");
        assert_eq!(query.expr.contains(r#"namespace=~"$namespace""#), of_objects, "{}", query.place);
    }
}

/// What a panel that shows one figure asks for, as an expression test of promtool: `None` is no data.
fn figure(title: &str, expected: Option<f64>) -> Value {
    let panel = panels().into_iter().find(|panel| panel["title"] == title && panel["type"] == "stat").unwrap();
    let expr = ["cluster", "job", "namespace"]
        .iter()
        .fold(text(&panel["targets"][0]["expr"]), |expr, variable| expr.replace(&format!("${variable}"), ".*"));
    let samples: Vec<Value> = expected.into_iter().map(|value| json!({"labels": "{}", "value": value})).collect();
    json!({"expr": expr, "eval_time": "1m", "exp_samples": samples})
}

#[test]
fn no_operator_is_no_data_and_not_all_is_well() {
    let titles = ["Objects", "As declared", "Not as declared", "Pending deletion"];
    let case = |series: Value, figures: [Option<f64>; 4]| {
        let tests: Vec<Value> = titles.iter().zip(figures).map(|(title, expected)| figure(title, expected)).collect();
        json!({"interval": "1m", "input_series": series, "promql_expr_test": tests})
    };
    let ready = |status: &str, reason: &str| {
        let labels =
            format!(r#"namespace="hsm", name="{reason}", status="{status}", reason="{reason}", job="operator""#);
        json!({"series": format!("cloudhsm_backup_ready{{{labels}}}"), "values": "1x5"})
    };
    let up = json!({"series": r#"cloudhsm_backup_build_info{version="1", job="operator"}"#, "values": "1x5"});
    let tests = json!({"rule_files": [], "tests": [
        case(json!([]), [None; 4]),
        // A standby that nobody has elected tells as little.
        case(json!([up]), [None; 4]),
        case(json!([ready("False", "Conflict")]), [Some(1.0), Some(0.0), Some(1.0), Some(0.0)]),
        case(json!([ready("True", "Available")]), [Some(1.0), Some(1.0), Some(0.0), Some(0.0)]),
    ]});
    run("promtool", &["test", "rules", "/dev/stdin"], &tests.to_string()).unwrap();
}

#[test]
fn each_panel_says_what_it_shows_and_in_which_unit() {
    for panel in panels() {
        let title = text(&panel["title"]);
        assert!(!title.is_empty() && text(&panel["description"]).len() > 30, "{title}");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
        let targets = list(&panel["targets"]);
        assert!(!targets.is_empty(), "{title}");
        let ids: BTreeSet<String> = targets.iter().map(|target| text(&target["refId"])).collect();
        assert_eq!(ids.len(), targets.len(), "{title}");
        for target in targets {
            let rate = text(&target["expr"]);
            assert!(
                !rate.contains("[5m]") && !rate.contains("[1m]"),
                "{title}: a rate over $__rate_interval fits any scrape interval"
            );
        }
    }
}

#[test]
fn no_panel_lies_over_another() {
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard()["panels"]) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{} lies over another at {cell:?}", panel["title"]);
        }
    }
}
