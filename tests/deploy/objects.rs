//! What GitOps tools are shown: an object for each row of the decision table and each failure, as the operator writes it, in the
//! layout of Argo CD's own tests. `tests/gitops/` runs Argo CD's, Flux's and kstatus's code over these files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cloudhsm_backup_operator::api::{CloudHsmBackup, DesiredState, REQUESTED_AT, Reason};
use serde_json::json;

use crate::rows::{Row, rows};

const WRITTEN: &str = "# Written by `make testdata` from tests/deploy/rows.rs.\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd")
}

fn yaml(value: &impl serde::Serialize) -> String {
    format!("{WRITTEN}{}", serde_saphyr::to_string(value).unwrap())
}

/// The files, by their path in deploy/argocd.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut tests = Vec::new();
    for Row { name, given, health, message, .. } in rows() {
        let object = given.object(name);
        let path = format!("testdata/{name}.yaml");
        let ready = object.status.as_ref().and_then(|status| status.condition("Ready"));
        let message = message.replace("{}", ready.map_or("", |ready| &ready.message));
        tests.push(json!({"inputPath": path, "healthStatus": {"status": health, "message": message}}));
        assert_eq!(files.insert(path, yaml(&object)), None, "two rows are called {name}");
    }
    files.insert("health_test.yaml".to_owned(), yaml(&json!({"tests": tests})));
    files.insert("argocd-cm.yaml".to_owned(), config_map());
    for (name, of, change) in ACTIONS {
        let row = rows().into_iter().find(|row| row.name == of).unwrap();
        let mut object = row.given.object(of);
        change(&mut object);
        files.insert(format!("actions/testdata/{name}.yaml"), yaml(&object));
    }
    files
}

/// The scripts as Argo CD takes them without being built anew: in its ConfigMap.
fn config_map() -> String {
    let script = |path: &str, indent: usize| {
        let text = fs::read_to_string(folder().join(path)).unwrap();
        let lines = text.lines().map(|line| format!("{:indent$}{line}", "").trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let mut text = format!(
        "{WRITTEN}# Merge it into yours: Argo CD has one argocd-cm.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
  resource.customizations.health.cloudhsm.dev_CloudHsmBackup: |
{}  resource.customizations.actions.cloudhsm.dev_CloudHsmBackup: |
    discovery.lua: |
{}    definitions:
",
        script("health.lua", 4),
        script("actions/discovery.lua", 6),
    );
    for name in ["restore", "delete", "suspend", "resume", "refresh"] {
        let script = script(&format!("actions/{name}/action.lua"), 8);
        text.push_str(&format!("    - name: {name}\n      action.lua: |\n{script}"));
    }
    text
}

type Change = fn(&mut CloudHsmBackup);

/// What Argo CD's actions make of an object: the name of the file, of the row, and the change.
const ACTIONS: [(&str, &str, Change); 5] = [
    ("restored", "deleted-pending-deletion", |object| object.spec.desired_state = DesiredState::Present),
    ("deleted", "present-ready", |object| object.spec.desired_state = DesiredState::Deleted),
    ("suspended", "present-ready", |object| object.spec.suspend = Some(true)),
    ("resumed", "suspended-deletion-due", |object| object.spec.suspend = Some(false)),
    ("refreshed", "present-ready", |object| {
        let time = (REQUESTED_AT.to_owned(), "2026-11-24T12:00:00Z".to_owned());
        object.metadata.annotations = Some(BTreeMap::from([time]));
    }),
];

fn committed() -> BTreeMap<String, String> {
    let within = |path: &'static str| {
        let names = fs::read_dir(folder().join(path)).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(move |name| format!("{path}/{}", name.to_str().unwrap()))
    };
    let paths = within("testdata")
        .chain(within("actions/testdata"))
        .chain(["health_test.yaml", "argocd-cm.yaml"].map(str::to_owned));
    paths.map(|path| (path.clone(), fs::read_to_string(folder().join(path)).unwrap_or_default())).collect()
}

#[test]
fn the_committed_objects_are_what_the_operator_writes() {
    let files = files();
    if std::env::var_os("WRITE_GITOPS_TESTDATA").is_some() {
        for path in committed().keys() {
            fs::remove_file(folder().join(path)).ok();
        }
        for (path, text) in &files {
            fs::write(folder().join(path), text).unwrap();
        }
    }
    let committed = committed();
    let paths = files.keys().chain(committed.keys()).collect::<BTreeSet<_>>();
    let differing = paths.into_iter().filter(|path| files.get(*path) != committed.get(*path)).collect::<Vec<_>>();
    assert!(
        differing.is_empty(),
        "these files in deploy/argocd aren't what the operator writes: {differing:?}; run `make testdata` and review \
         what changed, for Argo CD and Flux show it to people"
    );
}

#[test]
fn each_row_has_the_reason_that_the_table_gives() {
    for Row { name, given, reason, .. } in rows() {
        let object = given.object(name);
        let ready = object.status.as_ref().and_then(|status| status.condition("Ready"));
        assert_eq!(ready.map(|ready| ready.reason.as_str()), reason.map(Reason::as_str), "{name}");
    }
}

#[test]
fn there_is_an_object_for_every_reason() {
    let shown = rows().iter().filter_map(|row| row.reason).map(Reason::as_str).collect::<BTreeSet<_>>();
    let all = Reason::ALL.into_iter().map(Reason::as_str).collect::<BTreeSet<_>>();
    assert_eq!(shown, all, "add a row to tests/deploy/rows.rs");
}

#[test]
fn a_failure_is_shown_both_before_the_first_look_and_while_a_call_is_due() {
    for reason in Reason::ALL.into_iter().filter(|reason| reason.is_failure()) {
        let shown = rows().into_iter().filter(|row| row.reason == Some(reason)).map(|row| {
            let object = row.given.object(row.name);
            object.status.unwrap().condition("Ready").unwrap().status.clone()
        });
        assert_eq!(shown.collect::<BTreeSet<_>>(), BTreeSet::from(["False".into(), "Unknown".into()]), "{reason:?}");
    }
}
