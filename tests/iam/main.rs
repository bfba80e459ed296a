//! The policies of `deploy/iam` fit the operator: each allows what the operator calls in its mode and nothing else, and the ways to
//! credentials that `docs/operations/iam.md` describes lead to the account of the backups.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failure must end the test with its message"
)]

mod calls;
mod decisions;
mod evaluate;
mod identities;

use std::{fs, path::Path};

use serde_json::Value;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const OIDC_PROVIDER: &str = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE";
const OPERATOR: &str = "arn:aws:iam::111122223333:role/cloudhsm-backup-operator";

/// What fills the documents' placeholders.
const VALUES: &[(&str, &str)] = &[
    ("AWS_ACCOUNT_ID", ACCOUNT),
    ("AWS_PARTITION", "aws"),
    ("AWS_REGION", REGION),
    ("CLUSTER_ACCOUNT_ID", "444455556666"),
    ("CLUSTER_ARN", "arn:aws:eks:eu-central-1:111122223333:cluster/production"),
    ("CLUSTER_ROLE_ARN", "arn:aws:iam::444455556666:role/cloudhsm-backup-operator"),
    ("EXTERNAL_ID", "7c1f"),
    ("NAMESPACE", "cloudhsm-backup-operator"),
    ("OIDC_PROVIDER", OIDC_PROVIDER),
    ("SERVICE_ACCOUNT", "cloudhsm-backup-operator"),
    ("TAG_KEY", "team"),
    ("TAG_VALUE", "payments"),
    ("TARGET_ROLE_ARN", OPERATOR),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A document of `deploy/iam`, filled.
fn document(name: &str) -> Value {
    let text = VALUES
        .iter()
        .fold(read(&format!("deploy/iam/{name}")), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
