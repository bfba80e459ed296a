//! The runbooks: one for each alert, and each to be found.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{Chart, ControlPlane, DEADLINE, eventually};

use crate::{
    rules::alerts,
    tools::{files, read, stem},
};

const FOLDER: &str = "docs/runbooks";

/// What each runbook tells, in this order.
const SECTIONS: [&str; 5] = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation", "## Prevention"];

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    let runbooks: BTreeSet<String> =
        files(FOLDER, "md").iter().map(|path| stem(path)).filter(|name| name != "README").collect();
    let alerts: BTreeSet<String> = alerts().into_keys().collect();
    assert_eq!(runbooks, alerts);
}

#[test]
fn each_runbook_tells_all_that_is_needed_at_night() {
    for (name, rule) in alerts() {
        let page = read(format!("{FOLDER}/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let found: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(found, SECTIONS, "{name}");
        for section in page.split("\n## ").skip(1) {
            assert!(section.split_once('\n').unwrap().1.trim().len() > 80, "{name}: {section}");
        }
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(page.contains(&format!("Severity: **{severity}**")), "{name}: the page says another severity");
        let mitigation = page.split("## Mitigation").nth(1).unwrap().split("\n## ").next().unwrap();
        assert!(mitigation.contains("\n1. "), "{name}: no steps");
    }
}

#[test]
fn the_index_and_the_table_of_alerts_list_each_with_its_severity() {
    for (page, prefix) in
        [(format!("{FOLDER}/README.md"), ""), ("docs/operations/monitoring.md".into(), "../runbooks/")]
    {
        let text = read(&page);
        let rows: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("| [CloudHsm")).collect();
        let alerts = alerts();
        assert_eq!(rows.len(), alerts.len(), "{page}");
        for (name, rule) in alerts {
            let severity = rule["labels"]["severity"].as_str().unwrap();
            let row = format!("| [{name}]({prefix}{name}.md) | {severity} | ");
            assert!(rows.iter().any(|found| found.starts_with(&row)), "{page} lacks {row}");
        }
    }
}

/// Where nothing is wrong, what a runbook asks Kubernetes of the operator's rights is answered with yes.
#[tokio::test]
async fn the_questions_about_rights_are_the_right_ones() {
    let control_plane = ControlPlane::shared().await;
    control_plane.apply_crds(&read("crds/cloudhsmbackups.yaml")).await;
    let namespace = "cloudhsm-backup-operator";
    let mut rights: Vec<Value> =
        vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    let wanted = |object: &Value| {
        let kind = object["kind"].as_str().unwrap();
        kind == "ServiceAccount" || kind.contains("Role")
    };
    rights.extend(Chart::render(namespace, &json!({})).await.objects.into_iter().filter(wanted));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": rights});
    let output = control_plane.kubectl_with_input(&["apply", "-f", "-"], &list.to_string()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut asked = 0;
    for page in files(FOLDER, "md") {
        let text = read(&page);
        for question in text.lines().filter_map(|line| line.trim().strip_prefix("$ kubectl auth can-i ")) {
            asked += 1;
            let arguments: Vec<&str> = ["auth", "can-i"].into_iter().chain(question.split_whitespace()).collect();
            // The API server takes a moment to know of new rights.
            eventually(&format!("yes to: can-i {question}"), DEADLINE, async || {
                let output = control_plane.kubectl_with_input(&arguments, "").await;
                let [answer, notes] =
                    [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
                if answer.trim() == "yes" && !notes.contains("does not exist") { Ok(()) } else { Err(answer + &notes) }
            })
            .await;
        }
    }
    assert!(asked > 0);
}
