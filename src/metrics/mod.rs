//! What the operator counts, in the names of the documented contract. Cheap to clone; all clones count together.

mod objects;
mod sweeps;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use self::{objects::Objects, sweeps::Sweeps};
use crate::{
    api::CloudHsmBackupStatus,
    backup::{AccountId, BackupState, Scope},
    claims::ObjectKey,
};

type Labels = Vec<(&'static str, String)>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

const CONTROLLER: &str = "cloudhsmbackup";

/// From a millisecond to the longest that a call may take.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    reconciles: Family<Labels, Counter>,
    reconcile_errors: Family<Labels, Counter>,
    reconcile_time: Histograms,
    aws_requests: Family<Labels, Counter>,
    aws_request_duration: Histograms,
    aws_writes: Family<Labels, Counter>,
    drift: Family<Labels, Counter>,
    active: Family<Labels, Gauge>,
    leader: Family<Labels, Gauge>,
    objects: Arc<Objects>,
    sweeps: Arc<Sweeps>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    /// Metrics that start from zero.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::default(),
            reconciles: Family::default(),
            reconcile_errors: Family::default(),
            reconcile_time: Family::new_with_constructor(histogram),
            aws_requests: Family::default(),
            aws_request_duration: Family::new_with_constructor(histogram),
            aws_writes: Family::default(),
            drift: Family::default(),
            active: Family::default(),
            leader: Family::default(),
            objects: Arc::default(),
            sweeps: Arc::default(),
        };
        inner.register();
        for result in ["success", "error", "requeue_after", "requeue"] {
            drop(inner.reconciles.get_or_create(&vec![controller(), ("result", result.into())]));
        }
        drop(inner.active.get_or_create(&vec![controller()]));
        drop(inner.reconcile_errors.get_or_create(&vec![controller()]));
        Self(Arc::new(inner))
    }

    /// Counts a pass over one object and how long it took.
    pub fn reconciled(&self, result: &'static str, took: Duration) {
        self.0.reconciles.get_or_create(&vec![controller(), ("result", result.into())]).inc();
        self.0.reconcile_time.get_or_create(&vec![controller()]).observe(took.as_secs_f64());
    }

    /// A pass is under way until what this returns is dropped.
    #[must_use]
    pub fn active(&self) -> Active {
        let gauge = self.0.active.get_or_create(&vec![controller()]).clone();
        gauge.inc();
        Active(gauge)
    }

    /// Counts a failed call to the API server; those to AWS are counted with the request.
    pub fn reconcile_error(&self) {
        self.0.reconcile_errors.get_or_create(&vec![controller()]).inc();
    }

    /// Counts a request to AWS: `outcome` is `success` or `error`, `code` AWS's error code, empty on success. A failed one counts as an
    /// error of reconciling too.
    pub fn aws_request(&self, operation: &'static str, outcome: &'static str, code: &str, took: Duration) {
        let operation = ("operation", operation.to_owned());
        let labels = vec![operation.clone(), ("outcome", outcome.into()), ("code", code.to_owned())];
        self.0.aws_requests.get_or_create(&labels).inc();
        self.0.aws_request_duration.get_or_create(&vec![operation]).observe(took.as_secs_f64());
        if outcome == "error" {
            self.reconcile_error();
        }
    }

    /// Counts a write that AWS accepted.
    pub fn aws_write(&self, operation: &'static str) {
        self.0.aws_writes.get_or_create(&vec![("operation", operation.into())]).inc();
    }

    /// A sweep of a scope begins.
    pub fn sweep_begun(&self, scope: &Scope, account: Option<AccountId>) {
        self.0.sweeps.begun(scope, account);
    }

    /// A sweep of a scope is complete: how many requests it took, and how long.
    pub fn sweep_ended(&self, scope: &Scope, account: Option<AccountId>, pages: usize, took: Duration) {
        self.0.sweeps.ended(scope, account, pages, took);
    }

    /// Nothing is left in a scope.
    pub fn sweep_gone(&self, scope: &Scope) {
        self.0.sweeps.remove(scope);
    }

    /// Counts a move of AWS away from what an object declares, by the state AWS shows now.
    pub fn drift(&self, state: &BackupState) {
        self.0.drift.get_or_create(&vec![("backup_state", state.as_str().into())]).inc();
    }

    /// Says whether this process holds the Lease of that name.
    pub fn leader(&self, name: &str, leads: bool) {
        self.0.leader.get_or_create(&vec![("name", name.to_owned())]).set(i64::from(leads));
    }

    /// Sets an object's series to what its status says.
    pub fn object(&self, object: &ObjectKey, status: &CloudHsmBackupStatus) {
        self.0.objects.set(object, status);
    }

    /// Takes an object's series away.
    pub fn object_gone(&self, object: &ObjectKey) {
        self.0.objects.remove(object);
    }

    /// All of them, in the OpenMetrics text format.
    ///
    /// # Errors
    ///
    /// Only what the formatter reports.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

/// A pass under way.
#[derive(Debug)]
pub struct Active(Gauge<i64, AtomicI64>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Inner {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let controller = registry.sub_registry_with_prefix("controller_runtime");
        controller.register("reconcile", "Passes over objects, by result", self.reconciles.clone());
        controller.register(
            "reconcile_errors",
            "Failed calls to AWS and the API server",
            self.reconcile_errors.clone(),
        );
        controller.register(
            "reconcile_time_seconds",
            "How long a pass over an object took",
            self.reconcile_time.clone(),
        );
        controller.register("active_workers", "Passes over objects under way", self.active.clone());

        let election = registry.sub_registry_with_prefix("leader_election");
        election.register("master_status", "1 while this process holds the Lease, 0 on a standby", self.leader.clone());

        let ours = registry.sub_registry_with_prefix("cloudhsm_backup");
        ours.register(
            "aws_requests",
            "Requests to AWS, by operation, outcome and error code",
            self.aws_requests.clone(),
        );
        ours.register(
            "aws_request_duration_seconds",
            "How long requests to AWS took",
            self.aws_request_duration.clone(),
        );
        ours.register("aws_writes", "Changes that AWS accepted, by operation", self.aws_writes.clone());
        ours.register("drift", "Moves of AWS away from what is declared, by the state moved to", self.drift.clone());
        ours.register_collector(Box::new(Arc::clone(&self.objects)));
        ours.register_collector(Box::new(Arc::clone(&self.sweeps)));
        let build = Family::<Labels, Gauge>::default();
        build.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        ours.register("build_info", "1 for the version of the operator", build);
    }
}

fn controller() -> (&'static str, String) {
    ("controller", CONTROLLER.to_owned())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{Condition, Time},
        jiff::Timestamp,
    };

    use super::*;
    use crate::api::READY;

    fn status(state: Option<&str>, reason: &str, deletes_at: Option<i64>) -> CloudHsmBackupStatus {
        let time = |second| Time(Timestamp::from_second(second).unwrap());
        CloudHsmBackupStatus {
            backup_state: state.map(str::to_owned),
            delete_timestamp: deletes_at.map(time),
            conditions: vec![Condition {
                type_: READY.into(),
                status: "True".into(),
                reason: reason.into(),
                message: String::new(),
                observed_generation: None,
                last_transition_time: time(0),
            }],
            ..Default::default()
        }
    }

    fn series(metrics: &Metrics, name: &str) -> Vec<String> {
        let text = metrics.render().unwrap();
        text.lines().filter(|line| !line.starts_with('#') && line.starts_with(name)).map(str::to_owned).collect()
    }

    #[test]
    fn an_object_has_one_series_per_metric_and_none_once_it_is_gone() {
        let metrics = Metrics::new();
        metrics.object(&ObjectKey::new("hsm", "a"), &status(Some("READY"), "Available", None));
        metrics.object(&ObjectKey::new("hsm", "a"), &status(Some("PENDING_DELETION"), "PendingDeletion", Some(1_000)));
        let of_object = |name: &str| series(&metrics, &format!("cloudhsm_backup_{name}"));
        assert_eq!(
            of_object("state"),
            [r#"cloudhsm_backup_state{namespace="hsm",name="a",backup_state="PENDING_DELETION"} 1"#]
        );
        assert_eq!(
            of_object("ready"),
            [r#"cloudhsm_backup_ready{namespace="hsm",name="a",status="True",reason="PendingDeletion"} 1"#]
        );
        assert_eq!(
            of_object("permanent_deletion"),
            [r#"cloudhsm_backup_permanent_deletion_timestamp_seconds{namespace="hsm",name="a"} 1000"#]
        );

        metrics.object(&ObjectKey::new("hsm", "a"), &status(None, "BackupNotFound", Some(1_000)));
        assert_eq!((of_object("state"), of_object("permanent_deletion")), (vec![], vec![]));

        metrics.object_gone(&ObjectKey::new("hsm", "a"));
        assert_eq!(of_object("ready"), Vec::<String>::new());
    }

    #[test]
    fn requests_and_writes_are_counted_under_the_documented_names() {
        let metrics = Metrics::new();
        metrics.aws_request("DeleteBackup", "error", "ThrottlingException", Duration::from_millis(3));
        metrics.aws_request("DeleteBackup", "success", "", Duration::from_millis(3));
        metrics.aws_write("DeleteBackup");
        metrics.drift(&BackupState::PendingDeletion);
        metrics.reconcile_error();
        metrics.reconciled("success", Duration::from_millis(1));
        metrics.leader("a", false);
        metrics.leader("a", true);
        for line in [
            r#"cloudhsm_backup_aws_requests_total{operation="DeleteBackup",outcome="error",code="ThrottlingException"} 1"#,
            r#"cloudhsm_backup_aws_requests_total{operation="DeleteBackup",outcome="success",code=""} 1"#,
            r#"cloudhsm_backup_aws_request_duration_seconds_count{operation="DeleteBackup"} 2"#,
            r#"cloudhsm_backup_aws_writes_total{operation="DeleteBackup"} 1"#,
            r#"cloudhsm_backup_drift_total{backup_state="PENDING_DELETION"} 1"#,
            r#"controller_runtime_reconcile_total{controller="cloudhsmbackup",result="success"} 1"#,
            r#"leader_election_master_status{name="a"} 1"#,
            r#"controller_runtime_reconcile_errors_total{controller="cloudhsmbackup"} 2"#,
            r#"controller_runtime_reconcile_time_seconds_count{controller="cloudhsmbackup"} 1"#,
        ] {
            assert_eq!(series(&metrics, line.split_once('}').unwrap().0).len(), 1, "{line}");
            assert!(metrics.render().unwrap().contains(line), "{line} in {}", metrics.render().unwrap());
        }
    }
}
