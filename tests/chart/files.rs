//! Files of the chart that are made of others, or say what others say.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;
use test_support::{Helm, tool};

fn read(path: &str) -> String {
    fs::read_to_string(Helm::chart().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap()
}

#[test]
fn the_crd_is_the_committed_one() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let names = |folder: &Path| -> BTreeSet<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let copies = Helm::chart().join("files/crds");
    assert_eq!(names(&copies), names(&committed), "run `make crds`");
    for name in names(&committed) {
        // No link either: Flux takes links away.
        assert!(fs::symlink_metadata(copies.join(&name)).unwrap().is_file());
        let same = fs::read(copies.join(&name)).unwrap() == fs::read(committed.join(&name)).unwrap();
        assert!(same, "{name} in the chart isn't the one in crds/: run `make crds`");
    }
}

#[test]
fn the_readme_is_made_of_the_values() {
    let arguments =
        ["--chart-search-root", "charts", "--sort-values-order", "file", "--log-level", "warning", "--dry-run"];
    let helm_docs =
        Command::new(tool("helm-docs")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(helm_docs.status.success(), "{}", String::from_utf8_lossy(&helm_docs.stderr));
    let made = String::from_utf8(helm_docs.stdout).unwrap();
    assert!(made.trim() == read("README.md").trim(), "README.md isn't what the values say: run `make chart`");
}

#[test]
fn versions_are_those_of_the_operator() {
    let chart = yaml("Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!((chart["version"].as_str(), chart["appVersion"].as_str()), (Some(version), Some(version)));
    let images: Value =
        serde_saphyr::from_str(chart["annotations"]["artifacthub.io/images"].as_str().unwrap()).unwrap();
    let repository = yaml("values.yaml")["image"]["repository"].as_str().unwrap().to_owned();
    assert_eq!(images[0]["image"], format!("{repository}:{version}"));
}

#[test]
fn the_crds_are_announced() {
    let announced = yaml("Chart.yaml")["annotations"]["artifacthub.io/crds"].take();
    let announced: Value = serde_saphyr::from_str(announced.as_str().unwrap()).unwrap();
    let crds = cloudhsm_backup_operator::api::crds();
    assert_eq!(announced.as_array().unwrap().len(), crds.len());
    for (announced, crd) in announced.as_array().unwrap().iter().zip(&crds) {
        assert_eq!(announced["name"].as_str(), crd.metadata.name.as_deref());
        assert_eq!(announced["kind"], crd.spec.names.kind);
        assert_eq!(announced["version"], crd.spec.versions[0].name);
    }
}

#[test]
fn each_value_is_explained_checked_and_taken_away_only_where_that_is_harmless() {
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "which Helm 3 and 4 take");
    let (text, values) = (read("values.yaml"), yaml("values.yaml"));
    let readme = read("README.md");
    compare(&schema, &schema, &values, "", &readme);
    let described = text.lines().filter(|line| line.trim_start().starts_with("# -- ")).count();
    let rows = readme.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Key ")).count();
    assert_eq!(described, rows, "each value has a description of its own");
}

/// The keys that the schema knows are those of the values, each is required that may not be null (a null takes a value away, and what is
/// away is false or empty in a template), and no other is allowed.
fn compare(root: &Value, schema: &Value, values: &Value, path: &str, readme: &str) {
    let Some(properties) = schema["properties"].as_object() else {
        assert!(readme.contains(&format!("| {} |", path.trim_start_matches('.'))), "{path} isn't in the README");
        return;
    };
    // For charts that have this one as a dependency.
    let known: BTreeSet<&str> = properties
        .keys()
        .map(String::as_str)
        .filter(|key| !["global", "enabled"].contains(key) || !path.is_empty())
        .collect();
    let there: BTreeSet<&str> = values.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(known, there, "keys of {path:?} in schema and values");
    let required: BTreeSet<&str> =
        schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let may_be_null = |key: &&str| {
        let property = &properties[*key];
        let pointer = property["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        let kind = &pointer.map_or(property, |pointer| root.pointer(pointer).unwrap())["type"];
        kind.as_array().is_some_and(|kinds| kinds.contains(&"null".into()))
    };
    let others: BTreeSet<&str> = known.iter().copied().filter(|key| !may_be_null(key)).collect();
    assert_eq!(required, others, "required keys of {path:?}");
    assert_eq!(schema["additionalProperties"], false, "of {path:?}");
    for key in known {
        // Kubernetes' own shapes begin where the schema refers to a definition, or leaves an object free.
        let ours = properties[key]["required"].is_array();
        let path = format!("{path}.{key}");
        compare(root, if ours { &properties[key] } else { &Value::Null }, &values[key], &path, readme);
    }
}

#[tokio::test]
async fn a_package_holds_all_that_the_chart_reads() {
    let folder = std::env::temp_dir().join(format!("chart-package-{}", std::process::id()));
    let chart = Helm::chart();
    let arguments = ["package", chart.to_str().unwrap(), "--destination", folder.to_str().unwrap()];
    let output = Helm::offline().run(&arguments, &Value::Null).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let package = folder.join(format!("cloudhsm-backup-operator-{}.tgz", env!("CARGO_PKG_VERSION")));
    let listing = Command::new("tar").arg("-tzf").arg(&package).output().unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    for file in [
        "README.md",
        "values.schema.json",
        "files/crds/cloudhsmbackups.yaml",
        "files/alerts.yaml",
        "files/dashboard.json",
    ] {
        assert!(listing.lines().any(|line| line == format!("cloudhsm-backup-operator/{file}")), "{file}: {listing}");
    }
    assert!(!listing.contains("gotmpl"), "{listing}");
}
