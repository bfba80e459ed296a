//! What each test has to itself: a namespace, an AWS, and an operator that is set up as the chart does it, with the rights the chart
//! gives it.

use std::{path::PathBuf, process::Output, time::Duration};

use cloudhsm_backup_operator::api::{CloudHsmBackup, READY, REQUESTED_AT};
use cloudhsm_emulator::{Emulator, Options};
use k8s_openapi::{api::events::v1::Event, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use test_support::{ApiProxy, Chart, ControlPlane, DEADLINE, Operator, OperatorBuilder, eventually};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::release::release;

/// The account whose backups the operators of the tests see.
pub(crate) const ACCOUNT: &str = "111122223333";
/// Their default region.
pub(crate) const REGION: &str = "us-east-1";
/// How often they look for drift.
pub(crate) const RESYNC: Duration = Duration::from_secs(2);

pub(crate) struct World {
    pub(crate) control_plane: &'static ControlPlane,
    pub(crate) client: Client,
    pub(crate) emulator: Emulator,
    pub(crate) namespace: String,
    pub(crate) chart: Chart,
    pub(crate) kubeconfig: PathBuf,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(ControlPlane::shared().await, name).await
    }

    pub(crate) async fn on(control_plane: &'static ControlPlane, name: &str) -> Self {
        let namespace = control_plane.namespace(name).await;
        let watched = [namespace.as_str()];
        let (chart, kubeconfig) = release(control_plane, &namespace, &watched).await;
        Self::of(control_plane, namespace, chart, kubeconfig).await
    }

    pub(crate) async fn of(
        control_plane: &'static ControlPlane,
        namespace: String,
        chart: Chart,
        kubeconfig: PathBuf,
    ) -> Self {
        let emulator = Emulator::start(Options::default()).unwrap();
        Self { control_plane, client: control_plane.client().await, emulator, namespace, chart, kubeconfig }
    }

    /// An operator of this world, to be started; without further flags it sweeps every [`RESYNC`].
    pub(crate) fn operator(&self) -> OperatorBuilder {
        let builder = Operator::builder(env!("CARGO_BIN_EXE_cloudhsm-backup-operator"));
        let environment = self.chart.environment();
        environment
            .into_iter()
            .fold(builder, |builder, (name, value)| builder.env(name, value))
            .kubeconfig(&self.kubeconfig)
            .aws(&self.emulator.url(), ACCOUNT)
            .env("CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT", "false")
            .env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", format!("{}s", RESYNC.as_secs()))
    }

    /// The same, but what it asks of the API server goes through a proxy.
    pub(crate) fn operator_behind(&self, proxy: &ApiProxy) -> OperatorBuilder {
        self.operator().kubeconfig(&self.kubeconfig_by(proxy))
    }

    /// The operator's kubeconfig, which leads through a proxy.
    pub(crate) fn kubeconfig_by(&self, proxy: &ApiProxy) -> PathBuf {
        proxy.kubeconfig(&self.kubeconfig)
    }

    /// A started operator that is ready.
    pub(crate) async fn started(&self) -> Operator {
        ready(self.operator().start()).await
    }

    pub(crate) fn api(&self) -> Api<CloudHsmBackup> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// `kubectl` in this world's namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Output {
        self.kubectl_with_input(arguments, "").await
    }

    pub(crate) async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let arguments: Vec<&str> = ["--namespace", &self.namespace].iter().chain(arguments).copied().collect();
        self.control_plane.kubectl_with_input(&arguments, input).await
    }

    /// Puts a backup into AWS, in the state given; `more` are further fields of AWS's shape, or other values.
    pub(crate) fn backup(&self, id: &str, state: &str, more: Value) {
        let mut backup = json!({
            "BackupId": id, "BackupState": state, "ClusterId": "cluster-dygnwhmscg5", "CreateTimestamp": 1_534_461_854.64,
            "HsmType": "hsm2m.medium", "Mode": "FIPS", "NeverExpires": false,
        });
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            backup[key] = value;
        }
        self.emulator.put_backups(json!([backup])).unwrap();
    }

    /// AWS's own word for the state of a backup, as it truly is.
    pub(crate) fn state(&self, id: &str) -> String {
        let backups = self.emulator.backups();
        let backup = backups.iter().find(|backup| backup["BackupId"] == id).unwrap_or_else(|| panic!("no {id}"));
        backup["BackupState"].as_str().unwrap().to_owned()
    }

    /// What somebody else does in AWS: the call of an AWS client that isn't the operator.
    pub(crate) fn outside(&self, id: &str, change: Value) {
        let mut backup = self.emulator.backups().into_iter().find(|backup| backup["BackupId"] == id).unwrap();
        for (key, value) in change.as_object().unwrap() {
            backup[key] = value.clone();
        }
        self.emulator.put_backups(json!([backup])).unwrap();
    }

    /// Declares a backup; `spec` adds to or overrides `backupId` and `desiredState`.
    pub(crate) async fn declare(&self, name: &str, id: &str, desired: &str, spec: Value) -> CloudHsmBackup {
        let mut manifest = json!({
            "apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": name},
            "spec": {"backupId": id, "desiredState": desired},
        });
        for (key, value) in spec.as_object().cloned().unwrap_or_default() {
            manifest["spec"][key] = value;
        }
        let params = PatchParams::apply("the-tests").force();
        self.api().patch(name, &params, &Patch::Apply(&manifest)).await.unwrap()
    }

    /// Changes the spec.
    pub(crate) async fn edit(&self, name: &str, spec: Value) -> CloudHsmBackup {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap()
    }

    pub(crate) async fn object(&self, name: &str) -> CloudHsmBackup {
        self.api().get(name).await.unwrap()
    }

    /// Waits until the status speaks of the object as it is now, with this reason, and checks that it is whole.
    pub(crate) async fn reason(&self, name: &str, reason: &str) -> CloudHsmBackup {
        self.reason_within(name, reason, DEADLINE).await
    }

    pub(crate) async fn reason_within(&self, name: &str, reason: &str, deadline: Duration) -> CloudHsmBackup {
        reason_of(&self.api(), name, reason, deadline).await
    }

    /// The events about an object, oldest first: type, reason, note.
    pub(crate) async fn events(&self, name: &str) -> Vec<(String, String, String)> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = api.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some(name)));
        events.sort_by_key(|event| event.event_time.clone());
        let text = |text: Option<String>| text.unwrap_or_default();
        events.into_iter().map(|event| (text(event.type_), text(event.reason), text(event.note))).collect()
    }

    /// Waits for an event about an object and returns its note.
    pub(crate) async fn event(&self, name: &str, type_: &str, reason: &str) -> String {
        eventually(&format!("{name} has an event {reason}"), DEADLINE, async || {
            let events = self.events(name).await;
            let found = events.iter().find(|event| event.0 == type_ && event.1 == reason);
            found.map(|event| event.2.clone()).ok_or_else(|| format!("{events:?}"))
        })
        .await
    }

    /// How many looks AWS has answered so far, to wait for further ones.
    pub(crate) fn looks(&self) -> usize {
        self.emulator.requests(0).iter().filter(|request| request["op"] == "DescribeBackups").count()
    }

    /// Waits until AWS was looked at that many times more.
    pub(crate) async fn more_looks(&self, more: usize) {
        let wanted = self.looks() + more;
        eventually("AWS is looked at again", DEADLINE, async || {
            let looks = self.looks();
            if looks >= wanted { Ok(()) } else { Err(format!("{looks} of {wanted}")) }
        })
        .await;
    }

    /// The writes AWS has received so far, accepted or not: operation and backup id.
    pub(crate) fn writes(&self) -> Vec<(String, String)> {
        let requests = self.emulator.requests(0);
        let writes = requests.iter().filter(|request| {
            ["DeleteBackup", "RestoreBackup", "ModifyBackupAttributes"].contains(&request["op"].as_str().unwrap_or(""))
        });
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        writes.map(|request| (word(&request["op"]), word(&request["input"]["BackupId"]))).collect()
    }

    /// A world on a control plane that no other test uses while the guard is held: one that may be stopped, and counted on.
    pub(crate) async fn alone(name: &str) -> (MutexGuard<'static, ()>, Self) {
        static IN_USE: Mutex<()> = Mutex::const_new(());
        static CONTROL_PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
        let guard = IN_USE.lock().await;
        let control_plane = CONTROL_PLANE.get_or_init(ControlPlane::start).await;
        // A test that failed may have left it frozen; the others shall not fail with it.
        control_plane.resume_apiserver().await;
        (guard, Self::on(control_plane, name).await)
    }

    /// Has AWS go wrong, as the emulator's faults do.
    pub(crate) fn fault(&self, fault: Value) {
        self.emulator.push_faults(json!([fault])).unwrap();
    }

    /// Nothing goes wrong in AWS any more.
    pub(crate) fn heal(&self) {
        self.emulator.control("DELETE", "/_control/faults", None).unwrap();
    }

    /// The requests of an operation that AWS has received so far.
    pub(crate) fn requests_of(&self, operation: &str) -> Vec<Value> {
        self.emulator.requests(0).into_iter().filter(|request| request["op"] == operation).collect()
    }

    /// Waits until AWS has received that many requests of an operation.
    pub(crate) async fn requests_reach(&self, operation: &str, wanted: usize) {
        eventually(&format!("AWS gets {operation} {wanted} times"), DEADLINE, async || {
            let seen = self.requests_of(operation).len();
            if seen >= wanted { Ok(()) } else { Err(format!("{seen} times")) }
        })
        .await;
    }

    /// Asks for a fresh look.
    pub(crate) async fn ask(&self, name: &str, when: &str) -> CloudHsmBackup {
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: when}}});
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Takes the request away, as Flux does.
    pub(crate) async fn remove_request(&self, name: &str) -> CloudHsmBackup {
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: null}}});
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Waits until the answer to that request is in the status.
    pub(crate) async fn answered(&self, name: &str, when: &str) -> CloudHsmBackup {
        let api = self.api();
        let object = eventually(&format!("{name} echoes {when}"), DEADLINE, async || {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let status = object.status.clone().unwrap_or_default();
            let echoed = status.last_handled_requested_at.as_deref() == Some(when);
            if echoed { Ok(object) } else { Err(format!("{status:?}")) }
        })
        .await;
        check(&object);
        object
    }
}

/// Waits until the status speaks of the object as it is now, with this reason, and checks that it is whole.
pub(crate) async fn reason_of(
    api: &Api<CloudHsmBackup>,
    name: &str,
    reason: &str,
    deadline: Duration,
) -> CloudHsmBackup {
    let object = eventually(&format!("{name} is {reason}"), deadline, async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let status = object.status.clone().unwrap_or_default();
        let seen = status.observed_generation == object.metadata.generation;
        let ready = status.condition(READY).map(|ready| ready.reason.clone());
        if seen && ready.as_deref() == Some(reason) { Ok(object) } else { Err(format!("{status:?}")) }
    })
    .await;
    check(&object);
    object
}

/// The id of the `n`-th backup of a test.
pub(crate) fn id(n: usize) -> String {
    let letter = |power: u32| char::from(b'a' + u8::try_from(n / 26_usize.pow(power) % 26).unwrap());
    format!("backup-aaaaaaaa{}{}{}", letter(2), letter(1), letter(0))
}

/// Whether a condition is there, and so `True`.
pub(crate) fn has(object: &CloudHsmBackup, type_: &str) -> bool {
    object.status.as_ref().is_some_and(|status| status.condition(type_).is_some())
}

/// Waits until an operator serves.
pub(crate) async fn ready(operator: Operator) -> Operator {
    eventually("the operator is ready", DEADLINE, async || match operator.http_get("/readyz").await {
        Ok((200, _)) => Ok(()),
        Ok((status, body)) => Err(format!("{status}: {body}")),
        Err(error) => Err(error),
    })
    .await;
    operator
}

/// The condition `Ready` of an object.
pub(crate) fn ready_condition(object: &CloudHsmBackup) -> Condition {
    object.status.as_ref().and_then(|status| status.condition(READY)).cloned().expect("Ready is always there")
}

/// What holds for every status of the operator: the rules of kstatus, and a message that stands alone.
pub(crate) fn check(object: &CloudHsmBackup) {
    let status = object.status.clone().unwrap_or_default();
    let ready = ready_condition(object);
    for condition in &status.conditions {
        assert_eq!(condition.observed_generation, status.observed_generation, "{condition:?}");
        assert_eq!((&condition.reason, &condition.message), (&ready.reason, &ready.message));
        assert!(condition.type_ == READY || condition.status == "True", "{condition:?}");
    }
    assert!(ready.status != "True" || status.conditions.len() == 1, "{:?}", status.conditions);
    assert!(ready.message.contains(object.spec.backup_id.as_str()), "{}", ready.message);
    assert!(status.region.is_none_or(|region| ready.message.contains(&region)), "{}", ready.message);
    assert!(!object.name_any().is_empty());
}
