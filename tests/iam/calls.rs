//! What the operator calls in each mode, seen from AWS's side, is what the mode's policy allows: no more, no less.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::{SdkConfig, region::Region as SdkRegion};
use cloudhsm_backup_operator::{
    api::DesiredState,
    aws::{Aws, Listing, Progress},
    backup::{BackupId, Observation, Region, Scope},
    decide::{Mode, Sight, Situation, Source, confirm},
    intent::{Intent, Memory},
    metrics::Metrics,
};
use cloudhsm_emulator::{Emulator, Options};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    ACCOUNT, REGION, document,
    evaluate::{Request, Verdict, evaluate},
};

/// Everything that can be declared, about a backup in every state.
fn situations() -> Vec<(Value, DesiredState, Option<bool>)> {
    let mut situations = Vec::new();
    for state in ["CREATE_IN_PROGRESS", "READY", "PENDING_DELETION", "DELETED"] {
        for desired in [DesiredState::Present, DesiredState::Deleted] {
            for never_expires in [None, Some(true), Some(false)] {
                for exempt in [true, false] {
                    let id = format!("backup-aaaaaaaaa{}", two_letters(situations.len()));
                    let backup = json!({
                        "BackupId": id, "BackupState": state, "NeverExpires": exempt,
                        "Account": ACCOUNT, "Region": REGION, "ClusterId": "cluster-dygnwhmscg5",
                    });
                    situations.push((backup, desired, never_expires));
                }
            }
        }
    }
    situations
}

fn two_letters(number: usize) -> String {
    [number / 26, number % 26].map(|digit| char::from(b'a' + u8::try_from(digit).unwrap())).iter().collect()
}

/// Looks, decides and acts, as a pass over an object does.
async fn act(aws: &Aws, scope: &Scope, mode: Mode, backup: &Value, desired: DesiredState, never_expires: Option<bool>) {
    let id: BackupId = backup["BackupId"].as_str().unwrap().parse().unwrap();
    let mut listing = Listing::of(vec![id]);
    while aws.read_on(scope, &mut listing).await.map_err(|failed| failed.failure).unwrap() == Progress::More {}
    let found = listing.take_found().pop().unwrap();
    let intent = Intent {
        uid: "uid".to_owned(),
        generation: 1,
        scope: Some(scope.clone()),
        backup_id: id,
        desired,
        never_expires,
        suspend: false,
        deleting: false,
    };
    let now = Timestamp::now();
    let sight = Sight { observation: Observation::Found(Box::new(found)), source: Source::Look(now) };
    let situation = Situation {
        intent: &intent,
        sight: &sight,
        memory: &Memory::default(),
        conflict: false,
        restore_refused: false,
        mode,
        now,
    };
    if let Ok(permit) = confirm(&situation, &intent, Instant::now() + Duration::from_secs(5)) {
        aws.write(permit).await.unwrap();
    }
}

/// AWS's calls as IAM sees them.
fn request(call: &Value) -> Request {
    let operation = call["op"].as_str().unwrap();
    let resource = match call["input"]["BackupId"].as_str() {
        Some(id) => format!("arn:aws:cloudhsm:{REGION}:{ACCOUNT}:backup/{id}"),
        None => "*".to_owned(),
    };
    assert_eq!((&call["account"], &call["region"]), (&json!(ACCOUNT), &json!(REGION)));
    Request::new(&format!("cloudhsm:{operation}"), &resource).with("aws:RequestedRegion", REGION)
}

#[rstest]
#[case(Mode::Full)]
#[case(Mode::RestoreOnly)]
#[case(Mode::Observe)]
#[tokio::test]
async fn the_policy_of_a_mode_allows_what_is_called_in_it_and_nothing_else(#[case] mode: Mode) {
    let emulator = Emulator::start(Options::default()).unwrap();
    let situations = situations();
    emulator.put_backups(situations.iter().map(|(backup, ..)| backup.clone()).collect()).unwrap();
    let keys = Credentials::new(format!("AKIA{ACCOUNT}AAAA"), "secret", None, None, "test");
    let config = SdkConfig::builder()
        .endpoint_url(emulator.url())
        .region(SdkRegion::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let aws = Aws::new(&config, Metrics::default());
    let scope = Scope::of_operator(Region::new(REGION));
    aws.account(&scope).await.unwrap();
    for (backup, desired, never_expires) in &situations {
        act(&aws, &scope, mode, backup, *desired, *never_expires).await;
    }

    let policy = document(&format!("policies/{}.json", mode.as_str()));
    let mut called = BTreeSet::new();
    // GetCallerIdentity needs no permission.
    for call in emulator.requests(0).iter().filter(|call| call["op"] != "GetCallerIdentity") {
        assert_eq!(evaluate(&policy, &request(call)), Verdict::Allowed, "{call}");
        let program = format!("lib/cloudhsm-backup-operator/{}", env!("CARGO_PKG_VERSION"));
        assert!(call["user_agent"].as_str().unwrap().contains(&program), "what CloudTrail tells of the caller: {call}");
        called.insert(format!("cloudhsm:{}", call["op"].as_str().unwrap()));
    }
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => serde_json::from_value(many.clone()).unwrap(),
    });
    assert_eq!(actions.collect::<BTreeSet<String>>(), called, "allowed, called");
}
