//! The commands for Flux and Argo CD in the documentation: what they name is in our samples, in the namespace that they name. Flux looks in
//! flux-system where none is named, and that would be found out at 3 a.m.

use std::collections::BTreeSet;

use serde_json::Value;
use test_support::{documents, root};

use crate::commands::{Told, all_commands, arguments_of};

/// A kind in lower case, a namespace and a name.
type Named = (String, String, String);

fn samples() -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    for file in ["flux/backups.yaml", "flux/operator.yaml", "argocd/applications.yaml"] {
        for document in documents(&root().join("deploy").join(file)) {
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let metadata = &document["metadata"];
            found.insert((
                word(&document["kind"]).to_lowercase(),
                word(&metadata["namespace"]),
                word(&metadata["name"]),
            ));
        }
    }
    found
}

/// What a command is about, where that is something of Flux or Argo CD; with the tool's own namespace where it names none.
fn named(told: &Told) -> Option<Named> {
    let tool = ["flux", "argocd", "kubectl"].into_iter().find(|tool| arguments_of(told, tool).is_some())?;
    let mut namespace = match tool {
        "flux" => "flux-system",
        "argocd" => "argocd",
        _ => "default",
    };
    let mut words = Vec::new();
    let mut rest = arguments_of(told, tool)?.iter();
    while let Some(word) = rest.next() {
        match (tool, word.as_str()) {
            ("flux" | "kubectl", "-n" | "--namespace") | ("argocd", "-N" | "--app-namespace") => {
                namespace = rest.next()?
            }
            (_, word) if word.starts_with('-') => {}
            (_, word) => words.extend(word.split('/')),
        }
    }
    let (kind, name) = match (tool, words.as_slice()) {
        ("argocd", ["app", "actions", "run" | "list", name, ..] | ["app", _, name, ..]) => ("application", *name),
        ("flux", ["suspend" | "resume" | "reconcile", kind, name, ..]) => (*kind, *name),
        ("kubectl", [_, kind @ ("kustomization" | "gitrepository" | "helmrelease" | "application"), name, ..]) => {
            (*kind, *name)
        }
        _ => return None,
    };
    Some((kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

#[test]
fn commands_for_gitops_tools_name_what_the_samples_have_where_they_have_it() {
    let samples = samples();
    let all: Vec<(String, Named)> =
        all_commands().iter().filter_map(|told| Some((told.at.clone(), named(told)?))).collect();
    let wrong: Vec<_> = all.iter().filter(|(_, named)| !samples.contains(named)).collect();
    assert!(wrong.is_empty(), "not in deploy/: {wrong:#?}");
    assert!(all.len() > 10, "only {all:#?} were found");
}
