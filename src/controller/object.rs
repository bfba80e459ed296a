//! What the controller keeps of an object. Ten thousands are kept, so that is not all that the API server sends.

use std::{mem::take, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt, core::DeserializeGuard};
use serde::{Deserialize, Deserializer};

use crate::{
    api::{CloudHsmBackup, CloudHsmBackupSpec, CloudHsmBackupStatus, REQUESTED_AT},
    backup::Region,
    claims::ObjectKey,
    intent::Intent,
};

/// An object as the watch delivers it: one that can't be decoded doesn't stop the others.
pub(super) type Guarded = DeserializeGuard<Watched>;

/// A `CloudHsmBackup` of which the status can be shared with what this process remembers.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = CloudHsmBackup)]
pub(super) struct Watched {
    pub(super) metadata: ObjectMeta,
    pub(super) spec: CloudHsmBackupSpec,
    #[serde(default, deserialize_with = "shared")]
    pub(super) status: Arc<CloudHsmBackupStatus>,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<CloudHsmBackupStatus>, D::Error> {
    let status = Option::<CloudHsmBackupStatus>::deserialize(deserializer)?;
    Ok(Arc::new(status.unwrap_or_default()))
}

impl Watched {
    /// What it asks for.
    pub(super) fn intent(&self, default_region: Option<&Region>) -> Intent {
        Intent::of(&self.metadata, &self.spec, default_region)
    }

    /// As which version it is stored.
    pub(super) fn version(&self) -> Option<u64> {
        version(&self.metadata)
    }
}

/// As which version an object is stored.
pub(super) fn version(metadata: &ObjectMeta) -> Option<u64> {
    metadata.resource_version.as_ref().and_then(|version| version.parse().ok())
}

/// Drops what nobody here reads; `managedFields` alone are more than the rest.
pub(super) fn slim(object: &mut impl ResourceExt) {
    let metadata = object.meta_mut();
    let annotations = take(&mut metadata.annotations).unwrap_or_default();
    let requested = annotations.into_iter().filter(|(name, _)| name == REQUESTED_AT).collect();
    *metadata = ObjectMeta {
        name: take(&mut metadata.name),
        namespace: take(&mut metadata.namespace),
        uid: take(&mut metadata.uid),
        resource_version: take(&mut metadata.resource_version),
        generation: metadata.generation,
        deletion_timestamp: take(&mut metadata.deletion_timestamp),
        annotations: Some(requested).filter(|annotations: &std::collections::BTreeMap<_, _>| !annotations.is_empty()),
        ..ObjectMeta::default()
    };
}

/// The object's namespace and name.
pub(super) fn key_of(object: &impl ResourceExt) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}
