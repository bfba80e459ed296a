//! The ways to credentials, through the SDK's own chain, in a process of its own each: variables belong to the whole process.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use cloudhsm_backup_operator::{
    aws::{Aws, Listing, Progress},
    backup::{BackupId, Region, Scope},
    leadership::Leadership,
    metrics::Metrics,
};
use cloudhsm_emulator::{Emulator, Options};
use serde_json::{Value, json};

use super::{ACCOUNT, REGION, read};

const ID: &str = "backup-ro5c4er4aac";
const CLUSTER_ACCOUNT: &str = "444455556666";
/// Set in the processes that are started here.
const CHILD: &str = "TEST_OF_AN_IDENTITY";

/// A directory for one test's files.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn put(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The account of the backups.
fn emulator() -> Emulator {
    let emulator = Emulator::start(Options::default()).unwrap();
    let backup = json!({"BackupId": ID, "BackupState": "READY", "Account": ACCOUNT, "Region": REGION});
    emulator.put_backups([backup].into_iter().collect()).unwrap();
    emulator
}

/// Looks for the backup in a process with nothing in its environment but this.
fn look(emulator: &Emulator, environment: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "identities::finds_the_backup", "--nocapture"])
        .env_clear()
        .envs([
            (CHILD, "1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", &emulator.url()),
            ("AWS_REGION", REGION),
            ("HOME", "/nonexistent"),
        ])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn finds_the_backup() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let aws = Aws::from_env(Metrics::default(), Leadership::without_election()).await;
    let scope = Scope::of_operator(aws.default_region().await.unwrap_or_else(|| Region::new(REGION)));
    let id: BackupId = ID.parse().unwrap();
    let mut listing = Listing::of(vec![id]);
    while aws.read_on(&scope, &mut listing).await.map_err(|failed| failed.failure).unwrap() == Progress::More {}
    assert_eq!(listing.take_found().len(), 1);
    assert_eq!(aws.account(&scope).await.unwrap().as_str(), ACCOUNT);
}

/// The calls by which credentials were had.
fn assumed(emulator: &Emulator) -> Vec<(String, Value)> {
    let calls = emulator.requests(0).into_iter().filter(|call| call["op"].as_str().unwrap().starts_with("AssumeRole"));
    calls.map(|call| (call["op"].as_str().unwrap().to_owned(), call["input"].clone())).collect()
}

/// Answers as the agent of EKS Pod Identity does, with credentials of the account, to who shows the token.
fn agent(account: &str, token: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/credentials", listener.local_addr().unwrap());
    let keys = json!({
        "AccessKeyId": format!("AKIA{account}AAAA"), "SecretAccessKey": "secret", "Token": "token",
        "AccountId": account, "Expiration": "2999-01-01T00:00:00Z",
    });
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let shown =
                head.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
            let known =
                shown.into_iter().any(|(name, value)| name.eq_ignore_ascii_case("authorization") && value == token);
            let (status, body) =
                if known { ("200 OK", keys.to_string()) } else { ("401 Unauthorized", "{}".to_owned()) };
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        }
    });
    url
}

#[test]
fn irsa_by_the_variables_that_eks_sets() {
    let (emulator, files) = (emulator(), Files::new("irsa"));
    let token = files.put("token", "a token");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/cloudhsm-backup-operator");
    look(&emulator, &[("AWS_ROLE_ARN", &role), ("AWS_WEB_IDENTITY_TOKEN_FILE", &token)]);
    let calls = assumed(&emulator);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((calls[0].0.as_str(), &calls[0].1["RoleArn"]), ("AssumeRoleWithWebIdentity", &json!(role)));
}

#[test]
fn pod_identity_by_the_variables_that_eks_sets() {
    let (emulator, files) = (emulator(), Files::new("pod-identity"));
    let token = files.put("token", "a token");
    let agent = agent(ACCOUNT, "a token");
    look(
        &emulator,
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)],
    );
    assert_eq!(assumed(&emulator), []);
}

#[test]
fn irsa_comes_before_pod_identity() {
    let (emulator, files) = (emulator(), Files::new("both"));
    let token = files.put("token", "a token");
    let agent = agent(CLUSTER_ACCOUNT, "a token");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/cloudhsm-backup-operator");
    look(
        &emulator,
        &[
            ("AWS_ROLE_ARN", &role),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token),
        ],
    );
    assert_eq!(assumed(&emulator).len(), 1);
}

/// The AWS config file that the page shows, with its token file here.
fn config(source: &str, token: &str) -> String {
    let page = read("docs/operations/iam.md");
    let manifest = page.split("```").find(|block| block.starts_with("yaml") && block.contains(source)).unwrap();
    let config = manifest.split_once("  config: |\n").unwrap().1;
    let lines = config.lines().map_while(|line| if line.is_empty() { Some(line) } else { line.strip_prefix("    ") });
    let config: String = lines.flat_map(|line| [line, "\n"]).collect();
    assert!(config.contains("external_id"), "{config}");
    config.replace("/var/run/secrets/eks.amazonaws.com/serviceaccount/token", token)
}

fn is_chain(calls: &[(String, Value)]) {
    let (operation, input) = calls.last().unwrap();
    assert_eq!(operation, "AssumeRole");
    assert_eq!(input["RoleArn"], json!(format!("arn:aws:iam::{ACCOUNT}:role/cloudhsm-backup-operator")));
    assert_eq!(input["ExternalId"], json!("production"));
}

#[test]
fn a_role_in_another_account_through_irsa_by_the_page_s_config_file() {
    let (emulator, files) = (emulator(), Files::new("chain-irsa"));
    let token = files.put("token", "a token");
    let config = files.put("config", &config("web_identity_token_file", &token));
    let role = format!("arn:aws:iam::{CLUSTER_ACCOUNT}:role/cloudhsm-backup-operator");
    look(
        &emulator,
        // EKS sets these too; the profile comes first.
        &[
            ("AWS_CONFIG_FILE", &config),
            ("AWS_PROFILE", "backups"),
            ("AWS_ROLE_ARN", &role),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ],
    );
    let calls = assumed(&emulator);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].0.as_str(), &calls[0].1["RoleArn"]), ("AssumeRoleWithWebIdentity", &json!(role)));
    is_chain(&calls);
}

#[test]
fn a_role_in_another_account_through_pod_identity_by_a_config_file() {
    let (emulator, files) = (emulator(), Files::new("chain-pod-identity"));
    let token = files.put("token", "a token");
    let agent = agent(CLUSTER_ACCOUNT, "a token");
    let config = files.put("config", &config("credential_source = EcsContainer", &token));
    look(
        &emulator,
        &[
            ("AWS_CONFIG_FILE", &config),
            ("AWS_PROFILE", "backups"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token),
        ],
    );
    let calls = assumed(&emulator);
    assert_eq!(calls.len(), 1, "{calls:?}");
    is_chain(&calls);
}
