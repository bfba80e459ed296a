//! The custom resources of other projects that stand in our manifests: their CRDs as they were published, from the Go modules that
//! `tests/crds/go.mod` names.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::pages::root;

/// Where the CRDs are in each module.
const FOLDERS: [(&str, &str); 4] = [
    ("github.com/argoproj/argo-cd/v3", "manifests/crds"),
    ("github.com/fluxcd/kustomize-controller", "config/crd/bases"),
    ("github.com/fluxcd/source-controller", "config/crd/bases"),
    ("github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd"),
];

/// The CRDs of other projects.
pub(crate) struct Others(Vec<PathBuf>);

impl Others {
    /// Has Go's module cache fetch what it hasn't got. Go compares each module with `go.sum`.
    pub(crate) fn fetch() -> Self {
        let module = root().join("tests/crds");
        let required = fs::read_to_string(module.join("go.mod")).unwrap();
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
        let answers = serde_json::Deserializer::from_str(&told).into_iter::<Value>().map(Result::unwrap);
        let folders: HashMap<String, PathBuf> = answers
            .map(|answer| (answer["Path"].as_str().unwrap().to_owned(), answer["Dir"].as_str().unwrap().into()))
            .collect();
        let files = FOLDERS.iter().flat_map(|(name, folder)| yaml_files(&folders[*name].join(folder)));
        Self(files.collect())
    }

    /// The file with the CRD of that kind.
    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Option<String> {
        let texts = self.0.iter().map(|path| fs::read_to_string(path).unwrap());
        texts.into_iter().find(|text| {
            text.contains("kind: CustomResourceDefinition\n")
                && text.contains(&format!("\n  group: {group}\n"))
                && text.contains(&format!("\n    kind: {kind}\n"))
        })
    }
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect()
}
