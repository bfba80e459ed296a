//! What the controller keeps of an object. Ten thousands are kept, so that is not all that the API server sends.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Deserializer};

use super::kept::Kept;
use crate::{
    api::{CloudHsmBackup, CloudHsmBackupSpec, CloudHsmBackupStatus, REQUESTED_AT},
    backup::Region,
    claims::ObjectKey,
    intent::Intent,
};

/// A `CloudHsmBackup` as the watch delivers it.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = CloudHsmBackup)]
pub(super) struct Watched {
    #[serde(deserialize_with = "slim")]
    pub(super) metadata: ObjectMeta,
    /// Or why it can't be decoded: that must not stop the other objects.
    #[serde(default = "missing", deserialize_with = "guarded")]
    spec: Result<CloudHsmBackupSpec, Box<str>>,
    #[serde(default = "empty", deserialize_with = "kept")]
    pub(super) status: Kept,
}

/// Of the metadata what is of use here; `managedFields` alone are more than the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slim {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    deletion_timestamp: Option<Time>,
    annotations: Option<BTreeMap<String, String>>,
}

fn slim<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Slim { name, namespace, uid, resource_version, generation, deletion_timestamp, annotations } =
        Slim::deserialize(deserializer)?;
    let requested = annotations.and_then(|mut all| all.remove_entry(REQUESTED_AT));
    let annotations = requested.map(|requested| BTreeMap::from([requested]));
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        generation,
        deletion_timestamp,
        annotations,
        ..ObjectMeta::default()
    })
}

fn missing() -> Result<CloudHsmBackupSpec, Box<str>> {
    Err("it has no spec".into())
}

fn guarded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<CloudHsmBackupSpec, Box<str>>, D::Error> {
    let spec = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(spec).map_err(|error| error.to_string().into()))
}

fn empty() -> Kept {
    Kept::of(&CloudHsmBackupStatus::default())
}

fn kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kept, D::Error> {
    let status = <Option<CloudHsmBackupStatus> as Deserialize>::deserialize(deserializer)?;
    Ok(Kept::of(&status.unwrap_or_default()))
}

impl Watched {
    /// What it declares.
    ///
    /// # Errors
    ///
    /// Why it can't be decoded: it was written under a laxer CRD.
    pub(super) fn spec(&self) -> Result<&CloudHsmBackupSpec, &str> {
        self.spec.as_ref().map_err(AsRef::as_ref)
    }

    /// What it asks for; nothing where it can't be decoded.
    pub(super) fn intent(&self, default_region: Option<&Region>) -> Option<Intent> {
        self.spec.as_ref().ok().map(|spec| Intent::of(&self.metadata, spec, default_region))
    }

    /// As which version it is stored.
    pub(super) fn version(&self) -> Option<u64> {
        self.metadata.resource_version.as_ref().and_then(|version| version.parse().ok())
    }
}

/// The object's namespace and name.
pub(super) fn key_of(object: &impl ResourceExt) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn watched(spec: Value) -> Watched {
        serde_json::from_value(json!({
            "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
            "metadata": {
                "name": "payments", "namespace": "hsm", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": {REQUESTED_AT: "now", "another": "long"}, "labels": {"team": "payments"},
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": spec,
            "status": {"backupState": "READY", "createTimestamp": "never"},
        }))
        .unwrap()
    }

    #[test]
    fn what_is_not_of_use_is_dropped() {
        let object = watched(json!({"backupId": "backup-ro5c4er4aac", "desiredState": "Present"}));
        assert_eq!(object.metadata.annotations.as_ref().unwrap().len(), 1);
        assert_eq!((&object.metadata.labels, &object.metadata.managed_fields), (&None, &None));
        assert_eq!((object.version(), object.metadata.generation), (Some(7), Some(2)));
        assert!(object.intent(None).is_some());
        let status = object.status.status();
        assert_eq!((status.backup_state.as_deref(), status.unreadable), (Some("READY"), true));
    }

    #[test]
    fn a_spec_that_cannot_be_decoded_is_told_of_and_asks_for_nothing() {
        for spec in [json!({"backupId": "nonsense", "desiredState": "Present"}), json!({}), json!(7), Value::Null] {
            let object = watched(spec);
            assert!(object.intent(None).is_none() && !object.spec().unwrap_err().is_empty());
        }
        let without: Watched = serde_json::from_value(json!({"metadata": {"name": "payments"}})).unwrap();
        assert!(without.spec().is_err());
    }
}
