//! What the API server itself counts.

use hyper::http::Request;
use kube::Client;

/// Requests for the objects and for events, and what etcd was told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// PATCHes of the objects' status.
    pub(crate) status_patches: f64,
    /// PATCHes of objects, status or not.
    pub(crate) patches: f64,
    /// GETs of single objects.
    pub(crate) gets: f64,
    /// LISTs.
    pub(crate) lists: f64,
    /// Revisions of objects and events that etcd told the API server of.
    pub(crate) revisions: f64,
    /// POSTs and PATCHes of events.
    pub(crate) events: f64,
}

impl Counts {
    pub(crate) async fn read(client: &Client) -> Self {
        let request = Request::get("/metrics").body(Vec::new()).expect("a request");
        let text = client.request_text(request).await.expect("the API server's metrics");
        let mut counts = Self::default();
        for line in text.lines() {
            if let Some(value) = line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()) {
                counts.add(line, value);
            }
        }
        counts
    }

    fn add(&mut self, line: &str, value: f64) {
        let has = |label: &str| line.contains(label);
        let objects = has("resource=\"cloudhsmbackups\"");
        let events = has("resource=\"events\"");
        if line.starts_with("apiserver_storage_events_received_total{") && (objects || events) {
            self.revisions += value;
        }
        if !line.starts_with("apiserver_request_total{") {
            return;
        }
        if objects && has("verb=\"PATCH\"") {
            self.patches += value;
            self.status_patches += if has("subresource=\"status\"") { value } else { 0.0 };
        } else if objects && has("verb=\"GET\"") {
            self.gets += value;
        } else if objects && has("verb=\"LIST\"") {
            self.lists += value;
        } else if events && (has("verb=\"PATCH\"") || has("verb=\"POST\"")) {
            self.events += value;
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            status_patches: self.status_patches - before.status_patches,
            patches: self.patches - before.patches,
            gets: self.gets - before.gets,
            lists: self.lists - before.lists,
            revisions: self.revisions - before.revisions,
            events: self.events - before.events,
        }
    }
}
