//! Values that are refused, with a message that names the key.

use serde_json::{Value, json};
use test_support::{Chart, Helm};

#[tokio::test]
async fn wrong_values_are_refused_with_a_message_that_names_the_key() {
    let twice = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    for (values, parts) in [
        (json!({"mod": "full"}), ["'mod' not allowed", ""]),
        (json!({"mode": "sometimes"}), ["/mode", "'full', 'restore-only', 'observe'"]),
        (json!({"mode": null}), ["missing property 'mode'", ""]),
        (json!({"watchNamespaces": "hsm"}), ["/watchNamespaces", "want array"]),
        (json!({"watchNamespaces": ["hsm", "hsm"]}), ["/watchNamespaces", "equal"]),
        (json!({"watchNamespaces": ["Not A Name"]}), ["/watchNamespaces/0", "pattern"]),
        // Else it would watch everything.
        (json!({"watchNamespaces": null}), ["missing property 'watchNamespaces'", ""]),
        (json!({"resyncInterval": 5}), ["/resyncInterval", "want string"]),
        (json!({"resyncInterval": "5"}), ["/resyncInterval", "pattern"]),
        (json!({"resyncInterval": "0m0s"}), ["/resyncInterval", "not"]),
        (json!({"logFormat": "xml"}), ["/logFormat", "'json', 'text'"]),
        (json!({"aws": {"region": "https://example.com"}}), ["/aws/region", "pattern"]),
        (json!({"aws": {"useFIPS": true}}), ["/aws", "'useFIPS' not allowed"]),
        (json!({"aws": {"useFips": "true"}}), ["/aws/useFips", "want boolean"]),
        (json!({"aws": {"endpointUrl": "cloudhsm.example.com"}}), ["/aws/endpointUrl", "pattern"]),
        (json!({"aws": {"qps": 0}}), ["/aws/qps", "minimum"]),
        (json!({"aws": {"burst": 1.5}}), ["/aws/burst", "want integer"]),
        (json!({"crds": {"keep": "yes"}}), ["/crds/keep", "want boolean"]),
        // Else it would not be kept.
        (json!({"crds": {"keep": null}}), ["/crds", "missing property 'keep'"]),
        (json!({"serviceAccount": {"anotations": {}}}), ["/serviceAccount", "'anotations' not allowed"]),
        (json!({"serviceAccount": {"annotations": {"a": 1}}}), ["/serviceAccount/annotations/a", "want string"]),
        (json!({"rbac": {"aggregateEditRole": 1}}), ["/rbac/aggregateEditRole", "want boolean"]),
        (json!({"replicas": "2"}), ["/replicas", "want integer"]),
        (json!({"replicas": -1}), ["/replicas", "minimum"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": 0}}), ["/podDisruptionBudget/maxUnavailable", "minimum"]),
        (
            json!({"podDisruptionBudget": {"maxUnavailable": "half"}}),
            ["/podDisruptionBudget/maxUnavailable", "pattern"],
        ),
        (json!({"image": {"digest": "sha256:abc"}}), ["/image/digest", "pattern"]),
        (json!({"image": {"repository": "a@b"}}), ["/image/repository", "pattern"]),
        (json!({"podDisruptionBudget": {"maxUnavailable": "0%"}}), ["/podDisruptionBudget/maxUnavailable", "pattern"]),
        (
            json!({"podDisruptionBudget": {"maxUnavailable": "101%"}}),
            ["/podDisruptionBudget/maxUnavailable", "pattern"],
        ),
        (json!({"listen": "8080"}), ["/listen", "pattern"]),
        (json!({"listen": "localhost:8080"}), ["/listen", "pattern"]),
        (json!({"resyncInterval": "99999999999999999999h"}), ["/resyncInterval", "pattern"]),
        (json!({"fullnameOverride": "1st"}), ["/fullnameOverride", "pattern"]),
        (json!({"livenessProbe": {"successThreshold": 2}}), ["/livenessProbe/successThreshold", "maximum"]),
        (
            json!({"readinessProbe": {"terminationGracePeriodSeconds": 5}}),
            ["/readinessProbe/terminationGracePeriodSeconds", "false"],
        ),
        (json!({"resources": {"limit": {}}}), ["/resources", "'limit' not allowed"]),
        (json!({"livenessProbe": {"httpGet": {}}}), ["/livenessProbe", "'httpGet' not allowed"]),
        (json!({"extraEnv": [{"name": "A", "value": 1}]}), ["/extraEnv/0/value", "want string"]),
        (json!({"extraEnv": {"A": "1"}}), ["/extraEnv", "want null or array"]),
        (json!({"networkPolicy": {"metricsFrom": [{}]}}), ["/networkPolicy/metricsFrom/0", "minProperties"]),
        (
            json!({"networkPolicy": {"aws": {"to": [{"cidr": "10.0.0.0/8"}]}}}),
            ["/networkPolicy/aws/to/0", "'cidr' not allowed"],
        ),
        (
            json!({"networkPolicy": {"aws": {"to": [{"ipBlock": {"cidr": "10.0.0.0"}}]}}}),
            ["/networkPolicy/aws/to/0/ipBlock/cidr", "pattern"],
        ),
        (
            json!({"networkPolicy": {"aws": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}}}),
            ["/networkPolicy/aws/to/0", "maxProperties"],
        ),
        (json!({"serviceMonitor": {"interval": "often"}}), ["/serviceMonitor/interval", "pattern"]),
        (
            json!({"prometheusRule": {"alerts": {"Any": {"level": "page"}}}}),
            ["/prometheusRule/alerts/Any", "'level' not allowed"],
        ),
        (
            json!({"dashboard": {"labels": {"grafana_dashboard": 1}}}),
            ["/dashboard/labels/grafana_dashboard", "want string"],
        ),
        // What the schema can't tell.
        (json!({"leaderElection": {"enabled": false}}), ["replicas: ", "leaderElection.enabled"]),
        (
            json!({"leaderElection": {"enabled": false}, "replicas": 1, "updateStrategy": {"rollingUpdate": {"maxSurge": 0}}}),
            ["updateStrategy: ", "leaderElection.enabled"],
        ),
        (
            json!({"updateStrategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            ["updateStrategy.rollingUpdate: ", "leave it out"],
        ),
        (json!({"mode": "observe", "extraArgs": ["--mode", "full"]}), ["extraArgs: --mode: ", "set mode instead"]),
        (
            json!({"extraArgs": ["--leader-elect=false"]}),
            ["extraArgs: --leader-elect=false: ", "leaderElection.enabled"],
        ),
        (
            json!({"extraEnv": [{"name": "CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT", "value": "false"}]}),
            ["extraEnv: CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT: ", "a value of its own"],
        ),
        (json!({"extraEnv": [{"name": "A", "value": "", "valueFrom": {}}]}), ["extraEnv: A: ", "not both"]),
        (json!({"resyncInterval": "8760h1s"}), ["resyncInterval: 8760h1s: ", "8760h"]),
        (json!({"listen": "0.0.0.0:65536"}), ["listen: 0.0.0.0:65536: ", "65535"]),
        (json!({"listen": "127.0.0.1:8080"}), ["listen: 127.0.0.1:8080: ", "0.0.0.0"]),
        (json!({"listen": "[::1]:8080"}), ["listen: [::1]:8080: ", "0.0.0.0"]),
        (json!({"securityContext": {"privileged": true}}), ["securityContext.privileged: ", "leave it out"]),
        (json!({"aws": {"endpointUrl": "https://example.com", "useFips": true}}), ["aws.endpointUrl: ", "aws.useFips"]),
        (
            json!({"aws": {"endpointUrl": "https://example.com", "useDualStack": true}}),
            ["aws.endpointUrl: ", "aws.useDualStack"],
        ),
        (json!({"serviceAccount": {"create": false}}), ["serviceAccount.name: ", "serviceAccount.create"]),
        (json!({"extraEnv": twice}), ["extraEnv: A: ", "twice"]),
        (json!({"extraEnv": [{"name": "RUST_LOG", "value": "debug"}]}), ["extraEnv: RUST_LOG: ", "a value of its own"]),
        (
            json!({"prometheusRule": {"enabled": true, "alerts": {"NoSuchAlert": {}}}}),
            ["prometheusRule.alerts: ", "NoSuchAlert"],
        ),
    ] {
        let error = Chart::rendered("any", &values).await.expect_err(&values.to_string());
        for part in parts {
            assert!(error.contains(part), "{values}: {error}");
        }
    }
}

#[tokio::test]
async fn what_keeps_the_crd_is_not_gainsaid() {
    const ARGO_CD: &str = "argocd.argoproj.io/sync-options";
    for (name, value) in [
        ("helm.sh/resource-policy", "delete"),
        ("kustomize.toolkit.fluxcd.io/prune", "enabled"),
        (ARGO_CD, "ServerSideApply=true, Prune=confirm"),
    ] {
        let annotations = json!({name: value});
        let error = Chart::rendered("any", &json!({"crds": {"annotations": annotations}})).await.unwrap_err();
        assert!(error.contains(&format!("crds.annotations: {name}: {value}: ")), "{error}");
        let chart = Chart::render("any", &json!({"crds": {"keep": false, "annotations": annotations}})).await;
        assert_eq!(chart.of_kind("CustomResourceDefinition").next().unwrap()["metadata"]["annotations"], annotations);
    }
    for (given, expected) in [
        (json!({}), "Prune=false"),
        (json!({ARGO_CD: "Prune=false"}), "Prune=false"),
        (json!({ARGO_CD: "PruneLast=true"}), "PruneLast=true,Prune=false"),
    ] {
        let chart = Chart::render("any", &json!({"crds": {"annotations": given}})).await;
        let annotations = &chart.of_kind("CustomResourceDefinition").next().unwrap()["metadata"]["annotations"];
        assert_eq!(annotations[ARGO_CD], expected);
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
        assert_eq!(annotations["kustomize.toolkit.fluxcd.io/prune"], "disabled");
    }
}

#[tokio::test]
async fn a_release_or_a_cluster_that_can_t_be_served_is_told() {
    let chart = Helm::chart();
    let chart = chart.to_str().unwrap();
    for (arguments, parts) in [
        (["template", "123", chart, "--debug=false"], ["fullnameOverride: ", "123-cloudhsm-backup-operator"]),
        (["template", "any", chart, "--kube-version=1.30.0"], [">=1.31.0-0", "v1.30.0"]),
    ] {
        let output = Helm::offline().run(&arguments, &Value::Null).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && parts.iter().all(|part| error.contains(part)), "{error}");
    }
}
