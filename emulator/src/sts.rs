//! STS: just enough to assume a role in an account, and to ask who one is.

use crate::backup::Scope;
use crate::errors::ApiError;
use crate::fields::Fields;
use crate::ops::Done;
use crate::request::Call;
use crate::time::Millis;
use crate::wire::Shape;
use crate::world::World;
use regex::Regex;
use std::sync::LazyLock;

/// How long credentials last: one hour, unless the call says otherwise.
const DEFAULT_SECONDS: i64 = 3600;
const SECONDS: std::ops::RangeInclusive<i64> = 900..=43_200;

/// Opens a session token; the rest of it is the caller's ARN in hexadecimal.
const TOKEN_PREFIX: &str = "IQoJemulator";

static ROLE_ARN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\Aarn:([a-z-]+):iam::([0-9]{12}):role/(?:[!-~]+/)?([A-Za-z0-9_+=,.@-]+)\z").ok());
static SESSION_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9_+=,.@-]{2,64}\z").ok());

/// Does what the call asks for.
pub(crate) fn run(world: &mut World, call: &Call) -> Result<Done, ApiError> {
    let input = call.input.as_ref().map_err(|wrong| ApiError::new("MalformedQueryString", wrong))?;
    let input = invalid(Fields::of(input, "the query"))?;
    match call.op.as_str() {
        "AssumeRole" => assume(world, input, vec![]),
        "AssumeRoleWithWebIdentity" => {
            required(input, "WebIdentityToken")?;
            let text = |text: &str| Shape::Text(text.to_owned());
            let provider = invalid(input.text("ProviderId"))?.unwrap_or("emulator");
            let identity = vec![
                ("SubjectFromWebIdentityToken", text("emulator")),
                ("Provider", text(provider)),
                ("Audience", text("sts.amazonaws.com")),
            ];
            assume(world, input, identity)
        }
        "GetCallerIdentity" => Ok(identity(&call.scope, call.session_token.as_deref())),
        "" => Err(ApiError::new("MissingAction", "The request must contain the parameter Action.")),
        op => Err(ApiError::new("InvalidAction", format!("Could not find operation {op} for version 2011-06-15"))),
    }
}

fn assume(world: &mut World, input: Fields<'_>, identity: Vec<(&'static str, Shape)>) -> Result<Done, ApiError> {
    let arn = required(input, "RoleArn")?;
    let session = required(input, "RoleSessionName")?;
    let role = ROLE_ARN.as_ref().and_then(|pattern| pattern.captures(arn));
    let Some((_, [partition, account, role])) = role.map(|captures| captures.extract()) else {
        return Err(invalid_value("roleArn", arn, "be the ARN of a role"));
    };
    if !SESSION_NAME.as_ref().is_some_and(|pattern| pattern.is_match(session)) {
        return Err(invalid_value("roleSessionName", session, r"satisfy regular expression pattern: [\w+=,.@-]{2,64}"));
    }
    let seconds = seconds(input)?;
    let assumed = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}");
    let expiration = Millis::of(world.real_time()).plus(seconds * 1000);
    let key = format!("ASIA{account}{}", world.ids.letters(4).to_uppercase());
    let note = format!("{key} until {}", expiration.iso());
    let credentials = vec![
        ("AccessKeyId", Shape::Text(key)),
        ("SecretAccessKey", Shape::Text(world.ids.letters(40))),
        ("SessionToken", Shape::Text(session_token(&assumed))),
        ("Expiration", Shape::Time(expiration)),
    ];
    let user =
        vec![("AssumedRoleId", Shape::Text(format!("{}:{session}", role_id(account)))), ("Arn", Shape::Text(assumed))];
    let mut members = vec![("Credentials", Shape::Record(credentials)), ("AssumedRoleUser", Shape::Record(user))];
    members.extend(identity);
    Ok(Done { shape: Shape::Record(members), note })
}

fn identity(scope: &Scope, session_token: Option<&str>) -> Done {
    let account = &scope.account;
    let (arn, user) = match session_token.and_then(arn_of_token) {
        Some(arn) => {
            let session = arn.rsplit('/').next().unwrap_or_default();
            let user = format!("{}:{session}", role_id(account));
            (arn, user)
        }
        None => (format!("arn:aws:iam::{account}:user/emulator"), format!("AIDA{account}USER2")),
    };
    let note = arn.clone();
    let members = [("UserId", user), ("Account", account.clone()), ("Arn", arn)];
    Done { shape: Shape::Record(members.into_iter().map(|(name, text)| (name, Shape::Text(text))).collect()), note }
}

fn role_id(account: &str) -> String {
    format!("AROA{account}ROLE2")
}

fn session_token(arn: &str) -> String {
    let hex: String = arn.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{TOKEN_PREFIX}{hex}")
}

fn arn_of_token(token: &str) -> Option<String> {
    let hex = token.strip_prefix(TOKEN_PREFIX)?;
    let bytes: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

fn seconds(input: Fields<'_>) -> Result<i64, ApiError> {
    let Some(text) = invalid(input.text("DurationSeconds"))? else { return Ok(DEFAULT_SECONDS) };
    let seconds = text.parse().ok().filter(|seconds| SECONDS.contains(seconds));
    seconds.ok_or_else(|| {
        invalid_value("durationSeconds", text, &format!("have a value from {} to {}", SECONDS.start(), SECONDS.end()))
    })
}

fn required<'a>(input: Fields<'a>, name: &str) -> Result<&'a str, ApiError> {
    let value = invalid(input.text(name))?.filter(|value| !value.is_empty());
    value.ok_or_else(|| ApiError::new("ValidationError", format!("The parameter {name} is missing.")))
}

fn invalid_value(member: &str, value: &str, rule: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    );
    ApiError::new("ValidationError", message)
}

fn invalid<T>(read: Result<T, String>) -> Result<T, ApiError> {
    read.map_err(|wrong| ApiError::new("ValidationError", wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_token_tells_whose_it_is() {
        let arn = "arn:aws:sts::444455556666:assumed-role/x/session";
        assert_eq!(arn_of_token(&session_token(arn)).as_deref(), Some(arn));
        for foreign in ["", "abc", "IQoJemulatorxyz", "IQoJemulatorf", "IQoJemulatorä"] {
            assert_eq!(arn_of_token(foreign).filter(|arn| !arn.is_empty()), None, "{foreign}");
        }
    }

    #[test]
    fn the_patterns_compile() {
        assert!(ROLE_ARN.as_ref().is_some_and(|p| p.is_match("arn:aws:iam::111122223333:role/path/x")));
        assert!(SESSION_NAME.as_ref().is_some_and(|p| p.is_match("a.b") && !p.is_match("a")));
    }
}
