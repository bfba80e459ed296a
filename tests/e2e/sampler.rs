//! Watches the operator's claims while a test goes on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cloudhsm_backup_operator::api::{CloudHsmBackup, READY};
use kube::{Api, ResourceExt};

use crate::world::World;

/// Compares what objects claim with AWS's truth, again and again. What was read of AWS between two reads of the same version of
/// an object was true while the object claimed it.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<usize>,
}

impl Sampler {
    /// Begins; `objects` are the names of the objects and the ids of their backups.
    pub(crate) fn start(world: &Arc<World>, objects: Vec<(String, String)>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, world) = (Arc::clone(&stop), Arc::clone(world));
        let task = tokio::spawn(async move {
            let api = world.api();
            let (mut claims, mut lies) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                for (name, id) in &objects {
                    match sample(&world, &api, name, id).await {
                        Claim::None => {}
                        Claim::True => claims += 1,
                        Claim::Lie(what) => lies.push(what),
                    }
                }
            }
            assert!(lies.is_empty(), "{lies:?}");
            claims
        });
        Self { stop, task }
    }

    /// Ends, and fails the test if there was a lie. Returns how often an object rightly said that all is as declared.
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

enum Claim {
    None,
    True,
    Lie(String),
}

async fn sample(world: &World, api: &Api<CloudHsmBackup>, name: &str, id: &str) -> Claim {
    let before = api.get(name).await.unwrap();
    let truth = world.state(id);
    let after = api.get(name).await.unwrap();
    let status = before.status.clone().unwrap_or_default();
    let ready = status.condition(READY).is_some_and(|ready| ready.status == "True");
    let current = status.observed_generation == before.metadata.generation;
    if !ready || !current || before.resource_version() != after.resource_version() {
        return Claim::None;
    }
    let declared = if before.spec.desired_state.as_str() == "Deleted" { "PENDING_DELETION" } else { "READY" };
    if truth == declared { Claim::True } else { Claim::Lie(format!("{name}: AWS is {truth}, and {status:?}")) }
}
