//! Every PromQL expression that ships, read by Prometheus' own parser.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    dashboard,
    rules::alerts,
    tools::{files, read, run, stem},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Query {
    pub(crate) expr: String,
    error: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) selectors: Vec<Selector>,
    pub(crate) groupings: Vec<Grouping>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    pub(crate) matchers: Vec<Matcher>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Matcher {
    pub(crate) label: String,
    pub(crate) op: String,
    pub(crate) value: String,
}

/// A `by` or an `on`, and the metrics under it.
#[derive(Debug, Deserialize)]
pub(crate) struct Grouping {
    pub(crate) labels: Vec<String>,
    pub(crate) metrics: Vec<String>,
}

/// Reads expressions; one that isn't PromQL is an error.
pub(crate) fn parse(exprs: &[String]) -> Vec<Query> {
    let answer = run("promql", &[], &serde_json::to_string(exprs).unwrap()).unwrap();
    let queries: Vec<Query> = serde_json::from_str(&answer).unwrap();
    for query in &queries {
        assert_eq!(query.error, "", "{}", query.expr);
    }
    queries
}

/// Where an expression stands, and the expression.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, rule) in alerts() {
        all.push((name.clone(), rule["expr"].as_str().unwrap().to_owned()));
        for (annotation, text) in rule["annotations"].as_object().unwrap() {
            for query in queries_of_template(text.as_str().unwrap()) {
                all.push((format!("{name}, {annotation}"), query));
            }
        }
    }
    all.extend(dashboard::queries().into_iter().map(|query| (query.place, query.expr)));
    let mut pages = files("docs/runbooks", "md");
    pages.push("docs/operations/monitoring.md".into());
    for page in pages {
        for (n, block) in fenced(&read(&page), "promql").into_iter().enumerate() {
            all.push((format!("{}, block {}", stem(&page), n + 1), block));
        }
    }
    all
}

/// The queries that an annotation makes: `printf "QUERY" ARGUMENT… | query`.
fn queries_of_template(text: &str) -> Vec<String> {
    let mut queries = Vec::new();
    for after in text.split("printf ").skip(1).filter(|after| after.split("}}").next().unwrap().contains("| query")) {
        let literal = serde_json::Deserializer::from_str(after).into_iter::<String>().next().unwrap().unwrap();
        queries.push(literal.replace("%q", "\"x\""));
    }
    queries
}

/// The blocks of a Markdown page in that language.
pub(crate) fn fenced(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|after| after.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn queries_of_templates_are_found() {
    let text = r#"{{ range printf "a{b=%q} > 1" $labels.b | query }}{{ end }}{{ printf "%.0f" $value }}{{ with printf "c{d=\"e\"}" | query }}{{ end }}"#;
    assert_eq!(queries_of_template(text), [r#"a{b="x"} > 1"#, r#"c{d="e"}"#]);
}

#[test]
fn every_expression_is_promql_that_yields_series() {
    let shipped = shipped();
    assert!(shipped.len() > 60, "only {}", shipped.len());
    let exprs: Vec<String> = shipped.iter().map(|(_, expr)| expr.clone()).collect();
    for ((place, _), query) in shipped.iter().zip(parse(&exprs)) {
        assert_eq!(query.kind, "vector", "{place}");
        assert!(!query.selectors.is_empty(), "{place}");
    }
}

/// Behind one ruler several clusters have objects, operators and jobs of one name.
#[test]
fn what_is_told_apart_by_name_is_told_apart_by_cluster() {
    let shipped = shipped();
    let exprs: Vec<String> = shipped.iter().map(|(_, expr)| expr.clone()).collect();
    let mut checked = 0;
    for ((place, expr), query) in shipped.iter().zip(parse(&exprs)) {
        for grouping in &query.groupings {
            let has = |label: &str| grouping.labels.iter().any(|found| found == label);
            if has("namespace") || has("job") || has("instance") {
                assert!(has("cluster"), "{place}: {expr}");
                checked += 1;
            }
        }
        let of_one = query.selectors.iter().filter(|of| of.matchers.iter().any(|it| it.value == "x"));
        for selector in of_one {
            assert!(selector.matchers.iter().any(|it| it.label == "cluster"), "{place}: {expr}");
        }
    }
    assert!(checked > 40, "only {checked}");
}

/// The words of a matcher that lists them, such as `reason=~"A|B"`.
pub(crate) fn words(matcher: &Matcher) -> BTreeSet<&str> {
    match matcher.op.as_str() {
        "=" | "!=" => BTreeSet::from([matcher.value.as_str()]),
        _ => matcher.value.split('|').collect(),
    }
}

#[test]
fn every_word_in_a_matcher_is_one_that_the_operator_uses() {
    use cloudhsm_backup_operator::api::Reason;
    let reasons: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let exprs: Vec<String> = shipped().into_iter().map(|(_, expr)| expr).collect();
    let queries = parse(&exprs);
    let matchers = || queries.iter().flat_map(|query| &query.selectors).flat_map(|selector| &selector.matchers);
    let allowed = |label: &str| -> BTreeSet<&str> {
        match label {
            "reason" => reasons.clone(),
            "status" => BTreeSet::from(["True", "False", "Unknown"]),
            "backup_state" => BTreeSet::from(["CREATE_IN_PROGRESS", "READY", "PENDING_DELETION", "DELETED"]),
            "outcome" => BTreeSet::from(["success", "error"]),
            "operation" => BTreeSet::from([
                "DescribeBackups",
                "DeleteBackup",
                "RestoreBackup",
                "ModifyBackupAttributes",
                "GetCallerIdentity",
            ]),
            "controller" => BTreeSet::from(["cloudhsmbackup"]),
            "result" => BTreeSet::from(["success", "error", "requeue", "requeue_after"]),
            _ => BTreeSet::new(),
        }
    };
    let mut checked = 0;
    for matcher in matchers().filter(|matcher| !allowed(&matcher.label).is_empty() && matcher.value != "x") {
        let unknown: Vec<_> = words(matcher).difference(&allowed(&matcher.label)).copied().collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{}", matcher.label);
        checked += 1;
    }
    assert!(checked > 30, "only {checked}");
}

/// Where an expression of a rule tells reasons apart, each reason is in exactly one alert: none is forgotten, none told of twice.
#[test]
fn each_reason_that_needs_a_human_has_an_alert() {
    use cloudhsm_backup_operator::api::Reason;
    let alerts = alerts();
    let listed = |alert: &str| -> BTreeSet<String> {
        let query = &parse(&[alerts[alert]["expr"].as_str().unwrap().to_owned()])[0];
        let reasons = query.selectors.iter().flat_map(|selector| &selector.matchers).filter(|m| m.label == "reason");
        reasons.flat_map(words).map(str::to_owned).collect()
    };
    let of_objects = ["Stalled", "NotReady", "Suspended", "RestoreWindowClosed"];
    let mut seen: Vec<String> = of_objects.iter().flat_map(|alert| listed(&format!("CloudHsmBackup{alert}"))).collect();
    // As declared; held by the mode, which is chosen; and told of by the calls to AWS.
    seen.extend(["Available", "PendingDeletion", "Deleted", "WriteNotAllowed", "AccessDenied"].map(str::to_owned));
    seen.sort();
    let mut all: Vec<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    all.sort();
    assert_eq!(seen, all);
}

/// An expression as it stands in a panel, where Grafana puts in values.
pub(crate) fn filled_in(expr: &str) -> String {
    expr.replace("$__rate_interval", "5m").replace("$__interval", "1m")
}

/// The selector and the label of `label_values(SELECTOR, LABEL)`.
pub(crate) fn label_values(query: &Value) -> (String, String) {
    let text = query.as_str().unwrap();
    let inner = text.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
    let (selector, label) = inner.rsplit_once(", ").unwrap();
    (selector.to_owned(), label.to_owned())
}
