//! What comes from the environment, in a process of its own: variables belong to the whole process.

use std::{
    path::Path,
    process::{Command, Output},
};

use cloudhsm_backup_operator::{backup::FailureClass, leadership::Leadership};

use super::*;

/// Set in the processes that are started here.
const CHILD: &str = "TEST_OF_THE_ENVIRONMENT";

/// Runs one of the tests below in a process with nothing in its environment but this. Elsewhere those tests do nothing.
fn child(test: &str, environment: &[(&str, &str)]) {
    let output: Output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("environment::{test}"), "--nocapture"])
        .env_clear()
        .env(CHILD, "1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", "/nonexistent")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
fn endpoint_region_and_credentials_come_from_variables() {
    let bench = Bench::ready();
    let key = format!("AKIA{ACCOUNT}AAAA");
    child(
        "looks_by_variables",
        &[
            ("AWS_ENDPOINT_URL_CLOUDHSM_V2", &bench.emulator.url()),
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", &key),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ],
    );
    assert_eq!(bench.requests("DescribeBackups").len(), 1);
}

#[tokio::test]
async fn looks_by_variables() {
    if !is_child() {
        return;
    }
    let aws = Aws::from_env(Metrics::default(), Leadership::without_election()).await;
    assert_eq!(aws.default_region().await, Some(scope().region));
    assert_eq!(aws.account(&scope()).await, None, "STS can't be reached");
    assert!(look(&aws, &scope(), &id()).await.unwrap().backup().is_some());
    assert_eq!(aws.account(&scope()).await.unwrap().as_str(), ACCOUNT, "an ARN tells it");
}

#[test]
fn without_anything_there_is_no_region_and_no_credentials() {
    child("looks_without_anything", &[]);
}

#[tokio::test]
async fn looks_without_anything() {
    if !is_child() {
        return;
    }
    let started = Instant::now();
    let aws = Aws::from_env(Metrics::default(), Leadership::without_election()).await;
    assert_eq!(aws.default_region().await, None);
    let failure = look(&aws, &scope(), &id()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NoCredentials, None));
    assert_eq!(failure.text, "no credentials were found in the AWS SDK's chain");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn credentials_that_are_put_right_are_taken_up_without_a_restart() {
    let bench = Bench::ready();
    let file = std::env::temp_dir().join(format!("credentials-{}", std::process::id()));
    let path = file.to_str().unwrap();
    child(
        "looks_before_and_after_the_file_is_right",
        &[
            ("AWS_ENDPOINT_URL", &bench.emulator.url()),
            ("AWS_SHARED_CREDENTIALS_FILE", path),
            ("AWS_PROFILE", "operator"),
            ("AWS_REGION", "eu-central-1"),
        ],
    );
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn looks_before_and_after_the_file_is_right() {
    if !is_child() {
        return;
    }
    let file = variable("AWS_SHARED_CREDENTIALS_FILE");
    let put = |key: &str| {
        let text = format!("[operator]\naws_access_key_id = {key}\naws_secret_access_key = secret\n");
        std::fs::write(Path::new(&file), text).unwrap();
    };
    let aws = Aws::from_env(Metrics::default(), Leadership::without_election()).await;
    let mut texts = Vec::new();
    for _ in 0..2 {
        let failure = look(&aws, &scope(), &id()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::NoCredentials, "{failure:?}");
        texts.push(failure.text);
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    assert_eq!(texts[0], texts[1]);
    put(&format!("AKIA{ACCOUNT}AAAA"));
    assert!(look(&aws, &scope(), &id()).await.unwrap().backup().is_some());
}
