//! The AWS query protocol: forms in, XML out.

use super::Shape;
use crate::errors::ApiError;
use serde_json::{Map, Value};

pub(super) const CONTENT_TYPE: &str = "text/xml";
pub(super) const BROKEN: &[u8] = b"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Assume";

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(super) fn decode(body: &[u8]) -> Value {
    Value::Object(
        form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect::<Map<_, _>>(),
    )
}

pub(super) fn success(op: &str, shape: &Shape, request_id: &str) -> Vec<u8> {
    let mut xml = format!("<{op}Response xmlns=\"{NAMESPACE}\"><{op}Result>");
    content(&mut xml, shape);
    xml.push_str(&format!("</{op}Result><ResponseMetadata>"));
    element(&mut xml, "RequestId", &Shape::Text(request_id.to_owned()));
    xml.push_str(&format!("</ResponseMetadata></{op}Response>"));
    xml.into_bytes()
}

pub(super) fn failure(error: &ApiError, status: u16, request_id: &str) -> Vec<u8> {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let text = |text: &str| Shape::Text(text.to_owned());
    let mut xml = format!("<ErrorResponse xmlns=\"{NAMESPACE}\">");
    let error = [("Type", text(fault)), ("Code", text(&error.code)), ("Message", text(&error.message))];
    element(&mut xml, "Error", &Shape::Record(error.into()));
    element(&mut xml, "RequestId", &text(request_id));
    xml.push_str("</ErrorResponse>");
    xml.into_bytes()
}

fn element(xml: &mut String, name: &str, shape: &Shape) {
    xml.push_str(&format!("<{name}>"));
    content(xml, shape);
    xml.push_str(&format!("</{name}>"));
}

fn content(xml: &mut String, shape: &Shape) {
    match shape {
        Shape::Text(text) => escape(xml, text),
        Shape::Flag(flag) => xml.push_str(if *flag { "true" } else { "false" }),
        Shape::Time(time) => xml.push_str(&time.iso()),
        Shape::List(items) => items.iter().for_each(|item| element(xml, "member", item)),
        Shape::Record(members) => members.iter().for_each(|(name, member)| element(xml, name, member)),
    }
}

fn escape(xml: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' | '\n' | '\r' => xml.push_str(&format!("&#{};", u32::from(letter))),
            // XML 1.0 has no way to write the other control characters.
            letter if letter.is_control() => xml.push('\u{fffd}'),
            letter => xml.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut xml = String::new();
        escape(&mut xml, "a<b>&\"c\"\n\u{1}");
        assert_eq!(xml, "a&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}");
    }

    #[test]
    fn an_error_says_whose_fault_it_is() {
        let xml = |status| String::from_utf8(failure(&ApiError::new("Code", "why"), status, "id")).unwrap();
        assert!(xml(403).contains("<Error><Type>Sender</Type><Code>Code</Code><Message>why</Message></Error>"));
        assert!(xml(503).contains("<Type>Receiver</Type>"));
        assert!(xml(503).ends_with("<RequestId>id</RequestId></ErrorResponse>"));
    }
}
