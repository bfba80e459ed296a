//! RBAC: what the operator gets, and what people get.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use test_support::{Chart, ControlPlane, DEADLINE, eventually};

use crate::release::Release;

/// What the contract says, in the whole cluster or in each watched namespace.
fn rules_of_objects() -> Value {
    json!([
        {"apiGroups": ["cloudhsm.dev"], "resources": ["cloudhsmbackups"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["cloudhsm.dev"], "resources": ["cloudhsmbackups/status"], "verbs": ["patch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ])
}

/// What it says of leases, narrowed to the one that is the release's.
fn rules_of_leases() -> Value {
    json!([
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "resourceNames": ["cloudhsm-backup-operator"], "verbs": ["get", "update", "patch"],
        },
    ])
}

/// Each role and binding of the operator's, as kind, namespace and what it says.
fn granted(chart: &Chart) -> Vec<(String, Option<String>, Value)> {
    let mut granted = Vec::new();
    for object in &chart.objects {
        let kind = object["kind"].as_str().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap();
        if name.ends_with("-view") || name.ends_with("-edit") {
            continue;
        }
        let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
        if kind.ends_with("Role") {
            assert_eq!(object.get("aggregationRule"), None);
            granted.push((kind.to_owned(), namespace, object["rules"].clone()));
        } else if kind.ends_with("Binding") {
            granted.push((kind.to_owned(), namespace, json!([object["roleRef"]["kind"], object["roleRef"]["name"]])));
        }
    }
    granted.sort_by_key(|(kind, namespace, _)| (kind.clone(), namespace.clone()));
    granted
}

fn entry(kind: &str, namespace: Option<&str>, what: Value) -> (String, Option<String>, Value) {
    (kind.to_owned(), namespace.map(str::to_owned), what)
}

#[tokio::test]
async fn watching_all_namespaces_it_has_what_the_contract_says_and_no_more() {
    let chart = Chart::render("operators", &json!({})).await;
    let name = "operators:cloudhsm-backup-operator";
    assert_eq!(
        granted(&chart),
        [
            entry("ClusterRole", None, rules_of_objects()),
            entry("ClusterRoleBinding", None, json!(["ClusterRole", name])),
            entry("Role", Some("operators"), rules_of_leases()),
            entry("RoleBinding", Some("operators"), json!(["Role", "cloudhsm-backup-operator-lease"])),
        ]
    );
}

#[tokio::test]
async fn watching_given_namespaces_it_has_nothing_outside_of_them() {
    let chart = Chart::render("operators", &json!({"watchNamespaces": ["team-a", "team-b"]})).await;
    let name = "operators:cloudhsm-backup-operator";
    assert_eq!(
        granted(&chart),
        [
            entry("Role", Some("operators"), rules_of_leases()),
            entry("Role", Some("team-a"), rules_of_objects()),
            entry("Role", Some("team-b"), rules_of_objects()),
            entry("RoleBinding", Some("operators"), json!(["Role", "cloudhsm-backup-operator-lease"])),
            entry("RoleBinding", Some("team-a"), json!(["Role", name])),
            entry("RoleBinding", Some("team-b"), json!(["Role", name])),
        ]
    );
}

#[tokio::test]
async fn without_leader_election_it_has_nothing_to_do_with_leases() {
    let chart = Chart::render("operators", &json!({"leaderElection": {"enabled": false}, "replicas": 1})).await;
    assert!(!Value::from(chart.objects).to_string().contains("leases"));
}

#[tokio::test]
async fn nothing_is_granted_where_others_see_to_it() {
    let chart = Chart::render("operators", &json!({"rbac": {"create": false}})).await;
    let text = Value::from(chart.objects).to_string();
    assert!(!text.contains("rbac.authorization.k8s.io"), "{text}");
}

#[tokio::test]
async fn no_rule_has_a_wildcard_a_secret_or_a_spec_to_write() {
    for values in [json!({}), json!({"watchNamespaces": ["hsm"]}), json!({"rbac": {"aggregateEditRole": true}})] {
        let chart = Chart::render("operators", &values).await;
        for role in chart.of_kind("ClusterRole").chain(chart.of_kind("Role")) {
            let text = role["rules"].to_string();
            assert!(!text.contains('*') && !text.contains("secrets"), "{text}");
        }
        for (kind, _, rules) in granted(&chart) {
            for rule in rules.as_array().into_iter().flatten().filter(|_| kind.ends_with("Role")) {
                let specs = rule["resources"].as_array().unwrap().contains(&json!("cloudhsmbackups"));
                assert!(!specs || rule["verbs"] == json!(["get", "list", "watch"]), "{rule}");
            }
        }
    }
}

async fn allowed(release: &Release<'_>, user: &str, verb: &str) -> bool {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(release.namespace.clone()),
                group: Some("cloudhsm.dev".to_owned()),
                resource: Some("cloudhsmbackups".to_owned()),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(release.client.clone());
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}

async fn becomes_allowed(release: &Release<'_>, user: &str, verb: &str) {
    eventually(&format!("{user} may {verb}"), DEADLINE, async || {
        if allowed(release, user, verb).await { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
}

/// Binds users to ClusterRoles in the release's namespace, each named after the role.
async fn bind(release: &Release<'_>, roles: &[&str]) {
    for role in roles {
        let (user, role) = (format!("--user={role}"), format!("--clusterrole={role}"));
        let name = user.trim_start_matches("--user=").replace(':', "-");
        let arguments = ["-n", &release.namespace, "create", "rolebinding", &name, &role, &user];
        release.kubectl(&arguments, "").await.unwrap();
    }
}

#[tokio::test]
async fn who_may_view_sees_backups_and_only_who_is_meant_to_may_declare_them() {
    // Of its own, for aggregated roles are the whole cluster's.
    let control_plane = ControlPlane::start().await;
    let release = Release::new(&control_plane, "people").await;
    release.install(&json!({}), &[]).await.unwrap();
    let editors = format!("{}:cloudhsm-backup-operator-edit", release.namespace);
    bind(&release, &["view", "edit", "admin", &editors]).await;
    // Once reading is aggregated, so would writing be.
    for user in ["view", "edit", "admin", &editors] {
        becomes_allowed(&release, user, "list").await;
    }
    for verb in ["create", "update", "patch", "delete", "deletecollection"] {
        for user in ["view", "edit", "admin"] {
            assert!(!allowed(&release, user, verb).await, "{user} may {verb}");
        }
        becomes_allowed(&release, &editors, verb).await;
    }

    release.upgrade(&json!({"rbac": {"aggregateEditRole": true}}), &[]).await.unwrap();
    for user in ["edit", "admin"] {
        becomes_allowed(&release, user, "patch").await;
    }
    assert!(!allowed(&release, "view", "patch").await);

    release.upgrade(&json!({"rbac": {"aggregateViewRole": false}}), &[]).await.unwrap();
    eventually("it is taken back", DEADLINE, async || {
        for (user, verb) in [("view", "list"), ("edit", "list"), ("edit", "patch"), ("admin", "patch")] {
            if allowed(&release, user, verb).await {
                return Err(format!("{user} may {verb}"));
            }
        }
        Ok(())
    })
    .await;
    assert!(allowed(&release, &editors, "patch").await);
}
