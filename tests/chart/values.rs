//! Values that Helm and the API server take, and what the operator is told of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use test_support::{Chart, ControlPlane, Helm, PublishedCrds, documents, root};
use tokio::sync::OnceCell;

use crate::release::Release;

fn everything() -> Value {
    serde_saphyr::from_str(include_str!("everything.yaml")).unwrap()
}

/// What users choose, beside the defaults.
fn matrix() -> Vec<Value> {
    let mut matrix = vec![
        json!({}),
        everything(),
        json!({"mode": "observe", "nameOverride": "hsm"}),
        json!({"watchNamespaces": ["values-a"], "crds": {"enabled": false}}),
        json!({"crds": {"keep": false}}),
        json!({"crds": {"annotations": {"argocd.argoproj.io/sync-options": "ServerSideApply=true,Prune=false"}}}),
        json!({"leaderElection": {"enabled": false}, "replicas": 1, "podDisruptionBudget": {"enabled": false}}),
        json!({"serviceAccount": {"create": false, "name": "there-already", "automount": false}, "rbac": {"create": false}}),
        json!({"aws": {"endpointUrl": "https://vpce-0-x.cloudhsmv2.eu-west-1.vpce.amazonaws.com", "region": "eu-west-1"}}),
        json!({"networkPolicy": {"enabled": true, "podIdentity": false}}),
        json!({"leaderElection": {"enabled": false}, "replicas": 1, "updateStrategy": {"type": "Recreate"}}),
        // A null takes a default away.
        json!({
            "resources": null, "nodeSelector": null, "affinity": null, "topologySpreadConstraints": null, "updateStrategy": null,
            "imagePullSecrets": null, "extraEnv": null, "extraEnvFrom": null, "extraArgs": null, "podLabels": null,
            "podAnnotations": null, "commonLabels": null, "serviceAccount": {"annotations": null},
            "service": {"annotations": null}, "serviceMonitor": {"enabled": true, "labels": null},
            "prometheusRule": {"enabled": true, "labels": null, "alertLabels": null, "alerts": null},
            "dashboard": {"enabled": true, "labels": null},
        }),
        // Texts that YAML would take for numbers.
        json!({
            "nameOverride": "123", "watchNamespaces": ["123"], "dashboard": {"enabled": true, "namespace": "123"},
            "serviceAccount": {"name": "1e3"}, "serviceMonitor": {"enabled": true, "interval": "0", "scrapeTimeout": "0"},
            "prometheusRule": {"enabled": true}, "networkPolicy": {"enabled": true},
        }),
        json!({"image": {"tag": "edge"}, "topologySpreadConstraints": [], "nodeSelector": {}, "resources": {"limits": null, "requests": null}}),
    ];
    matrix.extend(
        fences("yaml")
            .filter(|fence| fence.trim_start().starts_with("# values.yaml"))
            .map(|fence| serde_saphyr::from_str::<Value>(fence).unwrap_or_else(|error| panic!("{fence}: {error}"))),
    );
    for region in ["us-east-1", "us-gov-east-1", "cn-northwest-1", "us-iso-east-1", "ap-southeast-4", "eusc-de-east-1"]
    {
        matrix.push(json!({"aws": {"region": region}}));
    }
    matrix
}

/// What the README shows, of that language.
fn fences(language: &str) -> impl Iterator<Item = &'static str> {
    const README: &str = include_str!("../../charts/cloudhsm-backup-operator/README.md");
    let start = format!("```{language}\n");
    let fences = README.split("```").skip(1).step_by(2);
    fences.filter_map(move |fence| fence.strip_prefix(&start[3..]))
}

#[tokio::test]
async fn the_readme_shows_manifests_that_the_api_server_takes() {
    let release = prepared().await;
    let manifests: Vec<&str> =
        fences("yaml").filter(|fence| !fence.trim_start().starts_with("# values.yaml")).collect();
    assert!(!manifests.is_empty());
    for manifest in manifests {
        // In a namespace that is there.
        let manifest = manifest.replace("namespace: hsm", &format!("namespace: {}", release.namespace));
        let arguments = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"];
        release.kubectl(&arguments, &manifest).await.unwrap_or_else(|error| panic!("{manifest}: {error}"));
    }
}

/// A control plane that knows the Prometheus operator's kinds, and namespaces to watch.
async fn prepared() -> Release<'static> {
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let control_plane = ControlPlane::shared().await;
    PREPARED
        .get_or_init(async || {
            let release = Release::of(control_plane, "default", "any").await;
            let published = PublishedCrds::fetch();
            for kind in ["ServiceMonitor", "PrometheusRule"] {
                let crd = published.of_kind("monitoring.coreos.com", kind).expect(kind);
                control_plane.apply_crds(crd).await;
            }
            for namespace in ["values-a", "values-b", "123"] {
                release.kubectl(&["create", "namespace", namespace], "").await.unwrap();
            }
        })
        .await;
    Release::new(control_plane, "values").await
}

#[tokio::test]
async fn what_is_rendered_is_taken_by_the_api_server_field_by_field() {
    let release = prepared().await;
    for values in matrix() {
        let chart = Chart::render(&release.namespace, &values).await;
        for metadata in chart.objects.iter().map(|object| &object["metadata"]) {
            // kubectl takes a namespace that is a number for none, others don't take it.
            assert!(metadata["name"].is_string() && !metadata["namespace"].is_number(), "{values}: {metadata}");
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": chart.objects});
        let arguments =
            ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-"];
        let output =
            release.kubectl(&arguments, &list.to_string()).await.unwrap_or_else(|error| panic!("{values}: {error}"));
        assert_eq!(output.lines().count(), chart.objects.len(), "{output}");
    }
}

#[tokio::test]
async fn helm_lints_what_users_choose() {
    for values in matrix() {
        let chart = Helm::chart();
        let arguments = ["lint", "--strict", "--values", "-", chart.to_str().unwrap()];
        let output = Helm::offline().run(&arguments, &values).await;
        assert!(output.status.success(), "{values}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn the_operator_is_told_what_the_values_say() {
    let chart = Chart::render("operators", &json!({})).await;
    assert_eq!(chart.container()["args"], json!(["run"]));
    let defaults: BTreeMap<&str, &str> = chart.environment().into_iter().collect();
    let prefixed = |name: &str| defaults[format!("CLOUDHSM_BACKUP_OPERATOR_{name}").as_str()];
    assert_eq!((prefixed("MODE"), prefixed("RESYNC_INTERVAL"), prefixed("LISTEN")), ("full", "5m", "0.0.0.0:8080"));
    assert_eq!((prefixed("AWS_QPS"), prefixed("AWS_BURST"), prefixed("LOG_FORMAT")), ("10", "40", "json"));
    assert_eq!(
        (prefixed("LEADER_ELECT"), prefixed("LEASE_NAMESPACE"), prefixed("LEASE_NAME")),
        ("true", "operators", Chart::RELEASE)
    );
    assert!(
        defaults
            .keys()
            .all(|name| !name.starts_with("AWS_") && !name.ends_with("_NAMESPACE") || name.contains("LEASE"))
    );

    let mut values = everything();
    values["extraEnv"] = json!([]);
    let chart = Chart::render("operators", &values).await;
    let told: BTreeMap<&str, &str> = chart.environment().into_iter().collect();
    for (name, value) in [
        ("CLOUDHSM_BACKUP_OPERATOR_MODE", "restore-only"),
        ("CLOUDHSM_BACKUP_OPERATOR_NAMESPACE", "values-a,values-b"),
        ("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1h0m30s"),
        ("CLOUDHSM_BACKUP_OPERATOR_AWS_QPS", "0.5"),
        ("CLOUDHSM_BACKUP_OPERATOR_AWS_BURST", "1000000"),
        ("CLOUDHSM_BACKUP_OPERATOR_LISTEN", "[::]:9090"),
        ("CLOUDHSM_BACKUP_OPERATOR_LEASE_NAME", "backups"),
        ("CLOUDHSM_BACKUP_OPERATOR_LOG_FORMAT", "text"),
        ("RUST_LOG", "info,kube=debug"),
        ("AWS_REGION", "us-gov-west-1"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let container = chart.container();
    assert_eq!(container["ports"][0]["containerPort"], 9090);
    let digest = format!("registry.example.com:5000/a/b:1.2.3-rc.1@sha256:{}", "0a".repeat(32));
    assert_eq!(container["image"], digest);
    assert_eq!(container["args"], json!(["run", "--lease-name=other"]));
}

/// The samples of the GitOps tools install the chart with values of their own.
#[tokio::test]
async fn the_values_of_the_gitops_samples_are_taken() {
    let values = |file: &str, kind: &str, pointer: &str| {
        let documents = documents(&root().join("deploy").join(file));
        let found = documents.iter().filter(|document| document["kind"] == kind).find_map(|it| it.pointer(pointer));
        found.unwrap_or_else(|| panic!("{file} has no {kind} with {pointer}")).clone()
    };
    for values in [
        values("flux/operator.yaml", "HelmRelease", "/spec/values"),
        values("argocd/applications.yaml", "Application", "/spec/source/helm/valuesObject"),
    ] {
        Chart::rendered(Chart::RELEASE, &values).await.unwrap_or_else(|error| panic!("{values}: {error}"));
    }
}
