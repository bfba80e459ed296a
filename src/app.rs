//! Builds the parts and runs them until told to stop.

use std::time::Duration;

use futures::FutureExt;
use kube::{Client, client::ClientBuilder};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tower::timeout::TimeoutLayer;

use crate::{
    admin,
    args::RunArguments,
    aws::Aws,
    backup::Region,
    clock::Clock,
    controller::{self, Readiness, Settings, Signals},
    inventory::{self, Inventory, Rate},
    leadership::Leadership,
    lease::Candidate,
    liveness::Liveness,
    metrics::Metrics,
};

/// How long the API server may take to say that it is there.
const API_SERVER: Duration = Duration::from_secs(15);

/// How long it may take to connect to it, with the TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer may take to begin, connecting included: that of a list or of a watch too, which have no deadline of their own.
const ANSWER: Duration = Duration::from_secs(15);

/// A connection on which nothing was written or read for so long is closed, be it idle, half-open, or silent in the midst of an answer.
/// A watch that is well isn't: the API server ends it before.
const SILENCE: Duration = Duration::from_secs(controller::WATCH.as_secs() + 5);

/// Why the operator can't start, or has to stop.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no way to reach Kubernetes.
    #[error("no access to Kubernetes: {0}; run in a pod, or set KUBECONFIG")]
    Kubeconfig(String),
    /// The API server doesn't answer.
    #[error("the API server at {url} can't be reached: {why}")]
    ApiServer {
        /// Its address.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The address to listen on can't be had.
    #[error("can't listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
    /// Another process may lead now.
    #[error("{0}")]
    Lease(String),
    /// The process can't do what every process can.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it can't start, or lost its Lease.
pub async fn run(arguments: RunArguments) -> Result<(), AppError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    };
    serve(&arguments, stop.shared()).await
}

async fn serve(arguments: &RunArguments, stop: impl Future<Output = ()> + Clone) -> Result<(), AppError> {
    let metrics = Metrics::new();
    let namespaces = arguments.namespaces();
    let readiness = Readiness::new(namespaces.len());
    let leadership = if arguments.leader_elect { Leadership::of_candidate() } else { Leadership::without_election() };
    let listener =
        admin::bind(arguments.listen).await.map_err(|source| AppError::Listen { address: arguments.listen, source })?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let liveness = Liveness::default();
    // Tasks of their own: what blocks the task that all else runs in must not keep the probe from telling so.
    let admin =
        tokio::spawn(admin::serve(listener, readiness.clone(), leadership.clone(), liveness.clone(), metrics.clone()));
    let timekeeper = liveness.clone();
    tokio::spawn(async move { timekeeper.keep_time().await });
    let operate = async {
        let client = tokio::select! {
            client = connect() => client?,
            // Nothing is in flight yet.
            () = stop.clone() => return Ok(()),
        };
        let aws = Aws::from_env(metrics.clone(), leadership.clone()).await;
        let region = match arguments.region.as_ref().filter(|region| !region.is_empty()) {
            Some(region) => Some(Region::new(region.as_str())),
            None => aws.default_region().await,
        };
        let rate = Rate { burst: arguments.aws_burst, per_second: arguments.aws_qps };
        let economy = inventory::Settings { resync: arguments.resync_interval, rate };
        let inventory = Inventory::new(aws, Clock::system(), metrics.clone(), liveness.clone(), economy);
        let settings = Settings { mode: arguments.mode, region, namespaces, resync: arguments.resync_interval };
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            mode = settings.mode.as_str(),
            region = settings.region.as_ref().map(tracing::field::display),
            namespaces = ?settings.namespaces,
            resync_interval = ?settings.resync,
            leader_elect = arguments.leader_elect,
            "starting"
        );
        let candidate = arguments.leader_elect.then(|| {
            let namespace = arguments.lease_namespace.as_ref().filter(|namespace| !namespace.is_empty());
            let namespace = namespace.map_or(client.default_namespace(), String::as_str);
            Candidate::new(client.clone(), namespace, &arguments.lease_name, leadership.clone(), metrics.clone())
        });
        let signals = Signals { readiness: readiness.clone(), leadership, liveness };
        let work = controller::run(client, inventory, settings, metrics, signals, stop);
        match candidate {
            Some(candidate) => elected(&candidate, &readiness, work).await,
            None => {
                work.await;
                Ok(())
            }
        }
    };
    tokio::select! {
        result = operate => result,
        result = admin => Ok(result.map_err(std::io::Error::other)??),
    }
}

/// Works as long as the Lease is held, and gives it back when the work has ended.
async fn elected(candidate: &Candidate, readiness: &Readiness, work: impl Future<Output = ()>) -> Result<(), AppError> {
    // A task of its own, so that no other work keeps a renewal waiting.
    let mut election = JoinSet::new();
    let (standing, readiness) = (candidate.clone(), readiness.clone());
    election.spawn(async move {
        // One that doesn't see the objects doesn't take the Lease from one that does.
        readiness.known().await;
        standing.run().await
    });
    tokio::select! {
        biased;
        Some(lost) = election.join_next() => return Err(AppError::Lease(chain(&lost.map_err(std::io::Error::from)?))),
        () = work => {}
    }
    election.shutdown().await;
    candidate.release().await;
    Ok(())
}

/// A client for the API server, which must answer once: an operator that can't reach it shall say so and end.
async fn connect() -> Result<Client, AppError> {
    let mut config = kube::Config::infer().await.map_err(|error| AppError::Kubeconfig(chain(&error)))?;
    // Every call has its own deadline and its own retry; the client's would wait for up to 1,000 s between attempts.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    let url = config.cluster_url.to_string();
    let builder = ClientBuilder::try_from(config).map_err(|error| AppError::Kubeconfig(chain(&error)))?;
    let client = builder.with_layer(&TimeoutLayer::new(ANSWER)).build();
    match tokio::time::timeout(API_SERVER, client.apiserver_version()).await {
        Ok(Ok(_)) => Ok(client),
        // It answers, and that is what was asked; whether it lets us list is for readiness to tell.
        Ok(Err(kube::Error::Api(status))) if status.code == 401 || status.code == 403 => Ok(client),
        Ok(Err(error)) => Err(AppError::ApiServer { url, why: chain(&error) }),
        Err(_) => Err(AppError::ApiServer { url, why: format!("no answer within {API_SERVER:?}") }),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
