//! The CustomResourceDefinition as it is committed: the same as the binary prints, and what the documented contract promises.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::{Value, json};

fn committed_file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crds/cloudhsmbackups.yaml")
}

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cloudhsm-backup-operator")).arg("crd").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn crd() -> Value {
    serde_json::to_value(cloudhsm_backup_operator::api::crds()).unwrap()[0].take()
}

fn version() -> Value {
    let mut crd = crd();
    assert_eq!(crd["spec"]["versions"].as_array().unwrap().len(), 1);
    crd["spec"]["versions"][0].take()
}

fn schema() -> Value {
    version()["schema"]["openAPIV3Schema"].take()
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_committed_file_is_what_the_binary_prints() {
    let committed = std::fs::read_to_string(committed_file())
        .unwrap_or_else(|error| panic!("crds/cloudhsmbackups.yaml can't be read ({error}): run `make crds`"));
    assert!(committed == printed(), "crds/cloudhsmbackups.yaml isn't what the source says: run `make crds`");
}

#[test]
fn what_is_printed_is_yaml_of_the_crds_and_nothing_else() {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&printed()).unwrap();
    assert_eq!(documents, [crd()]);
}

#[test]
fn group_kind_and_names_are_the_documented_ones() {
    let crd = crd();
    assert_eq!(crd["metadata"]["name"], "cloudhsmbackups.cloudhsm.dev");
    let spec = &crd["spec"];
    assert_eq!((&spec["group"], &spec["scope"]), (&json!("cloudhsm.dev"), &json!("Namespaced")));
    let names = &spec["names"];
    assert_eq!((&names["kind"], &names["plural"]), (&json!("CloudHsmBackup"), &json!("cloudhsmbackups")));
    assert_eq!(names["shortNames"], json!(["chb"]));
    assert_eq!(names["categories"], json!(["cloudhsm"]), "and never `all`: `kubectl delete all` must not reach it");
    let version = version();
    assert_eq!(version["name"], "v1alpha1");
    assert_eq!((&version["served"], &version["storage"]), (&json!(true), &json!(true)));
    assert_eq!(version["subresources"], json!({"status": {}}));
}

#[test]
fn the_spec_has_the_documented_fields_of_which_two_are_required() {
    let schema = schema();
    let spec = &schema["properties"]["spec"];
    assert_eq!(schema["required"], json!(["spec"]));
    let fields = ["backupId", "desiredState", "neverExpires", "region", "suspend"];
    assert_eq!(names(&spec["properties"]), BTreeSet::from(fields));
    assert_eq!(spec["required"], json!(["backupId", "desiredState"]));
    let type_of = |field: &str| spec["properties"][field]["type"].as_str().unwrap().to_owned();
    assert_eq!(fields.map(type_of), ["string", "string", "boolean", "string", "boolean"]);
    assert_eq!(spec["properties"]["desiredState"]["enum"], json!(["Present", "Deleted"]));
    for field in fields {
        assert!(spec["properties"][field].get("default").is_none(), "an absent {field} means something of its own");
    }
}

#[test]
fn the_status_has_the_documented_fields_of_which_none_is_required() {
    let schema = schema();
    let status = &schema["properties"]["status"];
    let documented = [
        "observedGeneration",
        "backupState",
        "backupArn",
        "clusterId",
        "createTimestamp",
        "copyTimestamp",
        "deleteTimestamp",
        "neverExpires",
        "sourceRegion",
        "sourceBackup",
        "sourceCluster",
        "hsmType",
        "mode",
        "tags",
        "region",
        "lastHandledRequestedAt",
        "conditions",
        // Memory that the design needs.
        "lastBackupState",
        "unrequestedDeletion",
        "lastWrite",
    ];
    assert_eq!(names(&status["properties"]), BTreeSet::from(documented));
    assert!(status.get("required").is_none());
    for field in ["createTimestamp", "copyTimestamp", "deleteTimestamp"] {
        assert_eq!(status["properties"][field]["format"], "date-time", "{field}");
    }
    assert_eq!(status["properties"]["backupState"].get("enum"), None, "AWS's own word is shown, whatever it is");
    assert_eq!(status["properties"]["tags"]["additionalProperties"]["type"], "string");
}

#[test]
fn every_field_is_explained() {
    let schema = schema();
    for part in ["spec", "status"] {
        for (field, property) in schema["properties"][part]["properties"].as_object().unwrap() {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{part}.{field} has no description");
        }
    }
    let doc = schema["description"].as_str().unwrap();
    assert!(doc.contains("Removing the object changes nothing in AWS"), "{doc}");
}

#[test]
fn a_fresh_object_is_in_progress_to_kstatus() {
    assert_eq!(schema()["properties"]["status"]["default"], json!({"observedGeneration": -1}));
}

#[test]
fn conditions_are_a_list_map_keyed_by_type() {
    let conditions = schema()["properties"]["status"]["properties"]["conditions"].take();
    assert_eq!(conditions["x-kubernetes-list-type"], "map");
    assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]));
    let fields = ["lastTransitionTime", "message", "observedGeneration", "reason", "status", "type"];
    assert_eq!(names(&conditions["items"]["properties"]), BTreeSet::from(fields));
    let required: BTreeSet<&str> =
        conditions["items"]["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(required, BTreeSet::from(["lastTransitionTime", "message", "reason", "status", "type"]));
}

#[test]
fn the_columns_are_the_documented_ones_in_their_order() {
    let version = version();
    let columns: Vec<(&str, &str, i64)> = version["additionalPrinterColumns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            assert!(column["description"].as_str().is_some_and(|text| !text.is_empty()), "{column}");
            let priority = column["priority"].as_i64().unwrap_or_default();
            (column["name"].as_str().unwrap(), column["type"].as_str().unwrap(), priority)
        })
        .collect();
    let expected = [
        ("Desired", "string", 0),
        ("Backup-State", "string", 0),
        ("Ready", "string", 0),
        ("Age", "date", 0),
        ("Reason", "string", 1),
        ("Backup-ID", "string", 1),
        ("Cluster", "string", 1),
        ("Region", "string", 1),
        // A date column shows how long ago something was, and this is yet to come.
        ("Deletes-At", "string", 1),
        ("Message", "string", 1),
    ];
    assert_eq!(columns, expected);
}

#[test]
fn eighty_columns_hold_a_name_of_thirty() {
    let version = version();
    let width = |column: &Value| {
        let name = column["name"].as_str().unwrap();
        let longest = match name {
            "Desired" => "Present",
            "Backup-State" => "CREATE_IN_PROGRESS",
            "Ready" => "Unknown",
            "Age" => "5d23h",
            _ => "",
        };
        name.len().max(longest.len())
    };
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let widths: Vec<usize> = columns.iter().filter(|column| column["priority"].is_null()).map(width).collect();
    let gaps = 3 * widths.len();
    assert!(30 + widths.iter().sum::<usize>() + gaps <= 80, "{widths:?}");
}

#[test]
fn objects_can_be_selected_by_backup_and_by_what_is_declared() {
    let fields = json!([{"jsonPath": ".spec.backupId"}, {"jsonPath": ".spec.desiredState"}]);
    assert_eq!(version()["selectableFields"], fields);
}

#[test]
fn nothing_is_nullable() {
    assert!(!crd().to_string().contains("nullable"));
}

#[test]
fn each_rule_names_the_field_and_the_next_step() {
    fn rules<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
        found.extend(schema["x-kubernetes-validations"].as_array().into_iter().flatten());
        for property in schema["properties"].as_object().into_iter().flat_map(|properties| properties.values()) {
            rules(property, found);
        }
    }
    let schema = schema();
    let mut found = Vec::new();
    rules(&schema, &mut found);
    let messages: Vec<&str> = found.iter().map(|rule| rule["message"].as_str().unwrap()).collect();
    let fields: Vec<&str> = messages.iter().filter_map(|message| message.split(' ').next()).collect();
    assert_eq!(fields, ["backupId", "region", "backupId", "region"], "each message begins with the field it is about");
    for message in messages {
        assert!(message.contains("create a new object") || message.contains("such as"), "no next step: {message}");
    }
}
