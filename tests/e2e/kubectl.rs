//! What users see and do with kubectl.

use serde_json::json;
use test_support::{DEADLINE, eventually};

use crate::{
    probes::id,
    world::{REGION, World, ready_condition},
};

/// Standard output of a kubectl that succeeds.
async fn output(world: &World, arguments: &[&str]) -> String {
    let output = world.kubectl(arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_listing_shows_what_matters_in_80_columns() {
    let world = World::new("columns").await;
    let name = "n".repeat(30);
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "CREATE_IN_PROGRESS", json!({}));
    let _operator = world.started().await;
    world.declare(&name, &id(0), "Deleted", json!({})).await;
    world.declare("making", &id(1), "Present", json!({})).await;
    let object = world.reason(&name, "PendingDeletion").await;
    world.reason("making", "Creating").await;

    let listing = output(&world, &["get", "chb"]).await;
    let header: Vec<&str> = listing.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "DESIRED", "BACKUP-STATE", "READY", "AGE"]);
    // An age has up to six characters.
    let age = listing.lines().next().unwrap().find("AGE").unwrap();
    assert!(age + 6 <= 80, "{listing}");
    assert!(listing.lines().all(|line| line.trim_end().len() <= 80), "{listing}");
    let row: Vec<&str> = listing.lines().find(|line| line.starts_with("nnn")).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], [name.as_str(), "Deleted", "PENDING_DELETION", "True"]);

    let wide = output(&world, &["get", "chb", "-o", "wide"]).await;
    let header: Vec<&str> = wide.lines().next().unwrap().split_whitespace().collect();
    let more = ["REASON", "BACKUP-ID", "CLUSTER", "REGION", "DELETES-AT", "MESSAGE"];
    assert_eq!(header, ["NAME", "DESIRED", "BACKUP-STATE", "READY", "AGE"].into_iter().chain(more).collect::<Vec<_>>());
    let row = wide.lines().find(|line| line.starts_with("nnn")).unwrap();
    let end = serde_json::to_value(object.status.clone().unwrap().delete_timestamp).unwrap();
    let message = ready_condition(&object).message;
    for part in ["PendingDeletion", id(0).as_str(), "cluster-dygnwhmscg5", REGION, end.as_str().unwrap(), &message] {
        assert!(row.contains(part), "{part} in {row}");
    }
}

#[tokio::test]
async fn the_short_name_the_category_and_the_selectors_find_objects_and_all_does_not() {
    let world = World::new("finding").await;
    world.declare("kept", &id(0), "Present", json!({})).await;
    world.declare("unwanted", &id(1), "Deleted", json!({})).await;
    let both = "cloudhsmbackup.cloudhsm.dev/kept\ncloudhsmbackup.cloudhsm.dev/unwanted\n";
    for kind in [
        "chb",
        "cloudhsm",
        "cloudhsmbackup",
        "cloudhsmbackups",
        "CloudHsmBackup",
        "cloudhsmbackups.v1alpha1.cloudhsm.dev",
    ] {
        assert_eq!(output(&world, &["get", kind, "-o", "name"]).await, both, "{kind}");
    }
    assert!(!output(&world, &["get", "all", "-o", "name"]).await.contains("cloudhsm"));
    let by_id = format!("spec.backupId={}", id(1));
    for (selector, found) in [(by_id.as_str(), "unwanted"), ("spec.desiredState=Present", "kept")] {
        let names = output(&world, &["get", "chb", "-o", "name", "--field-selector", selector]).await;
        assert_eq!(names, format!("cloudhsmbackup.cloudhsm.dev/{found}\n"));
    }
    let scope = output(&world, &["api-resources", "--api-group=cloudhsm.dev", "-o", "wide", "--no-headers"]).await;
    let row: Vec<&str> =
        scope.lines().find(|line| line.starts_with("cloudhsmbackups ")).unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["cloudhsmbackups", "chb", "cloudhsm.dev/v1alpha1", "true", "CloudHsmBackup"]);
}

#[tokio::test]
async fn explain_reads_like_documentation() {
    let world = World::new("explain").await;
    // kubectl may remember what there was before the CRD was applied.
    eventually("kubectl knows the kind", DEADLINE, async || {
        let output = world.kubectl(&["explain", "chb"]).await;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    })
    .await;
    let explain =
        async |path: &str| output(&world, &["explain", path]).await.split_whitespace().collect::<Vec<_>>().join(" ");
    let desired = explain("chb.spec.desiredState").await;
    for part in ["ENUM: Present Deleted", "operator restores it", "7 days", "gone for ever"] {
        assert!(desired.contains(part), "{part} in {desired}");
    }
    let cases = [
        ("chb", "declares whether one AWS CloudHSM v2 backup shall exist"),
        ("chb", "Removing the object changes nothing in AWS"),
        ("chb.spec", "-required-"),
        ("chb.spec.backupId", "create a new object for another backup"),
        ("chb.spec.region", "Absent: the operator's default region"),
        ("chb.spec.neverExpires", "Absent: not managed"),
        ("chb.spec.suspend", "change nothing in AWS"),
        ("chb.status.deleteTimestamp", "the end of the restore window"),
        ("chb.status.conditions", "only while they are True"),
    ];
    for (path, part) in cases {
        let text = explain(path).await;
        assert!(text.contains(part), "{path}: {text}");
    }
    // Every field says what it is, without the marks of the source's comments.
    for path in ["chb.spec", "chb.status"] {
        let text = output(&world, &["explain", path]).await;
        assert!(!text.contains("<no description>") && !text.contains("[`") && !text.contains("//"), "{text}");
    }
}

#[tokio::test]
async fn kubectl_wait_waits_until_the_backup_is_as_declared() {
    let world = World::new("waiting").await;
    world.backup(&id(0), "READY", json!({}));
    world.backup(&id(1), "CREATE_IN_PROGRESS", json!({}));
    world.declare("unwanted", &id(0), "Deleted", json!({})).await;
    world.declare("making", &id(1), "Present", json!({})).await;
    let early = world.kubectl(&["wait", "chb/unwanted", "--for=condition=Ready", "--timeout=1s"]).await;
    assert!(!early.status.success(), "before any operator");
    let _operator = world.started().await;
    output(&world, &["wait", "chb/unwanted", "--for=condition=Ready", "--timeout=60s"]).await;
    assert_eq!(world.state(&id(0)), "PENDING_DELETION");
    output(&world, &["wait", "chb/making", "--for=condition=Reconciling", "--timeout=60s"]).await;
    let early = world.kubectl(&["wait", "chb/making", "--for=condition=Ready", "--timeout=1s"]).await;
    assert!(!early.status.success());
    let state = "--for=jsonpath={.status.backupState}=CREATE_IN_PROGRESS";
    output(&world, &["wait", "chb/making", state, "--timeout=60s"]).await;
}

#[tokio::test]
async fn removing_objects_and_their_namespace_sends_nothing_to_aws() {
    let world = World::new("removing").await;
    let other = World::new("witness").await;
    for number in 0..4 {
        world.backup(&id(number), if number == 0 { "PENDING_DELETION" } else { "READY" }, json!({}));
    }
    let operator = world.started().await;
    world.declare("deleted", &id(0), "Deleted", json!({})).await;
    world.declare("kept", &id(1), "Present", json!({})).await;
    world.declare("held", &id(2), "Deleted", json!({"suspend": true})).await;
    world.declare("exempt", &id(3), "Present", json!({"neverExpires": false})).await;
    world.reason("deleted", "PendingDeletion").await;
    world.reason("kept", "Available").await;
    world.reason("held", "Suspended").await;
    world.reason("exempt", "Available").await;
    output(&world, &["delete", "chb", "kept", "exempt"]).await;
    output(&world, &["delete", "namespace", &world.namespace, "--wait=false"]).await;
    eventually("the objects are gone", DEADLINE, async || {
        let left = crate::probes::series(&operator, "cloudhsm_backup_ready{").await;
        let stored = world.api().list(&kube::api::ListParams::default()).await.map_err(|error| error.to_string())?;
        let rest = (left.len(), stored.items.len());
        // Without a controller manager a namespace doesn't empty itself.
        if rest == (0, 0) || !world.control_plane.has_controller_manager() { Ok(()) } else { Err(format!("{rest:?}")) }
    })
    .await;
    assert_eq!(world.writes(), []);
    assert_eq!((world.state(&id(0)), world.state(&id(1))), ("PENDING_DELETION".to_owned(), "READY".to_owned()));
    drop(other);
}
