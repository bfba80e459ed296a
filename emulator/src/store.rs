//! All backups, by account and region, then by id.

use crate::backup::{Backup, Scope};
use crate::history::History;
use crate::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

type Shelf = BTreeMap<Arc<str>, History>;

/// The backups of every account and region.
#[derive(Debug, Default)]
pub(crate) struct Store {
    shelves: BTreeMap<Scope, Shelf>,
}

impl Store {
    pub(crate) fn put(&mut self, scope: &Scope, history: History) {
        let id = Arc::clone(&history.truth().id);
        self.shelves.entry(scope.clone()).or_default().insert(id, history);
    }

    pub(crate) fn get(&self, scope: &Scope, id: &str) -> Option<&History> {
        self.shelves.get(scope)?.get(id)
    }

    pub(crate) fn get_mut(&mut self, scope: &Scope, id: &str) -> Option<&mut History> {
        self.shelves.get_mut(scope)?.get_mut(id)
    }

    pub(crate) fn of(&self, scope: &Scope) -> impl Iterator<Item = &History> {
        self.shelves.get(scope).into_iter().flat_map(BTreeMap::values)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Scope, &Arc<Backup>)> {
        self.shelves.iter().flat_map(|(scope, shelf)| shelf.values().map(move |history| (scope, history.truth())))
    }

    /// Takes the backups with this id out of the scopes that `limit` lets through; answers how many.
    pub(crate) fn remove(&mut self, id: &str, limit: impl Fn(&Scope) -> bool) -> usize {
        let mut removed = 0;
        for (_, shelf) in self.shelves.iter_mut().filter(|(scope, _)| limit(scope)) {
            removed += usize::from(shelf.remove(id).is_some());
        }
        removed
    }

    pub(crate) fn settle(&mut self, now: Millis, lag: i64) {
        for history in self.shelves.values_mut().flat_map(BTreeMap::values_mut) {
            history.settle(now, lag);
        }
    }

    pub(crate) fn settle_scope(&mut self, scope: &Scope, now: Millis, lag: i64) {
        for history in self.shelves.get_mut(scope).into_iter().flat_map(BTreeMap::values_mut) {
            history.settle(now, lag);
        }
    }
}
