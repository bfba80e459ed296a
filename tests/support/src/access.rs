//! Kubeconfigs that may do what they are granted and nothing else.

use std::path::PathBuf;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::{ControlPlane, DEADLINE, eventually};

/// Rules, and where they hold.
#[derive(Clone, Debug)]
pub struct Grant {
    namespace: Option<String>,
    rules: Vec<PolicyRule>,
}

impl Grant {
    /// Rules for the whole cluster: a ClusterRole and its binding.
    #[must_use]
    pub fn cluster(rules: impl Into<Vec<PolicyRule>>) -> Self {
        Self { namespace: None, rules: rules.into() }
    }

    /// Rules for one namespace: a Role and its binding.
    #[must_use]
    pub fn namespaced(namespace: &str, rules: impl Into<Vec<PolicyRule>>) -> Self {
        Self { namespace: Some(namespace.to_owned()), rules: rules.into() }
    }

    /// The role and its binding to a service account.
    fn objects(&self, name: &str, account_namespace: &str, account: &str) -> [Value; 2] {
        let kind = if self.namespace.is_some() { "Role" } else { "ClusterRole" };
        let group = "rbac.authorization.k8s.io";
        let api_version = format!("{group}/v1");
        let metadata = json!({ "name": name, "namespace": self.namespace });
        [
            json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "rules": self.rules }),
            json!({
                "apiVersion": api_version,
                "kind": format!("{kind}Binding"),
                "metadata": metadata,
                "roleRef": { "apiGroup": group, "kind": kind, "name": name },
                "subjects": [{ "kind": "ServiceAccount", "namespace": account_namespace, "name": account }],
            }),
        ]
    }
}

/// A rule, written as in a manifest: API group, resources (`pods`, `pods/status`) and verbs.
#[must_use]
pub fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

impl ControlPlane {
    /// Makes a service account with these rights, and a kubeconfig for it, once the rights are in effect.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str, grants: &[Grant]) -> PathBuf {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace },
        });
        let roles = grants.iter().enumerate().flat_map(|(index, grant)| {
            // ClusterRoles of all namespaces share one set of names.
            grant.objects(&format!("{namespace}-{name}-{index}"), namespace, name)
        });
        let items: Vec<Value> = std::iter::once(account).chain(roles).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        let output = self.kubectl_with_input(&["create", "-f", "-"], &list.to_string()).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "creating service account {namespace}/{name}: {stderr}");

        self.wait_until_in_effect(namespace, name, grants).await;
        self.kubeconfig_of_service_account(namespace, name).await
    }

    /// Waits until a service account may do what it was granted.
    pub async fn wait_until_in_effect(&self, namespace: &str, name: &str, grants: &[Grant]) {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let client = self.client().await;
        for grant in grants {
            wait_until_in_effect(&client, &user, grant).await;
        }
    }

    /// A kubeconfig, with a token, for a service account that is there already.
    pub async fn kubeconfig_of_service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(24 * 60 * 60), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let token = Api::<ServiceAccount>::namespaced(self.client().await, namespace)
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|error| panic!("a token for service account {namespace}/{name}: {error}"))
            .status
            .expect("a token request is answered in its status")
            .token;

        let admin = Kubeconfig::read_from(self.kubeconfig()).expect("the administrator's kubeconfig");
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": admin.clusters,
            "users": [{ "name": name, "user": { "token": token } }],
            "contexts": [{
                "name": "test",
                "context": { "cluster": "test", "user": name, "namespace": namespace },
            }],
            "current-context": "test",
        });
        let path = self.dir().join(format!("{namespace}-{name}.kubeconfig"));
        std::fs::write(&path, kubeconfig.to_string()).expect("the control plane's directory is writable");
        path
    }
}

/// The API server's authorizer learns of a new binding by a watch, so the first requests after it may be refused. The
/// rules of a role come into effect together, so one of each is looked at.
async fn wait_until_in_effect(client: &Client, user: &str, grant: &Grant) {
    let Some(attributes) = grant.rules.iter().find_map(|rule| example(rule, grant.namespace.as_deref())) else {
        return;
    };
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    eventually(&format!("{user} has its rights"), DEADLINE, async || {
        let answer = reviews.create(&PostParams::default(), &review).await.map_err(|error| error.to_string())?;
        if answer.status.is_some_and(|status| status.allowed) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
}

/// A request that a rule allows; none for a rule on non-resource URLs.
fn example(rule: &PolicyRule, namespace: Option<&str>) -> Option<ResourceAttributes> {
    let first = |words: &Option<Vec<String>>| words.as_ref().and_then(|words| words.first().cloned());
    let resource = first(&rule.resources)?;
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
        None => (resource, None),
    };
    Some(ResourceAttributes {
        namespace: namespace.map(str::to_owned),
        group: first(&rule.api_groups),
        resource: Some(resource),
        subresource,
        name: first(&rule.resource_names),
        verb: rule.verbs.first().cloned(),
        ..ResourceAttributes::default()
    })
}
