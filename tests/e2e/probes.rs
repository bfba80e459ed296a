//! What tests of the contract ask of a [`World`] beyond its everyday use.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use cloudhsm_backup_operator::api::{CloudHsmBackup, REQUESTED_AT};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, eventually};

use crate::world::{World, ready_condition};

/// Long enough for what is to happen at once, and far below [`SLOW`].
pub(crate) const AT_ONCE: Duration = Duration::from_secs(15);
/// A resync interval that no test waits for: what happens with it wasn't found by a routine look.
pub(crate) const SLOW: (&str, &str) = ("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "10m");

/// A backup id that is `number`'s own.
pub(crate) fn id(number: usize) -> String {
    let letters: String = format!("{number:03}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
    format!("backup-testtest{letters}")
}

/// The condition beside Ready that says how it goes on; `""` for none.
pub(crate) fn progress(object: &CloudHsmBackup) -> String {
    let conditions = &object.status.as_ref().expect("a status").conditions;
    let others: Vec<&str> =
        conditions.iter().map(|condition| condition.type_.as_str()).filter(|t| *t != "Ready").collect();
    others.join(" ")
}

/// Status and message of the condition Ready.
pub(crate) fn ready_and_message(object: &CloudHsmBackup) -> (String, String) {
    let ready = ready_condition(object);
    (ready.status, ready.message)
}

impl World {
    /// Sets the annotation that asks for a look.
    pub(crate) async fn request(&self, name: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: value}}});
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Has AWS looked at anew, and waits for the status that answers.
    pub(crate) async fn look_again(&self, name: &str) -> CloudHsmBackup {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let value = format!("look-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.request(name, &value).await;
        self.until(name, "the request is answered", |object| {
            object.status.as_ref().and_then(|status| status.last_handled_requested_at.as_deref())
                == Some(value.as_str())
        })
        .await
    }

    /// Waits until the object is as `wanted` says.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&CloudHsmBackup) -> bool,
    ) -> CloudHsmBackup {
        let api = self.api();
        eventually(&format!("{name}: {what}"), DEADLINE, async || {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            if wanted(&object) { Ok(object) } else { Err(format!("{:?}", object.status)) }
        })
        .await
    }

    /// The operations with which AWS was asked to change one backup.
    pub(crate) fn writes_of(&self, id: &str) -> Vec<String> {
        self.writes().into_iter().filter(|(_, of)| of == id).map(|(operation, _)| operation).collect()
    }

    /// How many events of an object have that reason.
    pub(crate) async fn events_with(&self, name: &str, reason: &str) -> usize {
        self.events(name).await.iter().filter(|event| event.1 == reason).count()
    }

    /// The objects without the operator's types, which can't read all that may be stored.
    pub(crate) fn raw_api(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<CloudHsmBackup>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// The object as it is stored.
    pub(crate) async fn raw(&self, name: &str) -> Value {
        serde_json::to_value(self.raw_api().get(name).await.unwrap()).unwrap()
    }

    /// Changes the spec of an object that the operator's types may not be able to read.
    pub(crate) async fn edit_raw(&self, name: &str, spec: Value) {
        self.raw_api().patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap();
    }

    /// Overwrites a part of the status, as somebody who may.
    pub(crate) async fn falsify(&self, name: &str, status: Value) {
        let patch = json!({"status": status}).to_string();
        let arguments =
            ["patch", "chb", name, "--subresource=status", "--type=merge", "--field-manager=a-stranger", "-p", &patch];
        let output = self.kubectl(&arguments).await;
        assert!(output.status.success(), "{patch}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The lines of an operator's metrics that begin with `name`.
pub(crate) async fn series(operator: &Operator, name: &str) -> Vec<String> {
    let (_, text) = operator.http_get("/metrics").await.unwrap();
    text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
}

/// Waits until an operator has had that many objects in its hands.
pub(crate) async fn serves(operator: &Operator, objects: usize) {
    eventually("all objects are served", DEADLINE, async || {
        let served = series(operator, "cloudhsm_backup_ready{").await;
        if served.len() == objects { Ok(()) } else { Err(format!("{served:?}")) }
    })
    .await;
}
