//! What the policies of the guide to several teams let through. What they refuse is read with all other manifests.

use cloudhsm_backup_operator::api::crds;
use test_support::{ControlPlane, DEADLINE, eventually};

use crate::pages::page;

/// Runs kubectl; an error is what it says.
async fn run(control_plane: &ControlPlane, arguments: &[&str], input: &str) -> Result<(), String> {
    let output = control_plane.kubectl_with_input(arguments, input).await;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[tokio::test]
async fn what_is_deleted_already_can_be_suspended_looked_at_and_restored_without_approval() {
    let control_plane = &ControlPlane::without_controllers().await;
    control_plane.define(&crds()).await;
    let blocks = page("docs/guides/several-teams.md").blocks();
    let has = |words: &[&str]| {
        let block = blocks.iter().find(|block| words.iter().all(|word| block.text.contains(word)));
        block.unwrap_or_else(|| panic!("no block has {words:?}")).text.clone()
    };
    let namespace = has(&["kind: Namespace"]);
    run(control_plane, &["apply", "-f", "-"], &namespace).await.unwrap();
    let deleted = has(&["kind: CloudHsmBackup", "payments-2026-11-01", "desiredState: Deleted"]);
    run(control_plane, &["apply", "-f", "-"], &deleted).await.unwrap();
    run(control_plane, &["apply", "-f", "-"], &has(&["name: deletion-of-backups-needs-approval"])).await.unwrap();
    let another = deleted.replace("payments-2026-11-01", "another");
    eventually("the policy holds", DEADLINE, async || {
        match run(control_plane, &["create", "--dry-run=server", "-f", "-"], &another).await {
            Err(told) if told.contains("cloudhsm.dev/approved-by") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let object = ["-n", "payments-hsm", "chb", "payments-2026-11-01"];
    for change in [
        ["annotate", "cloudhsm.dev/requested-at=now"].as_slice(),
        &["patch", "--type=merge", r#"-p={"spec":{"suspend":true}}"#],
        &["patch", "--type=merge", r#"-p={"spec":{"desiredState":"Present"}}"#],
    ] {
        let arguments = [&change[..1], &object, &change[1..]].concat();
        assert_eq!(run(control_plane, &arguments, "").await, Ok(()), "{change:?}");
    }
}
