//! Which objects name which backup, so that two that contradict each other are found. An index over what the watches delivered.

use std::{collections::HashMap, sync::Arc};

use crate::{
    backup::{BackupId, Scope},
    intent::Intent,
    message::Rival,
};

/// An object's namespace and name. Cheap to clone: each is kept in several places.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// Of these names.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The index.
#[derive(Debug, Default)]
pub struct Claims {
    /// Nearly always one object; in the order of names.
    by_backup: HashMap<BackupId, Vec<Claim>>,
    by_object: HashMap<ObjectKey, BackupId>,
}

#[derive(Debug)]
struct Claim {
    object: ObjectKey,
    intent: Intent,
}

impl Claims {
    /// Takes in what an object asks for now; `None` when it is gone. Returns the other objects that name the same backup and may
    /// have come into conflict by it, or out of it.
    pub fn set(&mut self, object: &ObjectKey, intent: Option<Intent>) -> Vec<ObjectKey> {
        let mut affected = Vec::new();
        let before = self.by_object.get(object).cloned();
        if let Some(id) = before.filter(|id| intent.as_ref().is_none_or(|intent| intent.backup_id != *id)) {
            self.remove(object, &id);
            affected.extend(self.others(&id, object));
        }
        if let Some(intent) = intent {
            let id = intent.backup_id;
            let claims = self.by_backup.entry(id).or_insert_with(|| Vec::with_capacity(1));
            let same = match claims.binary_search_by(|claim| claim.object.cmp(object)) {
                Ok(at) => claims.get_mut(at).is_some_and(|claim| {
                    let old = std::mem::replace(&mut claim.intent, intent);
                    old.claims() == claim.intent.claims()
                        && old.desired == claim.intent.desired
                        && old.never_expires == claim.intent.never_expires
                        && old.scope == claim.intent.scope
                }),
                Err(at) => {
                    claims.insert(at, Claim { object: object.clone(), intent });
                    false
                }
            };
            self.by_object.entry(object.clone()).or_insert(id);
            if !same {
                affected.extend(self.others(&id, object));
            }
        }
        affected
    }

    /// Takes in what a known object asks for as a pass reads it, such as with a default region found since. An object that isn't known,
    /// or is another one of that name, claims nothing: only the watch tells what there is.
    pub fn refresh(&mut self, object: &ObjectKey, intent: &Intent) -> Vec<ObjectKey> {
        if self.is_known(object, &intent.uid) { self.set(object, Some(intent.clone())) } else { Vec::new() }
    }

    /// Whether the watch knows the object, with that uid.
    #[must_use]
    pub fn is_known(&self, object: &ObjectKey, uid: &str) -> bool {
        self.of(object).is_some_and(|known| known.uid == uid)
    }

    /// The names of an object, as they are kept here; `None` when the watch doesn't know it, or another one of that name.
    #[must_use]
    pub fn known(&self, object: &ObjectKey, uid: &str) -> Option<&ObjectKey> {
        self.by_object.get_key_value(object).map(|(key, _)| key).filter(|key| self.is_known(key, uid))
    }

    /// The object, first in the order of names, that contradicts this one.
    #[must_use]
    pub fn rival(&self, object: &ObjectKey, intent: &Intent) -> Option<Rival> {
        let claims = self.by_backup.get(&intent.backup_id)?;
        let rival = claims.iter().find(|other| other.object != *object && intent.disagrees_with(&other.intent))?;
        Some(Rival { object: rival.object.to_string(), intent: rival.intent.clone() })
    }

    /// What an object asks for.
    #[must_use]
    pub fn of(&self, object: &ObjectKey) -> Option<&Intent> {
        let claims = self.by_backup.get(self.by_object.get(object)?)?;
        claims.iter().find(|claim| claim.object == *object).map(|claim| &claim.intent)
    }

    /// The objects that name that backup.
    #[must_use]
    pub fn naming(&self, scope: &Scope, id: &BackupId) -> Vec<ObjectKey> {
        let claims = self.by_backup.get(id).into_iter().flatten();
        let there = claims.filter(|claim| claim.intent.scope.as_ref() == Some(scope));
        there.map(|claim| claim.object.clone()).collect()
    }

    /// The known objects of a namespace, or of all.
    #[must_use]
    pub fn objects(&self, namespace: Option<&str>) -> Vec<ObjectKey> {
        let within = |key: &&ObjectKey| namespace.is_none_or(|namespace| *key.namespace == *namespace);
        self.by_object.keys().filter(within).cloned().collect()
    }

    fn remove(&mut self, object: &ObjectKey, id: &BackupId) {
        self.by_object.remove(object);
        if let Some(claims) = self.by_backup.get_mut(id) {
            claims.retain(|claim| claim.object != *object);
            if claims.is_empty() {
                self.by_backup.remove(id);
            }
        }
    }

    /// The other objects that name the backup of this one.
    #[must_use]
    pub fn sharing(&self, object: &ObjectKey) -> Vec<ObjectKey> {
        self.by_object.get(object).map(|id| self.others(id, object)).unwrap_or_default()
    }

    fn others(&self, id: &BackupId, except: &ObjectKey) -> Vec<ObjectKey> {
        let claims = self.by_backup.get(id).into_iter().flatten();
        claims.map(|claim| &claim.object).filter(|object| *object != except).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        api::DesiredState,
        backup::{Region, Scope},
    };

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("hsm", name)
    }

    fn intent(desired: DesiredState) -> Intent {
        Intent {
            uid: "u".into(),
            generation: 1,
            scope: Some(Scope::of_operator(Region::new("us-east-1"))),
            backup_id: "backup-ro5c4er4aac".parse().unwrap(),
            desired,
            never_expires: None,
            suspend: false,
            deleting: false,
        }
    }

    fn with(change: impl FnOnce(&mut Intent)) -> Intent {
        let mut intent = intent(DesiredState::Deleted);
        change(&mut intent);
        intent
    }

    #[rstest]
    #[case::another_desired_state(with(|_| ()), true)]
    #[case::agreement(with(|i| i.desired = DesiredState::Present), false)]
    #[case::a_suspended_object_claims_nothing(with(|i| i.suspend = true), false)]
    #[case::nor_does_one_on_its_way_out(with(|i| i.deleting = true), false)]
    #[case::another_region_is_another_backup(with(|i| i.scope = Some(Scope::of_operator(Region::new("eu-west-1")))), false)]
    #[case::so_is_another_id(with(|i| i.backup_id = "backup-zzzzzzzzzzz".parse().unwrap()), false)]
    #[case::an_absent_never_expires_claims_nothing(with(|i| { i.desired = DesiredState::Present; i.never_expires = Some(true) }), false)]
    fn two_objects_conflict_when_they_contradict_each_other(#[case] other: Intent, #[case] conflict: bool) {
        let mine = intent(DesiredState::Present);
        let mut claims = Claims::default();
        claims.set(&key("a"), Some(mine.clone()));
        claims.set(&key("b"), Some(other.clone()));
        assert_eq!(claims.rival(&key("a"), &mine).map(|rival| rival.object), conflict.then(|| "hsm/b".into()));
        assert_eq!(claims.rival(&key("b"), &other).map(|rival| rival.object), conflict.then(|| "hsm/a".into()));
    }

    #[test]
    fn contradicting_never_expires_is_a_conflict_too() {
        let mine = with(|i| i.never_expires = Some(true));
        let other = with(|i| i.never_expires = Some(false));
        let mut claims = Claims::default();
        claims.set(&key("a"), Some(mine.clone()));
        claims.set(&key("b"), Some(other));
        assert!(claims.rival(&key("a"), &mine).is_some());
    }

    #[test]
    fn a_pass_over_an_object_that_is_gone_claims_nothing() {
        let mut claims = Claims::default();
        let ghost = intent(DesiredState::Present);
        claims.refresh(&key("a"), &ghost);
        assert!(!claims.is_known(&key("a"), "u"));
        claims.set(&key("a"), Some(with(|i| i.uid = "another".into())));
        claims.refresh(&key("a"), &ghost);
        assert!(claims.is_known(&key("a"), "another"));
    }

    #[test]
    fn those_that_name_the_same_backup_are_woken_by_a_change_that_matters_only() {
        let mut claims = Claims::default();
        claims.set(&key("a"), Some(intent(DesiredState::Present)));
        assert_eq!(claims.set(&key("b"), Some(intent(DesiredState::Deleted))), [key("a")]);
        assert!(claims.set(&key("b"), Some(with(|i| i.generation = 2))).is_empty());
        assert_eq!(claims.set(&key("b"), Some(with(|i| i.suspend = true))), [key("a")]);
        assert_eq!(claims.set(&key("b"), None), [key("a")]);
        assert!(claims.set(&key("a"), None).is_empty());
        let scope = Scope::of_operator(Region::new("us-east-1"));
        assert!(claims.naming(&scope, &"backup-ro5c4er4aac".parse().unwrap()).is_empty());
    }
}
