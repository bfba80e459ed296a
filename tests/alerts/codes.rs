//! AWS's error codes: the alerts take them for what the operator takes them for.

use regex::Regex;

use crate::{promql::parse, rules::alerts, tools::read};

/// The codes of one class, as src/aws/classify.rs lists them.
fn listed(class: &str) -> Vec<String> {
    let source = read("src/aws/classify.rs");
    let list = source.split(&format!("const {class}: &[&str] =")).nth(1).unwrap_or_else(|| panic!("no list {class}"));
    let list = list.split("];").next().unwrap();
    let codes: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(codes.len() > 2, "{class}: {codes:?}");
    codes
}

/// The matcher of an alert on `code`, as Prometheus reads it: of the whole value.
fn matcher(alert: &str) -> (String, Regex) {
    let query = &parse(&[alerts()[alert]["expr"].as_str().unwrap().to_owned()])[0];
    let code =
        query.selectors.iter().flat_map(|selector| &selector.matchers).find(|found| found.label == "code").unwrap();
    (code.op.clone(), Regex::new(&format!("^(?s:{})$", code.value)).unwrap())
}

#[test]
fn each_code_is_told_of_by_the_alert_of_its_class_and_no_other() {
    let (_, denied) = matcher("CloudHsmBackupAccessDenied");
    let (_, throttled) = matcher("CloudHsmBackupThrottled");
    let (op, neither) = matcher("CloudHsmBackupAwsRequestsFailing");
    assert_eq!(op, "!~");
    for class in ["DENIED", "THROTTLED", "SIGNATURE", "CLOCK", "CREDENTIALS", "UNAVAILABLE", "INVALID"] {
        for code in listed(class) {
            assert_eq!(denied.is_match(&code), class == "DENIED", "{code}");
            assert_eq!(throttled.is_match(&code), class == "THROTTLED", "{code}");
            assert_eq!(neither.is_match(&code), ["DENIED", "THROTTLED"].contains(&class), "{code}");
        }
    }
    for (code, is_throttled) in [("HTTP429", true), ("Timeout", false), ("ConnectionError", false), ("NoCode", false)] {
        assert_eq!((denied.is_match(code), throttled.is_match(code)), (false, is_throttled), "{code}");
    }
}
