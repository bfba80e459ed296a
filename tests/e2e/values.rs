//! The chart's values reach the operator: of its settings the test sets none.

use kube::api::ListParams;
use serde_json::json;
use test_support::{Chart, Operator};

use crate::{
    election::leases,
    probes::id,
    world::{ACCOUNT, World, ready},
};

#[tokio::test]
async fn what_the_values_say_is_what_the_operator_does() {
    let world = World::new("chart-values").await;
    world.backup(&id(0), "READY", json!({"Region": "eu-west-1"}));
    let url = world.emulator.url();
    let values = json!({
        "mode": "observe", "watchNamespaces": [world.namespace], "resyncInterval": "2s", "logLevel": "warn,cloudhsm_backup_operator=info",
        "aws": {"region": "eu-west-1", "endpointUrl": url, "qps": 0.5, "burst": 3}, "leaderElection": {"enabled": false}, "replicas": 1,
        "extraEnv": [
            {"name": "AWS_ENDPOINT_URL_STS", "value": url}, {"name": "AWS_ACCESS_KEY_ID", "value": format!("AKIA{ACCOUNT}TEST")},
            {"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"},
        ],
    });
    let chart = Chart::render(&world.namespace, &values).await;
    let builder = Operator::builder(env!("CARGO_BIN_EXE_cloudhsm-backup-operator")).kubeconfig(&world.kubeconfig);
    let operator = chart.environment().into_iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    let _operator = ready(operator.start()).await;
    world.declare("payments", &id(0), "Deleted", json!({})).await;
    let status = world.reason("payments", "WriteNotAllowed").await.status.unwrap();
    assert_eq!(status.region.as_deref(), Some("eu-west-1"));
    assert_eq!(status.backup_arn, Some(format!("arn:aws:cloudhsm:eu-west-1:{ACCOUNT}:backup/{}", id(0))));
    world.more_looks(2).await;
    assert_eq!(world.writes(), []);
    assert!(leases(&world).list(&ListParams::default()).await.unwrap().items.is_empty());
}
