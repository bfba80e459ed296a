//! What the API server says when it refuses, in its own words: kube's errors add the whole answer a second time, as Rust prints it.

use std::fmt;

/// A failed call to the API server, for logs and messages: `leases.coordination.k8s.io "x" is forbidden: … (403 Forbidden)`.
#[derive(Debug)]
pub struct InWords<'a>(pub &'a kube::Error);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            kube::Error::Api(status) => write!(f, "{} ({} {})", status.message, status.code, status.reason),
            error => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refusal_is_told_once_and_in_the_api_servers_words() {
        let message = r#"leases.coordination.k8s.io "x" is forbidden"#;
        let error = kube::Error::Api(Box::new(Status::failure(message, "Forbidden").with_code(403)));
        assert_eq!(InWords(&error).to_string(), format!("{message} (403 Forbidden)"));
    }
}
