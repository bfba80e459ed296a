//! Which manifests the API server takes, through kubectl as users call it, and what it says about the others.

use serde_json::{Value, json};

use crate::world::World;

const ID: &str = "backup-ro5c4er4aac";

fn manifest(spec: Value) -> String {
    json!({"apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": "b"}, "spec": spec})
        .to_string()
}

fn with(change: Value) -> Value {
    let mut spec = json!({"backupId": ID, "desiredState": "Present"});
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// Applies a manifest; the error is kubectl's.
async fn apply(world: &World, manifest: &str) -> Result<(), String> {
    let output = world.kubectl_with_input(&["apply", "-f", "-"], manifest).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(stderr) }
}

/// Manifests that are refused, and parts of the message: the field, and what to do.
fn refused() -> Vec<(Value, &'static [&'static str])> {
    let shape: &[&str] = &["spec.backupId", "backupId must be the id of a CloudHSM backup, such as backup-ro5c4er4aac"];
    let region: &[&str] = &["spec.region", "region must be the name of an AWS region, such as us-east-1"];
    let state: &[&str] = &["spec.desiredState", "supported values: \"Present\", \"Deleted\""];
    let ids = [
        "",
        "backup-",
        "backup-short",
        "backup-ro5c4er4aac1",
        "backup-abcdefghijklmnopq",
        "Backup-ro5c4er4aac",
        "backup-ro5c4er4aac\n",
        " backup-ro5c4er4aac",
        "backup-ro5c4er4aä",
        "cluster-ro5c4er4aac",
        "arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac",
    ];
    let regions = [
        "",
        "https://cloudhsmv2.us-east-1.amazonaws.com",
        "us east 1",
        "us-east-1a",
        "US-EAST-1",
        "us-east-1\n",
        "us-east-1.example.com",
        "us_east_1",
        "us-east",
        "global",
        "us-east-1/../x",
        "us-east-1 ",
    ];
    let states = ["", "present", "DELETED", "Absent", "Purged"];
    let mut refused: Vec<(Value, &[&str])> = Vec::new();
    refused.extend(ids.map(|id| (with(json!({"backupId": id})), shape)));
    refused.extend(regions.map(|name| (with(json!({"region": name})), region)));
    refused.extend(states.map(|word| (with(json!({"desiredState": word})), state)));
    refused.extend([
        (
            with(json!({"backupId": format!("backup-{}", "a".repeat(100_000))})),
            &["spec.backupId", "may not be more than"] as &[&str],
        ),
        (with(json!({"region": "eu-central-1".repeat(10_000)})), &["spec.region", "may not be more than"]),
        (with(json!({"region": format!("{}-north-1", "x".repeat(60))})), &["spec.region"]),
        (json!({"desiredState": "Present"}), &["spec.backupId", "Required value"]),
        (json!({"backupId": ID}), &["spec.desiredState", "Required value"]),
        (json!({}), &["spec.backupId", "spec.desiredState", "Required value"]),
        (with(json!({"backupId": null})), &["spec.backupId"]),
        (with(json!({"desiredState": null})), &["spec.desiredState"]),
        (with(json!({"backupId": 7})), &["spec.backupId", "string"]),
        (with(json!({"backupId": [ID]})), &["spec.backupId", "string"]),
        (with(json!({"desiredState": true})), &["spec.desiredState", "string"]),
        (with(json!({"region": 1})), &["spec.region", "string"]),
        (with(json!({"neverExpires": "true"})), &["spec.neverExpires", "boolean"]),
        (with(json!({"suspend": "yes"})), &["spec.suspend", "boolean"]),
        (with(json!({"suspend": 1})), &["spec.suspend", "boolean"]),
        (with(json!({"neverExpire": true})), &["unknown field \"spec.neverExpire\""]),
        (with(json!({"BackupId": ID})), &["unknown field \"spec.BackupId\""]),
        (with(json!({"status": {}})), &["unknown field \"spec.status\""]),
    ]);
    refused
}

#[tokio::test]
async fn a_bad_manifest_is_refused_with_the_field_and_the_next_step() {
    let world = World::new("refused-manifests").await;
    let refused = refused();
    assert!(refused.len() >= 20);
    let mut wrong = Vec::new();
    for (spec, parts) in refused {
        let what: String = spec.to_string().chars().take(200).collect();
        match apply(&world, &manifest(spec)).await {
            Ok(()) => wrong.push(format!("taken: {what}")),
            // Whatever is wrong with it, the message must not be buried under a page of text.
            Err(message) if message.len() > 3_000 => wrong.push(format!("{} bytes for {what}", message.len())),
            Err(message) => {
                let missing: Vec<&&str> = parts.iter().filter(|part| !message.contains(**part)).collect();
                if !missing.is_empty() {
                    wrong.push(format!("{missing:?} is missing for {what}: {message}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for manifest in [manifest(Value::Null), manifest(json!("x")), manifest(json!([]))] {
        let message = apply(&world, &manifest).await.unwrap_err();
        assert!(message.contains("spec"), "{manifest}: {message}");
    }
    let output = world.kubectl(&["get", "chb", "-o", "name"]).await;
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn what_is_immutable_stays_and_the_message_says_what_to_do_instead() {
    let world = World::new("immutable").await;
    let moved = "region is immutable, and can't be added or removed later: create a new object";
    let other = "backupId is immutable: create a new object for another backup";
    let cases = [
        ("changed id", json!({}), json!({"backupId": "backup-zzzzzzzzzzz"}), Some(("spec.backupId", other))),
        ("id in another case", json!({}), json!({"backupId": "backup-RO5C4ER4AAC"}), Some(("spec.backupId", other))),
        (
            "changed region",
            json!({"region": "eu-west-1"}),
            json!({"region": "eu-west-2"}),
            Some(("spec.region", moved)),
        ),
        ("added region", json!({}), json!({"region": "eu-west-1"}), Some(("spec.region", moved))),
        ("removed region", json!({"region": "eu-west-1"}), json!({}), Some(("spec.region", moved))),
        ("null region", json!({}), json!({"region": null}), None),
        (
            "all else",
            json!({"region": "eu-west-1"}),
            json!({"region": "eu-west-1", "desiredState": "Deleted", "suspend": true,
            "neverExpires": false}),
            None,
        ),
    ];
    for (what, before, after, wanted) in cases {
        apply(&world, &manifest(with(before))).await.unwrap();
        let result = apply(&world, &manifest(with(after))).await;
        match (wanted, result) {
            (None, result) => result.unwrap(),
            (Some((field, next_step)), result) => {
                let message = result.expect_err(what);
                assert!(message.contains(field) && message.contains(next_step), "{what}: {message}");
            }
        }
        assert!(world.kubectl(&["delete", "chb", "b"]).await.status.success());
    }
    // However it is tried.
    apply(&world, &manifest(with(json!({"region": "eu-west-1"})))).await.unwrap();
    for patch in [
        r#"[{"op":"remove","path":"/spec/region"}]"#,
        r#"[{"op":"replace","path":"/spec/region","value":"eu-west-2"}]"#,
        r#"[{"op":"replace","path":"/spec/backupId","value":"backup-zzzzzzzzzzz"}]"#,
        r#"[{"op":"replace","path":"/spec","value":{}}]"#,
    ] {
        let output = world.kubectl(&["patch", "chb", "b", "--type=json", "-p", patch]).await;
        assert!(!output.status.success(), "{patch}");
    }
    let null = world.kubectl(&["patch", "chb", "b", "--type=merge", "-p", r#"{"spec":{"region":null}}"#]).await;
    assert!(String::from_utf8_lossy(&null.stderr).contains(moved));
}

#[tokio::test]
async fn every_partitions_regions_and_every_id_of_awss_shape_are_taken() {
    let world = World::new("accepted-manifests").await;
    let regions = [
        "us-east-1",
        "ap-southeast-4",
        "ca-west-1",
        "il-central-1",
        "mx-central-1",
        "us-gov-west-1",
        "us-gov-east-1",
        "cn-north-1",
        "cn-northwest-1",
        "us-iso-east-1",
        "us-iso-west-1",
        "us-isob-east-1",
        "us-isob-west-1",
        "us-isof-south-1",
        "us-isof-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
    ];
    let ids = ["backup-ro5c4er4aac", "backup-ABCDEFGHIJK2345a", "backup-aaaaaaaaaaa", "backup-2222222222222222"];
    let specs = regions.iter().map(|region| with(json!({"region": region})));
    let specs = specs.chain(ids.iter().map(|id| with(json!({"backupId": id}))));
    let all = json!({"suspend": false, "neverExpires": true, "desiredState": "Deleted", "region": "eu-west-1"});
    let specs = specs.chain([with(json!({})), with(all)]);
    let items: Vec<Value> = specs
        .enumerate()
        .map(|(number, spec)| {
            let name = format!("b-{number}");
            json!({"apiVersion": "cloudhsm.dev/v1alpha1", "kind": "CloudHsmBackup", "metadata": {"name": name}, "spec": spec})
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    apply(&world, &list.to_string()).await.unwrap();
    // What GitOps tools do, twice.
    for _ in 0..2 {
        let output = world
            .kubectl_with_input(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &list.to_string())
            .await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn an_unknown_field_warns_where_the_user_asked_for_no_more_than_a_warning() {
    let world = World::new("lenient").await;
    let manifest = manifest(with(json!({"neverExpire": true})));
    let output = world.kubectl_with_input(&["apply", "--validate=warn", "-f", "-"], &manifest).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("unknown field \"spec.neverExpire\""), "{stderr}");
    assert_eq!(world.raw("b").await["spec"], with(json!({})), "and isn't stored");
}

#[tokio::test]
async fn a_null_is_absence_but_for_server_side_apply_which_names_the_field() {
    let world = World::new("null").await;
    let null = manifest(with(json!({"region": null, "neverExpires": null, "suspend": null})));
    let output = world.kubectl_with_input(&["apply", "--server-side", "-f", "-"], &null).await;
    let message = String::from_utf8_lossy(&output.stderr);
    for field in ["spec.region", "spec.neverExpires", "spec.suspend"] {
        assert!(message.contains(field), "{field}: {message}");
    }
    for verb in ["create", "apply"] {
        let output = world.kubectl_with_input(&[verb, "-f", "-"], &null).await;
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(world.raw("b").await["spec"], with(json!({})));
    }
}
