//! What the chart gives an operator: its settings and its rights.

use std::path::PathBuf;

use serde_json::json;
use test_support::{Chart, ControlPlane};

use crate::world::World;

impl World {
    /// A world whose operator watches all namespaces. Its control plane must be its own: it writes to whatever object is there.
    pub(crate) async fn everywhere(control_plane: &'static ControlPlane, name: &str) -> Self {
        let namespace = control_plane.namespace(name).await;
        let (chart, kubeconfig) = release(control_plane, &namespace, &[]).await;
        Self::of(control_plane, namespace, chart, kubeconfig).await
    }

    /// From now on the operator watches these namespaces, in which it gets its rights.
    pub(crate) async fn watch(&mut self, namespaces: &[&str]) {
        (self.chart, self.kubeconfig) = release(self.control_plane, &self.namespace, namespaces).await;
    }
}

/// What Helm makes of the chart for an operator in `namespace` that watches `watched`, and a kubeconfig with the rights that this gives.
pub(crate) async fn release(control_plane: &ControlPlane, namespace: &str, watched: &[&str]) -> (Chart, PathBuf) {
    let chart = Chart::render(namespace, &json!({"watchNamespaces": watched})).await;
    for crd in chart.of_kind("CustomResourceDefinition") {
        control_plane.apply_crds(&crd.to_string()).await;
    }
    let kubeconfig = control_plane.rights_of_chart(&chart).await;
    (chart, kubeconfig)
}
