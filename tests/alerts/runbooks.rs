//! The runbooks: one for each alert, and each to be found.

use std::collections::BTreeSet;

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
