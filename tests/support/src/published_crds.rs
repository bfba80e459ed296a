//! The CRDs of other projects whose custom resources stand in our manifests, as they were published: from the Go modules that
//! `tests/crds/go.mod` names.
#![allow(clippy::indexing_slicing, reason = "a name that isn't there must end the test")]

use std::{collections::HashMap, fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{root, yaml_files};

/// Where the CRDs are in each module.
const FOLDERS: [(&str, &str); 4] = [
    ("github.com/argoproj/argo-cd/v3", "manifests/crds"),
    ("github.com/fluxcd/kustomize-controller", "config/crd/bases"),
    ("github.com/fluxcd/source-controller", "config/crd/bases"),
    ("github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd"),
];

/// The CRDs of Argo CD, Flux and the Prometheus operator.
#[derive(Debug)]
pub struct PublishedCrds(Vec<String>);

impl PublishedCrds {
    /// Has Go's module cache fetch what it hasn't got. Go compares each module with `go.sum`.
    ///
    /// # Panics
    ///
    /// Where Go can't fetch one, or a module has none.
    #[must_use]
    pub fn fetch() -> Self {
        let module = root().join("tests/crds");
        let required = fs::read_to_string(module.join("go.mod")).expect("tests/crds/go.mod");
        let versions: HashMap<&str, &str> =
            required.lines().filter_map(|line| line.strip_prefix('\t')?.split_once(' ')).collect();
        let modules = FOLDERS.map(|(name, _)| format!("{name}@{}", versions[name]));
        let output = Command::new("go")
            .args(["mod", "download", "-json"])
            .args(&modules)
            .current_dir(&module)
            // What it has learned isn't to be written into the repository.
            .env("GOFLAGS", "-mod=readonly")
            .output()
            .unwrap_or_else(|error| panic!("go: {error}: Go brings the CRDs of other projects"));
        let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "go mod download {modules:?}: {complaint} {told}");
        let answers = serde_json::Deserializer::from_str(&told)
            .into_iter::<Value>()
            .map(|answer| answer.expect("Go answers in JSON"));
        let text = |value: &Value| value.as_str().expect("Go names the module and its folder").to_owned();
        let folders: HashMap<String, PathBuf> =
            answers.map(|answer| (text(&answer["Path"]), text(&answer["Dir"]).into())).collect();
        let files = FOLDERS.iter().flat_map(|(name, folder)| yaml_files(&folders[*name].join(folder)));
        let texts = files.map(|path| fs::read_to_string(path).expect("a file of Go's module cache"));
        Self(texts.filter(|text| text.contains("kind: CustomResourceDefinition\n")).collect())
    }

    /// The CRD of a kind.
    #[must_use]
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&str> {
        self.of_group(group).find(|text| text.contains(&format!("\n    kind: {kind}\n")))
    }

    /// The CRDs of an API group.
    pub fn of_group(&self, group: &str) -> impl Iterator<Item = &str> {
        let group = format!("\n  group: {group}\n");
        self.0.iter().map(String::as_str).filter(move |text| text.contains(&group))
    }
}
