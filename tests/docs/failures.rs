//! The chapter for the moment when something is wrong: each reason and event has its section, and what is quoted is what the operator
//! says, word for word.

mod said;

use std::collections::{BTreeMap, BTreeSet};

use cloudhsm_backup_operator::{
    api::{Reason, crds},
    app::AppError,
    args::{Arguments, one_line},
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use test_support::{ControlPlane, DEADLINE, Grant, Operator, eventually, rule};

use self::said::{decisions, events, failures};
use crate::{
    pages::{Page, page},
    reference::notices,
};

const CHAPTER: &str = "docs/operations/failures.md";
const NAMESPACE: &str = "cloudhsm-backup-operator";

/// In one line.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the chapter quotes, by the section it stands in.
fn quotes() -> BTreeMap<String, Vec<String>> {
    let chapter = page(CHAPTER);
    let mut quotes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (title, text) in sections(&chapter) {
        let section = Page { path: CHAPTER.into(), text };
        let blocks = section.blocks().into_iter().filter(|block| block.info == "text");
        quotes.entry(title).or_default().extend(blocks.map(|block| words(&block.text)));
    }
    quotes
}

/// The sections, by their title.
fn sections(chapter: &Page) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in chapter.text.lines() {
        if let Some(title) = line.strip_prefix("### ").or(line.strip_prefix("## ")) {
            sections.push((title.to_owned(), String::new()));
        } else if let Some((_, text)) = sections.last_mut() {
            *text += line;
            *text += "\n";
        }
    }
    sections
}

#[test]
fn every_reason_and_every_event_has_a_section_and_nothing_else_has() {
    let titles = page(CHAPTER).headings().into_iter().filter(|(level, _)| *level == 3).map(|(_, title)| title);
    let titles: BTreeSet<String> = titles.collect();
    let reasons = Reason::ALL.into_iter().map(|reason| reason.as_str().to_owned());
    let expected: BTreeSet<String> = reasons.chain(notices().into_iter().map(|(notice, _)| notice.reason)).collect();
    assert_eq!(titles, expected);
}

#[test]
fn what_is_quoted_of_a_reason_or_an_event_is_what_the_operator_says() {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (reason, message) in decisions().into_iter().chain(failures()) {
        said.entry(reason.as_str().to_owned()).or_default().insert(message);
    }
    for (event, note) in events() {
        said.entry(event.to_owned()).or_default().insert(note);
    }
    assert!(Reason::ALL.iter().all(|reason| said.contains_key(reason.as_str())), "{:?}", said.keys());
    let mut quotes = quotes();
    for (title, said) in said {
        let quoted: BTreeSet<String> = quotes.remove(&title).unwrap_or_default().into_iter().collect();
        assert_eq!(quoted, said, "the section {title} of {CHAPTER}");
    }
}

#[test]
fn what_is_quoted_of_the_start_is_what_the_operator_says() {
    let sentence = |error: &AppError| format!("error: {error}");
    let mode = <Arguments as clap::Parser>::try_parse_from(["cloudhsm-backup-operator", "run", "--mode", "sometimes"]);
    let said = [
        one_line(&mode.unwrap_err()),
        sentence(&AppError::Listen {
            address: "0.0.0.0:8080".parse().unwrap(),
            source: std::io::Error::from_raw_os_error(98),
        }),
        sentence(&AppError::Kubeconfig("failed to infer config".into())),
        sentence(&AppError::ApiServer { url: "https://10.96.0.1/".into(), why: "no answer within 15s".into() }),
    ];
    let quoted = &quotes()["When it doesn't start, or ends"];
    for line in said {
        assert!(quoted.contains(&line), "{CHAPTER} doesn't quote {line}, but {quoted:#?}");
    }
}

/// Whether that was said, of which a quote may leave parts out, as `…`.
fn is_quoted(quotes: &[String], said: &str) -> bool {
    let said = words(said);
    quotes.iter().any(|quote| {
        let mut parts = quote.split('…').map(str::trim);
        let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else { return false };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.is_empty()
    })
}

#[test]
fn a_quote_may_leave_parts_out_and_nothing_else() {
    let quoted = |quote: &str, said: &str| is_quoted(&[quote.to_owned()], said);
    assert!(quoted("a … d", "a b c d") && quoted("a b", "a\nb"));
    assert!(!quoted("a … d", "a b c d e") && !quoted("a … d", "b a d") && !quoted("a b", "a"));
}

/// Waits until an operator's probe answers 503 with what the chapter quotes.
async fn is_not_ready_as_quoted(operator: &Operator, part: &str) {
    let quoted = &quotes()["When it isn't ready"];
    eventually("it says why it isn't ready, as quoted", DEADLINE, async || {
        let (status, body) = operator.http_get("/readyz").await?;
        let is_it = status == 503 && body.contains(part) && is_quoted(quoted, &body);
        if is_it { Ok(()) } else { Err(format!("{status}: {body}; quoted is {quoted:#?}")) }
    })
    .await;
}

#[tokio::test]
async fn what_is_quoted_of_a_running_operator_is_what_it_says() {
    // Without the CRD at first.
    let control_plane = ControlPlane::without_controllers().await;
    let client = control_plane.client().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    let created = control_plane.kubectl_with_input(&["create", "-f", "-"], &namespace.to_string()).await;
    assert!(created.status.success(), "{created:?}");
    let operator = |kubeconfig| {
        Operator::builder(env!("CARGO_BIN_EXE_cloudhsm-backup-operator"))
            .kubeconfig(kubeconfig)
            .aws("http://127.0.0.1:9", "111122223333")
            .args(["--lease-namespace", NAMESPACE])
    };
    let first = operator(control_plane.kubeconfig()).start();
    is_not_ready_as_quoted(&first, "the CRD").await;
    control_plane.define(&crds()).await;

    // It gets the Lease, and somebody takes it.
    let leases: Api<Lease> = Api::namespaced(client, NAMESPACE);
    eventually("it leads", DEADLINE, async || {
        let lease = leases.get_opt(NAMESPACE).await.map_err(|error| error.to_string())?;
        lease.and_then(|lease| lease.spec?.holder_identity).map(drop).ok_or_else(|| "not yet".to_owned())
    })
    .await;
    let thief = json!({"spec": {"holderIdentity": "somebody-else"}});
    leases.patch(NAMESPACE, &PatchParams::default(), &Patch::Merge(thief)).await.unwrap();
    let quoted = &quotes()["When it doesn't start, or ends"];
    eventually("it ends with the line that is quoted", DEADLINE, async || {
        let exit = first.try_exit().ok_or("it is still there")?;
        let logs = first.logs();
        let line = logs.lines().rev().find(|line| line.starts_with("error: ")).unwrap_or_default();
        if is_quoted(quoted, line) && !exit.success() { Ok(()) } else { Err(format!("{line} isn't in {quoted:#?}")) }
    })
    .await;

    // One that may see the objects, and not have the Lease.
    let rights = [rule("cloudhsm.dev", &["cloudhsmbackups"], &["get", "list", "watch"])];
    let poor = control_plane.service_account_kubeconfig(NAMESPACE, NAMESPACE, &[Grant::cluster(rights)]).await;
    is_not_ready_as_quoted(&operator(&poor).start(), "can't be had").await;
}
