//! Evaluates IAM policies as AWS documents it, for what the policies here use; what it doesn't know ends the test. IAM's own answer is
//! that of `aws iam simulate-custom-policy`, which needs an account.

use serde_json::Value;

/// What somebody asks of AWS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    action: String,
    resource: String,
    principal: String,
    context: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned(), ..Self::default() }
    }

    /// Who asks, as a trust policy or endpoint policy names it.
    pub(crate) fn from(mut self, principal: &str) -> Self {
        principal.clone_into(&mut self.principal);
        self
    }

    /// A key of the request's context.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.context.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
        self.context.push((key.to_owned(), value.to_owned()));
        self
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}

/// What a policy says to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Allowed,
    /// No statement is about it.
    NotAllowed,
    /// A statement denies it, whatever others allow.
    Denied,
}

pub(crate) fn evaluate(policy: &Value, request: &Request) -> Verdict {
    assert_eq!(policy["Version"], "2012-10-17");
    let mut verdict = Verdict::NotAllowed;
    for statement in policy["Statement"].as_array().unwrap() {
        if !is_about(statement, request) {
            continue;
        }
        match statement["Effect"].as_str().unwrap() {
            "Allow" => verdict = Verdict::Allowed,
            "Deny" => return Verdict::Denied,
            other => panic!("there is no effect {other}"),
        }
    }
    verdict
}

fn is_about(statement: &Value, request: &Request) -> bool {
    let mut about = true;
    for (element, value) in statement.as_object().unwrap() {
        about &= match element.as_str() {
            "Sid" | "Effect" => true,
            "Action" => {
                words(value).any(|action| glob(&action.to_ascii_lowercase(), &request.action.to_ascii_lowercase()))
            }
            "Resource" => words(value).any(|resource| glob(resource, &request.resource)),
            "Principal" => is_principal(value, &request.principal),
            "Condition" => value.as_object().unwrap().iter().all(|(operator, keys)| {
                keys.as_object().unwrap().iter().all(|(key, wanted)| {
                    assert!(!words(wanted).any(|word| word.contains("${")), "a policy variable in {wanted}");
                    holds(operator, wanted, request.value(key))
                })
            }),
            other => panic!("the evaluator doesn't know the element {other}"),
        };
    }
    about
}

/// An absent key fails a condition, but for a negated one, which it meets.
fn holds(operator: &str, wanted: &Value, value: Option<&str>) -> bool {
    match operator {
        "StringEquals" => value.is_some_and(|value| words(wanted).any(|wanted| wanted == value)),
        // The two are one.
        "ArnEquals" | "ArnLike" => value.is_some_and(|value| words(wanted).any(|wanted| is_arn(wanted, value))),
        "ArnNotLike" => value.is_none_or(|value| !words(wanted).any(|wanted| is_arn(wanted, value))),
        other => panic!("the evaluator doesn't know the operator {other}"),
    }
}

fn is_principal(wanted: &Value, principal: &str) -> bool {
    if wanted == "*" {
        return true;
    }
    let (kind, wanted) = wanted.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), wanted.as_str().unwrap()) {
        // The account's root stands for whoever its own policies let.
        ("AWS", root) if root.ends_with(":root") => principal.starts_with(root.trim_end_matches("root")),
        ("Service" | "Federated", wanted) => wanted == principal,
        other => panic!("the evaluator doesn't know the principal {other:?}"),
    }
}

/// Part by part: a `*` doesn't reach beyond a colon, but in the last part.
fn is_arn(pattern: &str, arn: &str) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    patterns.clone().count() == parts.clone().count() && patterns.zip(parts).all(|(pattern, part)| glob(pattern, part))
}

fn glob(pattern: &str, text: &str) -> bool {
    assert!(!pattern.contains('?'), "the evaluator doesn't know the ? in {pattern}");
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| glob(after, &rest[at..]))
        }),
    }
}

/// One word, or a list of them.
fn words(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str();
    let many = value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap());
    assert!(one.is_some() || value.is_array(), "neither a word nor a list: {value}");
    one.into_iter().chain(many)
}
