//! What the watch has delivered is noted before the passes hear of it: which objects there are, and what they claim.

use std::{collections::HashSet, sync::Arc};

use futures::{Stream, StreamExt, future};
use kube::{Api, runtime::watcher};

use super::{
    Readiness,
    context::Context,
    object::{Watched, key_of},
    watch,
};
use crate::claims::ObjectKey;

/// The watch, with what it delivers noted in the index of claims. Its errors are retried for ever, and shown by readiness.
pub(super) fn watched(
    api: Api<Watched>,
    mut index: Index,
) -> impl Stream<Item = watcher::Result<watcher::Event<Watched>>> + Send {
    watch::enduring(api).filter_map(move |mut event| {
        index.note(&mut event);
        future::ready(event.ok().map(Ok))
    })
}

/// What one watch has delivered.
pub(super) struct Index {
    context: Arc<Context>,
    readiness: Readiness,
    namespace: Option<String>,
    watch: usize,
    /// The objects of the list that is under way.
    listed: HashSet<ObjectKey>,
    /// Those of them that need a pass. The cache shows none of the list before its end, so a pass would come too early.
    asking: Vec<ObjectKey>,
}

impl Index {
    pub(super) fn new(context: Arc<Context>, readiness: Readiness, namespace: Option<String>, watch: usize) -> Self {
        Self { context, readiness, namespace, watch, listed: HashSet::new(), asking: Vec::new() }
    }

    fn note(&mut self, event: &mut watcher::Result<watcher::Event<Watched>>) {
        match event {
            Ok(watcher::Event::Init) => {
                self.listed.clear();
                self.asking.clear();
            }
            Ok(watcher::Event::InitApply(object)) => {
                let key = key_of(&*object);
                self.context.note(object);
                if self.context.asks(object) {
                    self.asking.push(key.clone());
                }
                self.listed.insert(key);
            }
            Ok(watcher::Event::InitDone) => {
                let listed = std::mem::take(&mut self.listed);
                self.context.wake(std::mem::take(&mut self.asking));
                for key in self.context.known(self.namespace.as_deref()) {
                    if !listed.contains(&key) {
                        self.context.forget(&key);
                    }
                }
                self.readiness.listed(self.watch);
            }
            Ok(watcher::Event::Apply(object)) => self.context.note(object),
            Ok(watcher::Event::Delete(object)) => {
                let key = key_of(&*object);
                tracing::info!(object = %key, "the object is gone; nothing is changed in AWS");
                self.context.forget(&key);
            }
            Err(error) => self.readiness.failed(self.watch, self.namespace.as_deref(), error),
        }
    }
}
