//! All that the operator needs around it: a control plane, an AWS, and the rights it is documented to need.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use cloudhsm_backup_operator::api::crds;
use test_support::{ControlPlane, Grant, Operator, OperatorBuilder, rule};
use tokio::time::sleep;

use crate::{
    aws::{ACCOUNT, Aws, Coverage, Emulator},
    leash::Leash,
    objects::{self, Objects},
    process::Process,
    wire::Wire,
};

/// How often is looked whether something has come about: small beside what is measured, large beside what looking costs.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct Stage {
    pub(crate) objects: Objects,
    /// Straight to the emulator.
    pub(crate) control: Aws,
    /// To the emulator by the way that the operator goes.
    pub(crate) aws: Aws,
    pub(crate) wire: Wire,
    _control_plane: ControlPlane,
    pub(crate) api_server: Process,
    pub(crate) etcd: Process,
    _emulator: Emulator,
    leash: Leash,
    binary: PathBuf,
    kubeconfig: PathBuf,
    namespace: String,
}

/// Something took longer than anything sensible would.
#[derive(Debug)]
pub(crate) struct TooLong(pub(crate) String);

/// When all objects had been looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllSeen {
    /// AWS had shown all backups.
    pub(crate) looked: Duration,
    /// And the operator told so of all objects.
    pub(crate) told: Duration,
}

impl Stage {
    pub(crate) async fn set(binary: PathBuf, emulator: &std::path::Path) -> Self {
        let control_plane = ControlPlane::without_controllers().await;
        control_plane.define(&crds()).await;
        let namespace = control_plane.namespace("hsm").await;
        let rights = Grant::namespaced(
            &namespace,
            [
                rule("cloudhsm.dev", &["cloudhsmbackups"], &["get", "list", "watch"]),
                rule("cloudhsm.dev", &["cloudhsmbackups/status"], &["patch"]),
                rule("events.k8s.io", &["events"], &["create", "patch"]),
            ],
        );
        let kubeconfig = control_plane.service_account_kubeconfig(&namespace, "operator", &[rights]).await;
        let emulator = Emulator::start(emulator).await;
        let leash = Leash::new();
        leash.emulator(emulator.id());
        let wire = Wire::open(emulator.address);
        Self {
            objects: Objects::new(control_plane.client().await, &namespace),
            control: Aws::new(emulator.address),
            aws: Aws::new(wire.address),
            wire,
            api_server: Process::working_in(control_plane.dir(), "kube-apiserver"),
            etcd: Process::working_in(control_plane.dir(), "etcd"),
            _control_plane: control_plane,
            _emulator: emulator,
            leash,
            binary,
            kubeconfig,
            namespace,
        }
    }

    /// Starts an operator without a limit to what it sends to AWS.
    pub(crate) fn operator(&self, resync: &str) -> Operator {
        let unlimited = self
            .builder()
            .env("CLOUDHSM_BACKUP_OPERATOR_AWS_QPS", "100000")
            .env("CLOUDHSM_BACKUP_OPERATOR_AWS_BURST", "100000");
        self.start(unlimited.args(["--resync-interval", resync]))
    }

    /// Starts an operator as users start it.
    pub(crate) fn operator_with_default_limits(&self) -> Operator {
        self.start(self.builder())
    }

    fn builder(&self) -> OperatorBuilder {
        Operator::builder(&self.binary)
            .kubeconfig(&self.kubeconfig)
            .aws(&format!("http://{}", self.wire.address), ACCOUNT)
            .args(["--namespace", &self.namespace, "--leader-elect=false"])
    }

    fn start(&self, builder: OperatorBuilder) -> Operator {
        let operator = builder.start();
        self.leash.operator(operator.id());
        operator
    }

    /// Ends an operator as a pod's end does.
    pub(crate) async fn stop(&self, operator: Operator) {
        operator.terminate();
        operator.wait_exit(Duration::from_secs(40)).await;
        self.leash.no_operator();
    }

    /// Waits until an operator, started at `start`, has looked at all objects and says so in its metrics. `since` is the number in
    /// AWS's log at the start. None if `patience` isn't enough; the coverage tells how far it came.
    pub(crate) async fn all_seen(
        &self,
        operator: &Operator,
        count: usize,
        (start, since): (Instant, u64),
        patience: Duration,
    ) -> (Option<AllSeen>, Coverage) {
        let mut coverage = Coverage::default();
        let mut next = since;
        let mut looked = None;
        while start.elapsed() < patience {
            alive(operator);
            let requests;
            (requests, next) = self.control.requests(next).await;
            coverage.add(&requests);
            if looked.is_none() && coverage.seen(count) >= count {
                looked = Some(start.elapsed());
            }
            // The page of metrics is long, so it isn't asked for before it can be complete.
            if let Some(looked) = looked
                && told(operator).await >= count
            {
                return (Some(AllSeen { looked, told: start.elapsed() }), coverage);
            }
            sleep(GLANCE).await;
        }
        (None, coverage)
    }

    /// Waits until the operator is through with these objects.
    pub(crate) async fn settled(&self, objects: &[usize], patience: Duration) -> Result<(), TooLong> {
        let end = Instant::now() + patience;
        for n in objects {
            while !self.objects.is_settled(*n).await {
                if Instant::now() > end {
                    return Err(TooLong(format!("after {patience:?} {} isn't settled", objects::name(*n))));
                }
                sleep(GLANCE).await;
            }
        }
        Ok(())
    }

    /// Declares these `Present`, and waits until that is so.
    pub(crate) async fn restore(&self, objects: &[usize]) -> Result<(), TooLong> {
        objects::each(objects.iter().copied(), async |n| self.objects.declare(n, "Present").await.map(drop)).await;
        self.settled(objects, Duration::from_secs(120)).await
    }

    /// CPU time of the API server and etcd so far.
    pub(crate) fn control_plane_cpu(&self) -> Duration {
        self.api_server.cpu() + self.etcd.cpu()
    }
}

/// Waits until an operator says that it is ready; how long that took.
pub(crate) async fn ready(operator: &Operator, start: Instant) -> Duration {
    while operator.http_get("/readyz").await.is_ok_and(|(status, _)| status != 200) {
        alive(operator);
        sleep(GLANCE).await;
    }
    start.elapsed()
}

/// How many objects its metrics tell of.
async fn told(operator: &Operator) -> usize {
    let (_, metrics) = operator.http_get("/metrics").await.expect("metrics");
    metrics.lines().filter(|line| line.starts_with("cloudhsm_backup_ready{")).count()
}

fn alive(operator: &Operator) {
    if let Some(status) = operator.try_exit() {
        panic!("the operator has ended: {status}: {}", operator.logs());
    }
}
