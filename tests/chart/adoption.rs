//! A CRD that was there before the release.

use serde_json::json;
use test_support::{ControlPlane, Helm};

use crate::release::{CRD, Release};

/// The CRD as an earlier version might have had it.
fn earlier() -> String {
    let crd = std::fs::read_to_string(Helm::chart().join("files/crds/cloudhsmbackups.yaml")).unwrap();
    let changed = crd
        .replace("Why Ready is what it is", "Why it is so")
        .replace("    - jsonPath: .spec.desiredState\n    served", "    served");
    assert_ne!(changed, crd);
    changed
}

#[tokio::test]
async fn a_crd_that_kubectl_applied_is_taken_over_when_asked_and_a_second_release_leaves_it_alone() {
    for apply in [&["apply", "-f", "-"][..], &["apply", "--server-side", "-f", "-"][..]] {
        let control_plane = ControlPlane::start().await;
        let release = Release::new(&control_plane, "adopted").await;
        release.kubectl(apply, &earlier()).await.unwrap();
        release.kubectl(&["wait", "--for=condition=Established", "crd", CRD, "--timeout=60s"], "").await.unwrap();
        let object = release.declare("payments").await;

        let refused = release.install(&json!({}), &[]).await.unwrap_err();
        assert!(refused.contains(CRD) && refused.contains("invalid ownership metadata"), "{refused}");
        // It differs from the chart's, so who applied it must give way.
        let refused = release.upgrade(&json!({}), &["--install", "--take-ownership"]).await.unwrap_err();
        assert!(refused.contains("conflict") && refused.contains(".spec.versions"), "{refused}");
        release.upgrade(&json!({}), &["--install", "--take-ownership", "--force-conflicts"]).await.unwrap();
        let crd = release.get("crd", CRD).await.unwrap();
        assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        assert!(crd.to_string().contains("Why Ready is what it is"), "it is the chart's");
        assert_eq!(release.backups().get("payments").await.unwrap().metadata.uid, object.metadata.uid);
        // From then on it is upgraded as any other.
        release.upgrade(&json!({"crds": {"annotations": {"a": "b"}}}), &[]).await.unwrap();
        assert_eq!(release.get("crd", CRD).await.unwrap()["metadata"]["annotations"]["a"], "b");

        let second = Release::new(&control_plane, "second").await;
        let refused = second.install(&json!({}), &[]).await.unwrap_err();
        assert!(refused.contains(CRD) && refused.contains("invalid ownership metadata"), "{refused}");
        second.install(&json!({"crds": {"enabled": false}}), &[]).await.unwrap();
        second.uninstall().await.unwrap();
        assert!(release.get("crd", CRD).await.is_some());
    }
}
