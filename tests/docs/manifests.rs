//! Every manifest in the documentation, taken by a real API server; and every bad example, refused by it.

use std::collections::{BTreeSet, HashSet};

use cloudhsm_backup_operator::api::{CloudHsmBackup, crds};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, ValidationDirective},
    core::GroupVersionKind,
    discovery::{Scope, oneshot},
};
use serde_json::{Value, json};
use test_support::{ControlPlane, DEADLINE, PublishedCrds, eventually};

use crate::{
    pages::{Block, Page, all},
    values,
};

/// What happens to the manifests of one page, one after the other, as its reader would have it.
struct Reader<'a> {
    control_plane: &'a ControlPlane,
    client: Client,
    others: &'a PublishedCrds,
    installed: HashSet<(String, String)>,
}

/// A block of manifests, and whether it is bad on purpose.
fn is_manifest(block: &Block) -> bool {
    matches!(block.info.as_str(), "yaml" | "yaml invalid") && !values::is_values(block)
}

/// Bad on purpose.
pub(crate) fn is_bad(block: &Block) -> bool {
    block.info == "yaml invalid"
}

/// The documents of a block.
fn documents(block: &Block) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&block.text).map_err(|error| format!("no YAML: {error}"))?;
    let whole = |document: &Value| document["apiVersion"].is_string() && document["kind"].is_string();
    if documents.is_empty() || !documents.iter().all(whole) {
        return Err("a block of yaml holds manifests, with apiVersion and kind, or Helm values below the line \
                    `# values.yaml`; for anything else choose another language"
            .into());
    }
    Ok(documents)
}

/// Whether what was refused was refused as the page says: by the text in the block below, where there is one.
pub(crate) fn as_told(told: &str, next: Option<&Block>) -> Result<(), String> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match next.filter(|block| block.info == "text") {
        Some(block) if !words(told).contains(&words(&block.text)) => {
            Err(format!("is refused, but not with the text below it: {told}"))
        }
        _ => Ok(()),
    }
}

impl<'a> Reader<'a> {
    async fn new(control_plane: &'a ControlPlane, others: &'a PublishedCrds) -> Self {
        control_plane.define(&crds()).await;
        Self { control_plane, client: control_plane.client().await, others, installed: HashSet::new() }
    }

    /// How a document is to be sent: where its kind is served, after its CRD was installed if need be.
    async fn api_of(&mut self, document: &Value) -> Result<Api<DynamicObject>, String> {
        let version = document["apiVersion"].as_str().unwrap();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = document["kind"].as_str().unwrap();
        if self.installed.insert((group.to_owned(), kind.to_owned()))
            && let Some(crd) = self.others.of_kind(group, kind)
        {
            self.control_plane.apply_crds(crd).await;
        }
        let kind = GroupVersionKind::gvk(group, version, kind);
        // A CRD that has just been established may not be served for a moment.
        let found = if self.others.of_kind(group, &kind.kind).is_some() {
            let what = format!("{} is served", kind.kind);
            let client = self.client.clone();
            eventually(&what, DEADLINE, async || {
                oneshot::pinned_kind(&client, &kind).await.map_err(|error| error.to_string())
            })
            .await
        } else {
            oneshot::pinned_kind(&self.client, &kind).await.map_err(|error| format!("no such kind: {error}"))?
        };
        let (resource, capabilities) = found;
        Ok(match capabilities.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => {
                let namespace = document["metadata"]["namespace"].as_str().unwrap_or("default");
                self.make_namespace(namespace).await;
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
        })
    }

    async fn make_namespace(&self, name: &str) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.patch(name, &PatchParams::apply("the-reader").force(), &Patch::Apply(&namespace)).await.unwrap();
    }

    async fn apply(&mut self, document: &Value, dry_run: bool) -> Result<(), String> {
        let api = self.api_of(document).await?;
        let name = document["metadata"]["name"].as_str().ok_or("it has no name")?;
        let mut params = PatchParams::apply("the-docs").force();
        params.field_validation = Some(ValidationDirective::Strict);
        params.dry_run = dry_run;
        api.patch(name, &params, &Patch::Apply(document)).await.map(drop).map_err(|error| match error {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        })
    }

    /// What is wrong with a block, where something is.
    async fn read(&mut self, at: &str, block: &Block, next: Option<&Block>) -> Result<(), String> {
        let documents = documents(block)?;
        if !is_bad(block) {
            for document in &documents {
                self.apply(document, false).await?;
            }
            return Ok(());
        }
        // One that isn't even served would be refused for the wrong reason.
        for document in &documents {
            self.api_of(document).await?;
        }
        // A policy comes into effect some moments after it was taken. A thing that is refused stays so.
        let told = eventually(&format!("the bad example at {at} is refused"), DEADLINE, async || {
            for document in &documents {
                if let Err(told) = self.apply(document, true).await {
                    return Ok(told);
                }
            }
            Err(format!("it was taken: {}", block.text))
        })
        .await;
        as_told(&told, next)
    }

    /// Takes away what the next page would stumble over: two pages may have different things to say about one name.
    async fn clean(&self) {
        for namespace in Api::<Namespace>::all(self.client.clone()).list(&ListParams::default()).await.unwrap() {
            let api: Api<CloudHsmBackup> = Api::namespaced(self.client.clone(), &namespace.name_any());
            api.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_manifest_is_taken_by_the_api_server_and_every_bad_example_refused() {
    let others = PublishedCrds::fetch();
    let mut reader = Reader::new(ControlPlane::shared().await, &others).await;
    let mut wrong = Vec::new();
    let (mut good, mut bad) = (0, 0);
    for page in all() {
        let blocks = page.blocks();
        if !blocks.iter().any(is_manifest) {
            continue;
        }
        // Policies hold for the whole cluster, and would judge other pages too.
        let has_policy = blocks.iter().any(|block| block.text.contains("kind: ValidatingAdmissionPolicy"));
        wrong.extend(if has_policy {
            let own = ControlPlane::without_controllers().await;
            read_page(&mut Reader::new(&own, &others).await, &page, &blocks).await
        } else {
            read_page(&mut reader, &page, &blocks).await
        });
        good += blocks.iter().filter(|block| is_manifest(block) && !is_bad(block)).count();
        bad += blocks.iter().filter(|block| is_manifest(block) && is_bad(block)).count();
    }
    assert!(wrong.is_empty(), "{} of {} blocks of yaml:\n{}", wrong.len(), good + bad, wrong.join("\n"));
    assert!(good > 10 && bad > 0, "{good} good and {bad} bad manifests were found");
}

async fn read_page(reader: &mut Reader<'_>, page: &Page, blocks: &[Block]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| is_manifest(block)) {
        let at = page.at(block.line);
        if let Err(why) = reader.read(&at, block, blocks.get(index + 1)).await {
            wrong.push(format!("{at}: {why}"));
        }
    }
    reader.clean().await;
    wrong
}

#[test]
fn no_block_is_yaml_under_another_name() {
    let known = BTreeSet::from([
        "",
        "bash",
        "console",
        "go",
        "hcl",
        "ini",
        "jq",
        "json",
        "lua",
        "promql",
        "python",
        "rust",
        "sh",
        "text",
        "toml",
        "yaml",
        "yaml invalid",
    ]);
    let mut wrong = Vec::new();
    for page in all() {
        for block in page.blocks() {
            let hidden = !is_manifest(&block) && block.text.contains("apiVersion: ") && block.info != "console";
            if !known.contains(block.info.as_str()) || (hidden && !matches!(block.info.as_str(), "jq" | "lua" | "hcl"))
            {
                wrong.push(format!("{}: {:?}", page.at(block.line), block.info));
            }
        }
    }
    assert!(wrong.is_empty(), "use one of {known:?}, and yaml for manifests: {wrong:#?}");
}

#[test]
fn json_can_be_parsed() {
    let mut wrong = Vec::new();
    for page in all() {
        for block in page.blocks().iter().filter(|block| block.info == "json") {
            if let Err(error) = serde_json::from_str::<Value>(&block.text) {
                wrong.push(format!("{}: {error}", page.at(block.line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
