//! Makes AWS's texts fit for a status message: printable, short, without secrets, and the same for the same failure.

use std::error::Error;

/// The most characters a text has.
const LONGEST: usize = 200;

/// Makes a text printable: no control characters, white space folded, no request ids, no access keys, at most 200 characters.
pub(super) fn printable(text: &str) -> String {
    shortened(&cleaned(text), LONGEST)
}

/// Makes a code or an id printable: letters, digits and few marks.
pub(super) fn identifier(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).take(100).collect()
}

/// The error and its sources, for the log.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        texts.push(source.to_string());
        next = source.source();
    }
    texts.dedup();
    shortened(&cleaned(&texts.join(": ")), 5 * LONGEST)
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(longest.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

fn cleaned(text: &str) -> String {
    let spaced: String = before_what_was_signed(text).chars().map(|c| if is_printable(c) { c } else { ' ' }).collect();
    let mut words = spaced.split_whitespace().peekable();
    let mut kept: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
        if bare == "request" && words.peek().is_some_and(|next| is_id_label(next)) {
            // "Request ID: <id>"
            words.next();
            words.next();
        } else if bare == "requestid:" || bare == "request-id:" {
            words.next();
        } else if !holds_request_id(&bare) {
            kept.push(masked(word));
        }
    }
    kept.join(" ")
}

/// Where AWS takes a signature for wrong it may repeat all that was signed, the session token among it.
fn before_what_was_signed(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let marks = ["canonical string", "string-to-sign", "x-amz-security-token"];
    let at = marks.into_iter().filter_map(|mark| lower.find(mark)).min();
    at.and_then(|at| text.get(..at)).unwrap_or(text)
}

fn is_printable(c: char) -> bool {
    // Direction marks and invisible characters aren't control characters by Unicode's count.
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn is_id_label(word: &str) -> bool {
    word.eq_ignore_ascii_case("id:") || word.eq_ignore_ascii_case("id")
}

/// A UUID, or something that is called a request id.
fn holds_request_id(bare: &str) -> bool {
    let last = bare.rsplit(['=', ':']).next().unwrap_or_default();
    bare.starts_with("requestid:")
        || bare.starts_with("requestid=")
        || bare.starts_with("request-id:")
        || bare.starts_with("request-id=")
        || is_uuid(last.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Without access keys, and without the name of a role's session, which often changes with each renewal of the credentials.
fn masked(word: &str) -> String {
    let word = without_session(word);
    let mut rest = word.as_str();
    let mut out = String::with_capacity(word.len());
    while let Some((before, found)) = split_at_key(rest) {
        let end = found.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(found.len());
        let (key, after) = found.split_at(end);
        out.push_str(before);
        out.push_str(key.get(..4).unwrap_or_default());
        out.push_str(if key.len() >= 20 { "…" } else { key.get(4..).unwrap_or_default() });
        rest = after;
    }
    out.push_str(rest);
    out
}

fn split_at_key(text: &str) -> Option<(&str, &str)> {
    let at = [text.find("AKIA"), text.find("ASIA")].into_iter().flatten().min()?;
    Some(text.split_at(at))
}

fn without_session(word: &str) -> String {
    const ROLE: &str = ":assumed-role/";
    let Some((before, after)) = word.split_once(ROLE) else { return word.to_owned() };
    let role = after.split('/').next().unwrap_or_default();
    format!("{before}{ROLE}{role}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("two\n  lines\tand\u{0} more", "two lines and more")]
    #[case("left\u{202e}right", "left right")]
    #[case("broken (Request ID: 11111111-2222-3333-4444-555555555555)", "broken")]
    #[case("broken; RequestId: abc123 again", "broken; again")]
    #[case("broken requestId=abc123", "broken")]
    #[case("id 11111111-2222-3333-4444-555555555555, sorry", "id sorry")]
    #[case("key AKIAABCDEFGHIJKLMNOP is off", "key AKIA… is off")]
    #[case("(ASIA111122223333ABCDEF)", "(ASIA…)")]
    #[case("ASIA is a continent", "ASIA is a continent")]
    #[case("no. The Canonical String was x-amz-security-token:FQoG", "no. The")]
    #[case(
        "User: arn:aws:sts::111122223333:assumed-role/op/session-1699999999 is not authorized",
        "User: arn:aws:sts::111122223333:assumed-role/op is not authorized"
    )]
    fn what_changes_between_tries_and_what_is_secret_goes(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(printable(text), kept);
    }

    #[test]
    fn a_long_text_is_cut_at_200_characters() {
        let text = printable(&"é".repeat(500));
        assert_eq!(text.chars().count(), 200);
        assert!(text.ends_with('…'));
        assert_eq!(printable(&"é".repeat(200)), "é".repeat(200));
    }
}
