//! Many objects at once.

use std::collections::BTreeMap;

use futures::future::join_all;
use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};
use test_support::{DEADLINE, Operator, eventually};

use crate::world::{World, id, ready, ready_condition};

/// The name of the `n`-th object, which names the backup `id(n)`.
pub(crate) fn name(n: usize) -> String {
    format!("object-{n}")
}

impl World {
    /// Puts READY backups into AWS: those of the objects of that range.
    pub(crate) fn backups(&self, range: std::ops::Range<usize>) {
        let backups: Vec<Value> = range.map(|n| json!({"BackupId": id(n), "NeverExpires": false})).collect();
        self.emulator.put_backups(json!(backups)).unwrap();
    }

    /// Declares objects that want their backups to be there.
    pub(crate) async fn declare_all(&self, range: std::ops::Range<usize>) {
        for chunk in range.collect::<Vec<_>>().chunks(25) {
            join_all(chunk.iter().map(|n| async { self.declare(&name(*n), &id(*n), "Present", json!({})).await }))
                .await;
        }
    }

    /// Changes what these objects want, all at once.
    pub(crate) async fn flip_all(&self, range: std::ops::Range<usize>, desired: &str) {
        join_all(range.map(|n| async move { self.edit(&name(n), json!({"desiredState": desired})).await })).await;
    }

    /// Waits until that many objects have that reason for what they want now.
    pub(crate) async fn all_are(&self, reason: &str, count: usize) {
        let api = self.api();
        eventually(&format!("{count} objects are {reason}"), DEADLINE * 2, async || {
            let objects = api.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
            for object in objects {
                let status = object.status.clone().unwrap_or_default();
                let seen = status.observed_generation == object.metadata.generation && !status.conditions.is_empty();
                let reason = if seen { ready_condition(&object).reason } else { "unseen".to_owned() };
                *reasons.entry(reason).or_default() += 1;
            }
            if reasons.get(reason) == Some(&count) { Ok(()) } else { Err(format!("{reasons:?}")) }
        })
        .await;
    }

    /// The version of each object.
    pub(crate) async fn versions(&self) -> BTreeMap<String, Option<String>> {
        let objects = self.api().list(&ListParams::default()).await.unwrap();
        objects.into_iter().map(|object| (object.name_any(), object.resource_version())).collect()
    }

    /// The requests of AWS's log from the `since`-th on that look at backups, each with the ids it asks for; `None` for a listing.
    pub(crate) fn looks_since(&self, since: usize) -> Vec<Option<Vec<String>>> {
        let requests = self.emulator.requests(since);
        let looks = requests.iter().filter(|request| request["op"] == "DescribeBackups");
        let of = |request: &Value| {
            let ids = request["input"]["Filters"]["backupIds"].as_array()?;
            Some(ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect())
        };
        looks.map(of).collect()
    }

    /// Waits until each of these backups has been looked at so many times since a request, and returns the looks that it took.
    pub(crate) async fn looked_at(&self, range: std::ops::Range<usize>, since: usize, wanted: usize) -> usize {
        eventually("all are looked at", DEADLINE, async || {
            let looks = self.looks_since(since);
            let requests = self.emulator.requests(since);
            let further =
                |request: &&Value| request["op"] == "DescribeBackups" && request["input"]["NextToken"].is_string();
            // All pages of a listing are one look.
            let further = requests.iter().filter(further).count();
            let fewest = range.clone().map(|n| {
                let id = id(n);
                looks.iter().filter(|ids| ids.as_ref().is_none_or(|ids| ids.contains(&id))).count() - further
            });
            let fewest = fewest.min().unwrap_or_default();
            if fewest >= wanted { Ok(looks.len()) } else { Err(format!("{fewest} times")) }
        })
        .await
    }
}

/// An operator with these flags that is ready.
pub(crate) async fn started_with(world: &World, resync: &str, flags: &[&str]) -> Operator {
    ready(world.operator().env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", resync).args(flags).start()).await
}

/// As many requests as it likes.
pub(crate) const FAST: [&str; 2] = ["--aws-qps=1000", "--aws-burst=1000"];
