//! What AWS shows and does when all goes well.

use std::collections::BTreeMap;

use super::*;

#[tokio::test]
async fn every_field_is_read() {
    let bench = Bench::with(json!([{
        "BackupId": ID,
        "BackupState": "PENDING_DELETION",
        "BackupArn": "arn:aws:cloudhsm:eu-central-1:444455556666:backup/backup-ro5c4er4aac",
        "ClusterId": "cluster-dygnwhmscg5",
        "CreateTimestamp": 1_534_461_854.64,
        "CopyTimestamp": 1_534_461_855,
        "DeleteTimestamp": 4_102_444_800.125,
        "NeverExpires": true,
        "SourceRegion": "us-east-1",
        "SourceBackup": "backup-aaaaaaaaaaa",
        "SourceCluster": "cluster-aaaaaaaaaaa",
        "HsmType": "hsm2m.medium",
        "Mode": "NON_FIPS",
        "TagList": [{"Key": "team", "Value": "payments"}, {"Key": "empty", "Value": ""}],
    }]));
    let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let text = |text: &str| Some(text.to_owned());
    let tags = [("team", "payments"), ("empty", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(
        bench.found().await,
        Backup {
            id: id(),
            state: BackupState::PendingDeletion,
            arn: text("arn:aws:cloudhsm:eu-central-1:444455556666:backup/backup-ro5c4er4aac"),
            cluster_id: text("cluster-dygnwhmscg5"),
            create_timestamp: time("2018-08-16T23:24:14.64Z"),
            copy_timestamp: time("2018-08-16T23:24:15Z"),
            delete_timestamp: time("2100-01-01T00:00:00.125Z"),
            never_expires: Some(true),
            source_region: text("us-east-1"),
            source_backup: text("backup-aaaaaaaaaaa"),
            source_cluster: text("cluster-aaaaaaaaaaa"),
            hsm_type: text("hsm2m.medium"),
            mode: text("NON_FIPS"),
            tags: BTreeMap::from(tags),
        }
    );
}

#[tokio::test]
async fn what_aws_leaves_out_stays_absent() {
    let bench = Bench::with(json!([{"BackupId": ID, "BackupState": "ARCHIVED", "BackupArn": null}]));
    assert_eq!(bench.found().await, Backup::new(id(), BackupState::Unknown("ARCHIVED".to_owned())));
}

#[tokio::test]
async fn a_backup_is_deleted_restored_and_exempted_from_retention() {
    let bench = Bench::ready();

    let answer = bench.write(Call::DeleteBackup).await.unwrap();
    assert_eq!((answer.backup.id, &answer.backup.state), (id(), &BackupState::PendingDeletion));
    assert!(answer.backup.delete_timestamp.unwrap() > Timestamp::now());
    assert_eq!(answer.request_id.as_deref(), bench.requests("DeleteBackup")[0]["request_id"].as_str());
    assert_eq!(bench.found().await, answer.backup);

    let answer = bench.write(Call::RestoreBackup).await.unwrap();
    assert_eq!((&answer.backup.state, answer.backup.delete_timestamp), (&BackupState::Ready, None));
    assert_eq!(bench.found().await, answer.backup);

    for never_expires in [true, false] {
        let answer = bench.write(Call::ModifyBackupAttributes { never_expires }).await.unwrap();
        assert_eq!(answer.backup.never_expires, Some(never_expires));
        assert_eq!(bench.found().await, answer.backup);
    }

    for operation in ["DeleteBackup", "RestoreBackup"] {
        let requests = bench.requests(operation);
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0]["input"], json!({"BackupId": ID}));
        assert_eq!((&requests[0]["account"], &requests[0]["region"]), (&json!(ACCOUNT), &json!("eu-central-1")));
    }
    let modified = bench.requests("ModifyBackupAttributes");
    assert_eq!(modified[0]["input"], json!({"BackupId": ID, "NeverExpires": true}));
    let agent = modified[0]["user_agent"].as_str().unwrap();
    assert!(agent.contains("app/cloudhsm-backup-operator"), "{agent}");
}

#[tokio::test]
async fn a_look_costs_one_request_that_names_the_backup() {
    let bench = Bench::ready();
    bench.found().await;
    let requests = bench.requests("DescribeBackups");
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["input"], json!({"Filters": {"backupIds": [ID]}, "MaxResults": 50}));
}

#[tokio::test]
async fn a_look_finds_one_among_many_whatever_the_size_of_a_page() {
    let ids = ["backup-aaaaaaaaaaa", ID, "backup-bbbbbbbbbbb"];
    let bench = Bench::with(ids.map(|id| json!({"BackupId": id})).to_vec().into());
    for page_size in [1, 2, 50] {
        bench.emulator.behaviour(json!({"page_size": page_size})).unwrap();
        assert_eq!(bench.found().await.state, state("READY"));
    }
}

#[tokio::test]
async fn an_unknown_backup_is_not_found_whichever_way_aws_says_it() {
    let bench = Bench::with(json!([]));
    assert_eq!(bench.look().await.unwrap(), Observation::NotFound);
    bench.emulator.behaviour(json!({"unknown_id": "error"})).unwrap();
    assert_eq!(bench.look().await.unwrap(), Observation::NotFound);
}

#[tokio::test]
async fn another_region_is_another_place() {
    let bench = Bench::ready();
    let elsewhere = Scope::of_operator(Region::new("us-east-1"));
    assert_eq!(look(&bench.aws, &elsewhere, &id()).await.unwrap(), Observation::NotFound);
    assert_eq!(bench.found().await.state, state("READY"));
}

#[tokio::test]
async fn the_account_comes_from_an_arn_or_else_from_sts() {
    let bench = Bench::ready();
    bench.found().await;
    assert_eq!(bench.aws.account(&scope()).await.unwrap().as_str(), ACCOUNT);
    let elsewhere = Scope::of_operator(Region::new("us-east-1"));
    assert_eq!(
        bench.aws.account(&elsewhere).await.unwrap().as_str(),
        ACCOUNT,
        "the same credentials, the same account"
    );
    assert!(bench.requests("GetCallerIdentity").is_empty());

    let bench = Bench::with(json!([]));
    for scope in [scope(), elsewhere] {
        assert_eq!(bench.aws.account(&scope).await.unwrap().as_str(), ACCOUNT);
    }
    assert_eq!(bench.requests("GetCallerIdentity").len(), 1);
}
