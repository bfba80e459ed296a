//! Whether every watched namespace was listed or refused.

use std::sync::Arc;

use kube::runtime::watcher;
use tokio::sync::watch;

use crate::refusal::InWords;

/// Shared between the watches, which report, and those who wait or ask.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<Vec<Watch>>>);

/// How far a watch is.
#[derive(Clone, Debug, PartialEq)]
enum Watch {
    /// It hasn't listed yet, for this reason.
    Waiting(String),
    /// All its objects are known.
    Listed,
    /// It isn't allowed to list its namespace.
    Refused,
}

impl Readiness {
    /// For that many watches.
    #[must_use]
    pub fn new(watches: usize) -> Self {
        Self(Arc::new(watch::Sender::new(vec![Watch::Waiting("the objects aren't listed yet".into()); watches.max(1)])))
    }

    /// Why it isn't ready; `None` when it is.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let watches = self.0.borrow();
        watches.iter().find_map(|watch| match watch {
            Watch::Waiting(why) => Some(why.clone()),
            Watch::Listed | Watch::Refused => None,
        })
    }

    /// Waits until it is ready.
    pub async fn known(&self) {
        let mut changes = self.0.subscribe();
        let waiting = |watches: &Vec<Watch>| watches.iter().any(|watch| matches!(watch, Watch::Waiting(_)));
        // It fails only without senders, and `self` is one.
        let _ = changes.wait_for(|watches| !waiting(watches)).await;
    }

    pub(super) fn listed(&self, index: usize) {
        self.set(index, Watch::Listed);
    }

    pub(super) fn failed(&self, index: usize, namespace: Option<&str>, error: &watcher::Error) {
        let place = namespace.map_or_else(|| "all namespaces".to_owned(), |namespace| format!("namespace {namespace}"));
        let code = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code,
            _ => 0,
        };
        let error = in_words(error);
        match (code, namespace) {
            (403, Some(_)) => {
                if self.set(index, Watch::Refused) {
                    tracing::warn!(namespace, error, "the namespace can't be listed; the others are served");
                }
            }
            (404, _) => {
                let why = "the CRD cloudhsmbackups.cloudhsm.dev is missing: apply it with \
                           `cloudhsm-backup-operator crd | kubectl apply -f -`";
                if self.set(index, Watch::Waiting(why.into())) {
                    tracing::warn!("{why}");
                }
            }
            _ => {
                tracing::warn!(error, "the watch of {place} failed and is tried again");
                let waits = matches!(self.0.borrow().get(index), Some(Watch::Waiting(_)));
                if waits {
                    self.set(index, Watch::Waiting(format!("{place} can't be listed: {error}")));
                }
            }
        }
    }

    /// Whether that is news.
    fn set(&self, index: usize, state: Watch) -> bool {
        self.0.send_if_modified(|watches| match watches.get_mut(index) {
            Some(watch) if *watch != state => {
                *watch = state;
                true
            }
            _ => false,
        })
    }
}

/// What went wrong with a watch, without the answer of the API server as Rust prints it.
fn in_words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => InWords(error).to_string(),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}
