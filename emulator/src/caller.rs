//! Who calls: the SigV4 credential scope names the region, the access key the account. Signatures aren't checked.

use crate::backup::Scope;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

/// What a request says about its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    account: String,
    region: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self { account: ACCOUNT.to_owned(), region: REGION.to_owned() }
    }
}

impl Caller {
    /// From `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
    pub(crate) fn of_authorization(header: &str) -> Self {
        let credential = header.split_once("Credential=").map(|(_, rest)| rest);
        let credential = credential.and_then(|rest| rest.split([',', ' ']).next());
        credential.map_or_else(Self::default, Self::of_credential)
    }

    /// From `<key>/<date>/<region>/<service>/aws4_request`.
    pub(crate) fn of_credential(credential: &str) -> Self {
        let mut parts = credential.split('/');
        let account = parts.next().and_then(account_of_key).unwrap_or(ACCOUNT);
        let region = parts.nth(1).filter(|region| !region.is_empty()).unwrap_or(REGION);
        Self { account: account.to_owned(), region: region.to_owned() }
    }

    pub(crate) fn scope(self) -> Scope {
        Scope { account: self.account, region: self.region }
    }
}

/// The account of a key of the form `AKIA<12 digits>…` or `ASIA<12 digits>…`.
fn account_of_key(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("AKIA").or_else(|| key.strip_prefix("ASIA"))?;
    rest.get(..12).filter(|account| account.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_scope_name_account_and_region() {
        for (header, account, region) in [
            (
                "AWS4-HMAC-SHA256 Credential=AKIA444455556666ABCD/20260101/eu-west-1/cloudhsm/aws4_request, SignedHeaders=a, Signature=b",
                "444455556666",
                "eu-west-1",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=ASIA444455556666/20260101/us-gov-west-1/sts/aws4_request,SignedHeaders=a",
                "444455556666",
                "us-gov-west-1",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-west-1/cloudhsm/aws4_request",
                ACCOUNT,
                "eu-west-1",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=AROA444455556666/20260101/eu-west-1/cloudhsm/aws4_request",
                ACCOUNT,
                "eu-west-1",
            ),
            ("AWS4-HMAC-SHA256 Credential=AKIA44445555666/20260101", ACCOUNT, REGION),
            ("Bearer x", ACCOUNT, REGION),
            ("", ACCOUNT, REGION),
        ] {
            let expected = Scope { account: account.to_owned(), region: region.to_owned() };
            assert_eq!(Caller::of_authorization(header).scope(), expected, "{header}");
        }
    }
}
