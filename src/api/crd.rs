//! The CustomResourceDefinition, as it is committed in `crds/` and printed by `cloudhsm-backup-operator crd`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;

use super::CloudHsmBackup;

/// The CRDs of this version.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crd = CloudHsmBackup::crd();
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        everywhere(schema, &|schema| {
            without_nullable(schema);
            in_paragraphs(schema);
        });
        if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            // kstatus takes an object without status for Current, so a fresh one would pass for done.
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    vec![crd]
}

/// Every `Option` comes out `nullable`. Without it a stored field is never null, so that absent means one thing, also to the CEL rules:
/// the API server drops a null on create and update, and refuses one in server-side apply.
fn without_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
}

/// The lines of the source's comments are no lines of the text: `kubectl explain` makes its own.
fn in_paragraphs(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        let paragraphs = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *description = paragraphs.collect::<Vec<_>>().join("\n\n");
    }
}

/// Changes a schema and those of the fields in it.
fn everywhere(schema: &mut JSONSchemaProps, change: &impl Fn(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        everywhere(property, change);
    }
}
