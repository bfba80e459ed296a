//! boto3 and the AWS CLI against the emulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use cloudhsm_emulator::{Emulator, Options};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const A: &str = "backup-aaaaaaaaaaa";
const B: &str = "backup-bbbbbbbbbbb";

/// A program of the Python environment.
fn program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let venv = std::env::var_os("VENV").map_or_else(|| root.join("target/venv"), PathBuf::from);
    let program = venv.join("bin").join(name);
    assert!(program.exists(), "{} is missing: run `make test`, or `make venv` once", program.display());
    program
}

/// Nothing of the machine's own AWS set-up gets in.
fn command(name: &str, emulator: &Emulator) -> Command {
    let mut command = Command::new(program(name));
    command.env_clear().envs([
        ("PATH", std::env::var("PATH").unwrap_or_default().as_str()),
        ("EMULATOR", emulator.url().as_str()),
        ("AWS_ENDPOINT_URL", emulator.url().as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIA111122223333TEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_PAGER", ""),
        ("NO_PROXY", "127.0.0.1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("PYTHONUTF8", "1"),
    ]);
    command
}

fn script(name: &str, protocol: &str) {
    let emulator = Emulator::start(Options::default()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let output = command("python", &emulator).arg(path).env("PROTOCOL", protocol).output().unwrap();
    assert!(output.status.success(), "{name} in {protocol}:\n{}", told(&output));
    assert!(!emulator.requests(0).is_empty(), "{name} called nothing");
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn boto3_calls_every_operation_in_json() {
    script("operations.py", "json");
}

#[test]
fn boto3_calls_every_operation_in_cbor() {
    script("operations.py", "cbor");
}

#[test]
fn boto3_meets_failures_in_json() {
    script("failures.py", "json");
}

#[test]
fn boto3_meets_failures_in_cbor() {
    script("failures.py", "cbor");
}

#[test]
fn boto3_assumes_roles() {
    script("sts.py", "json");
}

fn aws(emulator: &Emulator, arguments: &str) -> Output {
    command("aws", emulator).args(arguments.split(' ')).args(["--output", "json"]).output().unwrap()
}

#[track_caller]
fn answer(emulator: &Emulator, arguments: &str) -> Value {
    let output = aws(emulator, arguments);
    assert!(output.status.success(), "aws {arguments}:\n{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_aws_cli_lists_deletes_and_restores() {
    let emulator = Emulator::start(Options::default()).unwrap();
    emulator.put_backups(json!([{"BackupId": A, "CreateTimestamp": 1534461854.64}, {"BackupId": B}])).unwrap();
    emulator.behaviour(json!({"page_size": 1})).unwrap();
    let listed = answer(&emulator, "cloudhsmv2 describe-backups --filters states=READY,DELETED");
    assert_eq!(listed["Backups"].as_array().unwrap().len(), 2, "the CLI follows the pages: {listed}");
    assert_eq!(listed["Backups"][0]["CreateTimestamp"], 1534461854.64);
    let deleted = answer(&emulator, &format!("cloudhsmv2 delete-backup --backup-id {A}"));
    assert_eq!(deleted["Backup"]["BackupState"], "PENDING_DELETION");
    let again = aws(&emulator, &format!("cloudhsmv2 delete-backup --backup-id {A}"));
    assert!(!again.status.success());
    assert!(told(&again).contains("CloudHsmInvalidRequestException") && told(&again).contains(A), "{}", told(&again));
    let restored = answer(&emulator, &format!("cloudhsmv2 restore-backup --backup-id {A}"));
    assert_eq!(restored["Backup"]["BackupState"], "READY");
}

#[test]
fn the_aws_cli_copies_tags_and_modifies() {
    let emulator = Emulator::start(Options::default()).unwrap();
    emulator.put_backups(json!([{"BackupId": A}])).unwrap();
    let modified = answer(&emulator, &format!("cloudhsmv2 modify-backup-attributes --backup-id {A} --never-expires"));
    assert_eq!(modified["Backup"]["NeverExpires"], true);
    let tagged = aws(&emulator, &format!("cloudhsmv2 tag-resource --resource-id {A} --tag-list Key=k,Value=v"));
    assert!(tagged.status.success(), "{}", told(&tagged));
    let tags = answer(&emulator, &format!("cloudhsmv2 list-tags --resource-id {A}"));
    assert_eq!(tags["TagList"], json!([{"Key": "k", "Value": "v"}]));
    let copy = format!("cloudhsmv2 copy-backup-to-region --backup-id {A} --destination-region eu-west-1");
    assert_eq!(answer(&emulator, &copy)["DestinationBackup"]["SourceBackup"], A);
    let there = answer(&emulator, "cloudhsmv2 describe-backups --region eu-west-1");
    assert_eq!(there["Backups"][0]["SourceBackup"], A);
}

#[test]
fn the_aws_cli_asks_sts_who_it_is() {
    let emulator = Emulator::start(Options::default()).unwrap();
    assert_eq!(answer(&emulator, "sts get-caller-identity")["Account"], "111122223333");
    let role = "sts assume-role --role-arn arn:aws:iam::444455556666:role/x --role-session-name me";
    let key = answer(&emulator, role)["Credentials"]["AccessKeyId"].clone();
    assert!(key.as_str().unwrap().starts_with("ASIA444455556666"), "{key}");
}
