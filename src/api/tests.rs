//! What the API server refuses, and what of a stored object can be decoded.

use kube::core::DeserializeGuard;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const ID: &str = "backup-ro5c4er4aac";

fn manifest(spec: &Value) -> Value {
    json!({
        "apiVersion": "cloudhsm.dev/v1alpha1",
        "kind": "CloudHsmBackup",
        "metadata": {"name": "payments", "namespace": "hsm"},
        "spec": spec,
    })
}

fn object(backup_id: &str, region: Option<&str>) -> CloudHsmBackup {
    let mut spec = json!({"backupId": backup_id, "desiredState": "Present"});
    if let Some(region) = region {
        spec["region"] = region.into();
    }
    serde_json::from_value(manifest(&spec)).unwrap()
}

/// What the API server would say to a change; empty when it takes it.
fn change(old: &CloudHsmBackup, new: &CloudHsmBackup) -> String {
    new.validate_cel_update(old).err().map(|errors| errors.to_string()).unwrap_or_default()
}

/// What the rules of one field of the spec would say to a value that the schema's pattern has let pass.
fn rules_of(field: &str, value: &Value) -> String {
    let mut spec = json!({"backupId": ID, "desiredState": "Present"});
    spec[field] = value.clone();
    let verdict = kube::core::cel::validate_cel_schema::<CloudHsmBackupSpec>(&spec, None);
    verdict.err().map(|errors| errors.to_string()).unwrap_or_default()
}

/// The pattern and the greatest length of a field of the spec, as the API server applies them.
fn shape_of(field: &str) -> (String, usize) {
    let crd = serde_json::to_value(crds()).unwrap();
    let property =
        &crd[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][field];
    let length = property["maxLength"].as_u64().unwrap();
    (property["pattern"].as_str().unwrap().to_owned(), length.try_into().unwrap())
}

#[rstest]
#[case::nothing((ID, None), (ID, None))]
#[case::nothing_with_a_region((ID, Some("us-east-1")), (ID, Some("us-east-1")))]
fn an_object_that_names_the_same_backup_in_the_same_region_may_change(
    #[case] old: (&str, Option<&str>),
    #[case] new: (&str, Option<&str>),
) {
    let (old, mut new) = (object(old.0, old.1), object(new.0, new.1));
    new.spec.desired_state = DesiredState::Deleted;
    new.spec.never_expires = Some(true);
    new.spec.suspend = Some(true);
    assert_eq!(change(&old, &new), "");
    assert_eq!(change(&new, &old), "");
}

#[test]
fn a_changed_backup_id_is_refused_with_the_field_and_the_next_step() {
    let said = change(&object(ID, None), &object("backup-abcdefghijk", None));
    assert!(said.contains("backupId is immutable: create a new object for another backup"), "{said}");
    assert!(!said.contains("region is immutable"), "{said}");
}

#[rstest]
#[case::changed(Some("us-east-1"), Some("us-west-2"))]
#[case::added(None, Some("us-west-2"))]
#[case::removed(Some("us-east-1"), None)]
fn a_region_that_is(#[case] old: Option<&str>, #[case] new: Option<&str>) {
    let said = change(&object(ID, old), &object(ID, new));
    assert!(said.contains("region is immutable") && said.contains("create a new object"), "{said}");
    assert!(!said.contains("backupId is immutable"), "{said}");
}

#[test]
fn what_is_immutable_is_refused_under_the_name_of_its_field() {
    let crd = serde_json::to_value(crds()).unwrap();
    let rules = &crd[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"];
    let paths: Vec<&str> = rules.as_array().unwrap().iter().map(|rule| rule["fieldPath"].as_str().unwrap()).collect();
    assert_eq!(paths, [".spec.backupId", ".spec.region"]);
}

#[rstest]
#[case("backup-ro5c4er4aac")]
#[case("backup-ABCDEFGHIJK2345a")]
#[case("backup-77777777777")]
fn an_id_of_the_models_shape_is_taken(#[case] id: &str) {
    assert_eq!(rules_of("backupId", &id.into()), "");
}

#[rstest]
#[case::nothing("")]
#[case::only_the_prefix("backup-")]
#[case::ten_characters("backup-abcdefghij")]
#[case::seventeen_characters("backup-abcdefghijklmnopq")]
#[case::a_digit_that_base32_lacks("backup-ro5c4er4aac1")]
#[case::another_prefix("cluster-ro5c4er4aac")]
#[case::an_upper_case_prefix("Backup-ro5c4er4aac")]
#[case::a_space_before(" backup-ro5c4er4aac")]
#[case::a_line_break_after("backup-ro5c4er4aac\n")]
#[case::an_arn("arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac")]
fn an_id_of_another_shape_is_refused_and_the_message_says_where_to_find_one(#[case] id: &str) {
    let said = rules_of("backupId", &id.into());
    assert!(said.contains("backupId must be") && said.contains("aws cloudhsmv2 describe-backups"), "{said:?}");
    assert!(id.parse::<BackupId>().is_err(), "the API server refuses what the operator takes");
}

#[rstest]
#[case("us-east-1")]
#[case("us-gov-west-1")]
#[case("cn-north-1")]
#[case("cn-northwest-1")]
#[case("us-iso-east-1")]
#[case("us-isob-east-1")]
#[case("eu-isoe-west-1")]
#[case("us-isof-south-1")]
#[case("eusc-de-east-1")]
#[case("ap-southeast-7")]
#[case("ap-northeast-3")]
#[case("il-central-1")]
#[case("mx-central-1")]
#[case("me-south-1")]
#[case("ca-west-1")]
fn a_region_of_any_partition_is_taken(#[case] region: &str) {
    assert_eq!(rules_of("region", &region.into()), "");
    assert!(region.len() <= shape_of("region").1);
}

#[rstest]
#[case::nothing("")]
#[case::a_url("https://cloudhsmv2.us-east-1.amazonaws.com")]
#[case::a_host("cloudhsmv2.us-east-1.amazonaws.com")]
#[case::a_host_of_somebody("us-east-1.example.com")]
#[case::a_path("us-east-1/x")]
#[case::a_user("x@us-east-1")]
#[case::a_zone("us-east-1a")]
#[case::a_local_zone("us-west-2-lax-1a")]
#[case::a_space_within("us east 1")]
#[case::a_space_after("us-east-1 ")]
#[case::a_line_break_after("us-east-1\n")]
#[case::upper_case("US-EAST-1")]
#[case::no_number("us-east")]
#[case::a_long_number("us-east-100")]
#[case::only_a_number("1")]
#[case::a_city("Frankfurt")]
#[case::a_wildcard("*")]
fn no_region_is(#[case] region: &str) {
    let said = rules_of("region", &region.into());
    assert!(said.contains("region must be the name of an AWS region"), "{said:?}");
}

#[test]
fn text_without_end_is_no_region_and_no_id() {
    let endless = "a-".repeat(5_000) + "1";
    assert_ne!(rules_of("region", &endless.clone().into()), "");
    assert_ne!(rules_of("backupId", &endless.into()), "");
    // Room enough that a pasted URL or ARN gets the message of the rule, which the API server leaves out behind a length.
    assert_eq!((shape_of("region").1, shape_of("backupId").1), (256, 256));
}

#[test]
fn the_pattern_in_the_schema_the_rule_and_the_operator_are_one() {
    assert_eq!(shape_of("backupId").0, crate::backup::BACKUP_ID_PATTERN);
    let crd = serde_json::to_value(crds()).unwrap();
    let spec = &crd[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    for field in ["backupId", "region"] {
        let rule = spec[field]["x-kubernetes-validations"][0]["rule"].as_str().unwrap();
        assert_eq!(rule, format!("self.matches('{}')", shape_of(field).0));
    }
}

#[test]
fn the_least_manifest_decodes_and_asks_for_nothing_more() {
    let object: CloudHsmBackup =
        serde_json::from_value(manifest(&json!({"backupId": ID, "desiredState": "Deleted"}))).unwrap();
    assert_eq!((object.spec.backup_id.as_str(), object.spec.desired_state), (ID, DesiredState::Deleted));
    assert_eq!((object.spec.region, object.spec.never_expires, object.spec.suspend), (None, None, None));
    assert_eq!(object.status, None);
}

#[test]
fn nulls_mean_absent() {
    let spec =
        json!({"backupId": ID, "desiredState": "Present", "region": null, "neverExpires": null, "suspend": null});
    let object: CloudHsmBackup = serde_json::from_value(manifest(&spec)).unwrap();
    assert_eq!((object.spec.region, object.spec.never_expires, object.spec.suspend), (None, None, None));
}

#[rstest]
#[case::of_a_wrong_shape(json!({"backupId": "backup-no", "desiredState": "Present"}), "not a backup id")]
#[case::that_is_no_text(json!({"backupId": 7, "desiredState": "Present"}), "")]
#[case::that_is_missing(json!({"desiredState": "Present"}), "backupId")]
#[case::and_desired_state_that_is_unknown(json!({"backupId": ID, "desiredState": "Absent"}), "Absent")]
#[case::and_desired_state_in_lower_case(json!({"backupId": ID, "desiredState": "deleted"}), "deleted")]
#[case::and_desired_state_that_is_missing(json!({"backupId": ID}), "desiredState")]
#[case::and_suspend_that_is_no_boolean(json!({"backupId": ID, "desiredState": "Deleted", "suspend": "yes"}), "")]
fn a_stored_object_does_not_decode_with_a_backup_id(#[case] spec: Value, #[case] why: &str) {
    let text = manifest(&spec).to_string();
    assert!(serde_json::from_str::<CloudHsmBackup>(&text).is_err());
    let guarded: DeserializeGuard<CloudHsmBackup> = serde_json::from_str(&text).unwrap();
    let invalid = guarded.0.unwrap_err();
    assert!(invalid.error.contains(why), "{}", invalid.error);
    assert_eq!(invalid.metadata.name.as_deref(), Some("payments"));
}

#[test]
fn a_sound_object_decodes_through_the_guard_with_fields_that_are_not_known() {
    let mut stored = manifest(&json!({"backupId": ID, "desiredState": "Present", "later": 1}));
    stored["status"] = json!({"observedGeneration": -1, "laterToo": true});
    let guarded: DeserializeGuard<CloudHsmBackup> = serde_json::from_value(stored).unwrap();
    let status = guarded.0.unwrap().status.unwrap();
    assert_eq!((status.observed_generation, status.conditions), (Some(-1), vec![]));
}

#[test]
fn an_empty_status_is_written_as_nothing() {
    assert_eq!(serde_json::to_value(CloudHsmBackupStatus::default()).unwrap(), json!({}));
}

#[test]
fn each_reason_has_one_word_of_its_own_and_is_found_by_it() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_word(reason.as_str()), Some(reason));
        assert!(reason.as_str().chars().all(|c| c.is_ascii_alphabetic()));
    }
    assert_eq!(Reason::from_word("SomebodyElses"), None);
}
