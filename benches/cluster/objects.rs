//! The objects, their backups, and what users do with them.

use std::time::Instant;

use cloudhsm_backup_operator::api::{CloudHsmBackup, CloudHsmBackupStatus, FIELD_MANAGER, READY};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::serde::de::IgnoredAny;
use kube::{
    Api, Client, Resource,
    api::{ListParams, Patch, PatchParams, PostParams, Request},
};
use serde_json::{Map, Value, json};

/// The length of the id of a backup, the same for all of them.
pub(crate) const ID_LENGTH: usize = 18;

/// How many writes go at once where the objects are made or changed in bulk.
pub(crate) const WRITERS: usize = 16;

/// The name of the `n`-th object.
pub(crate) fn name(n: usize) -> String {
    format!("payments-{n:05}")
}

/// The id of its backup.
pub(crate) fn id(n: usize) -> String {
    let letter = |power: u32| char::from(b'a' + u8::try_from(n / 26_usize.pow(power) % 26).expect("below 26"));
    format!("backup-hsmbak{}{}{}{}{}", letter(4), letter(3), letter(2), letter(1), letter(0))
}

/// Half of the objects declare `Deleted`.
pub(crate) fn is_present(n: usize) -> bool {
    n.is_multiple_of(2)
}

/// The backup of the `n`-th object, as the emulator's control API takes it.
pub(crate) fn backup(n: usize, present: bool) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({
        "BackupId": id(n), "BackupState": if present { "READY" } else { "PENDING_DELETION" },
        "DeleteTimestamp": if present { Value::Null } else { json!(now + 6 * 86_400) },
        "ClusterId": "cluster-dygnwhmscg5", "CreateTimestamp": 1_793_502_764, "NeverExpires": false,
        "HsmType": "hsm2m.medium", "Mode": "FIPS", "TagList": [{"Key": "team", "Value": "payments"}],
    })
}

/// The objects of one namespace.
#[derive(Clone)]
pub(crate) struct Objects {
    client: Client,
    namespace: String,
}

impl Objects {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    pub(crate) fn api(&self) -> Api<CloudHsmBackup> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Their URL, for requests that decode less than all.
    pub(crate) fn request(&self) -> Request {
        Request::new(CloudHsmBackup::url_path(&(), Some(&self.namespace)))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Makes the first `count`, with no status yet.
    pub(crate) async fn create(&self, count: usize) {
        let api = self.api();
        let params = PostParams { field_manager: Some("kubectl-client-side-apply".into()), ..PostParams::default() };
        each(0..count, async |n| {
            let desired = if is_present(n) { "Present" } else { "Deleted" };
            let mut object = json!({
                "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup",
                "metadata": {"name": name(n), "labels": {"app.kubernetes.io/part-of": "payments"}},
                "spec": {"backupId": id(n), "desiredState": desired},
            });
            // What `kubectl apply` leaves behind.
            let applied = object.to_string();
            object["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
            api.create(&params, &serde_json::from_value(object).expect("an object")).await.map(drop)
        })
        .await;
    }

    /// Declares a state, and answers when the API server had answered.
    pub(crate) async fn declare(&self, n: usize, desired: &str) -> Result<Instant, kube::Error> {
        let patch = Patch::Merge(json!({"spec": {"desiredState": desired}}));
        let params = PatchParams { field_manager: Some("kubectl-patch".into()), ..PatchParams::default() };
        let request = self.request().patch(&name(n), &params, &patch).map_err(kube::Error::BuildRequest)?;
        let IgnoredAny = self.client.request::<IgnoredAny>(request).await?;
        Ok(Instant::now())
    }

    /// Sets statuses back to what the CRD defaults to.
    pub(crate) async fn wipe(&self, count: usize) {
        let empty = replacing(Some(&json!({"observedGeneration": -1})));
        each(0..count, async |n| self.write_status(&name(n), None, &empty).await).await;
    }

    /// Writes a status, in the way the operator does.
    pub(crate) async fn write_status(&self, name: &str, uid: Option<&str>, status: &Value) -> Result<(), kube::Error> {
        let metadata = uid.map_or_else(|| json!({}), |uid| json!({"uid": uid}));
        let patch = Patch::Merge(json!({"metadata": metadata, "status": status}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let request =
            self.request().patch_subresource("status", name, &params, &patch).map_err(kube::Error::BuildRequest)?;
        self.client.request::<CloudHsmBackup>(request).await.map(drop)
    }

    /// All of them, in pages as a watch that starts reads them.
    pub(crate) async fn list(&self) -> Vec<CloudHsmBackup> {
        let api = self.api();
        let mut params = ListParams::default().limit(500);
        let mut objects = Vec::new();
        loop {
            let page = api.list(&params).await.expect("a page of objects");
            objects.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return objects,
            }
        }
    }

    /// Whether the operator is through with an object.
    pub(crate) async fn is_settled(&self, n: usize) -> bool {
        let object = self.api().get(&name(n)).await.expect("an object");
        let status = object.status.unwrap_or_default();
        let ready = status.condition(READY).is_some_and(|ready| ready.status == "True");
        ready && status.observed_generation == object.metadata.generation
    }
}

/// The merge patch that leaves exactly this status.
pub(crate) fn replacing(status: Option<&Value>) -> Value {
    let mut patch: Map<String, Value> =
        CloudHsmBackupStatus::FIELDS.into_iter().map(|field| (field.to_owned(), Value::Null)).collect();
    patch.extend(status.and_then(Value::as_object).cloned().unwrap_or_default());
    Value::Object(patch)
}

/// Does something with many objects, with [`WRITERS`] under way at once.
pub(crate) async fn each(
    objects: impl IntoIterator<Item = usize>,
    work: impl AsyncFn(usize) -> Result<(), kube::Error>,
) {
    let work = &work;
    let all = stream::iter(objects).map(async |n| work(n).await).buffer_unordered(WRITERS);
    all.try_collect::<()>().await.unwrap_or_else(|error| panic!("writing objects: {error}"));
}
