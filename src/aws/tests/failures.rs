//! What failures are classified as.

use rstest::rstest;

use super::*;

#[rstest]
#[case("CloudHsmAccessDeniedException", 400, FailureClass::AccessDenied)]
#[case("AccessDeniedException", 400, FailureClass::AccessDenied)]
#[case("com.amazon.coral.service#AccessDeniedException", 400, FailureClass::AccessDenied)]
#[case("UnauthorizedOperation", 403, FailureClass::AccessDenied)]
#[case("OptInRequired", 403, FailureClass::AccessDenied)]
#[case("NeverHeardOf", 403, FailureClass::AccessDenied)]
#[case("ExpiredTokenException", 400, FailureClass::NoCredentials)]
#[case("ExpiredToken", 403, FailureClass::NoCredentials)]
#[case("UnrecognizedClientException", 400, FailureClass::NoCredentials)]
#[case("InvalidClientTokenId", 403, FailureClass::NoCredentials)]
#[case("InvalidSignatureException", 403, FailureClass::NoCredentials)]
#[case("RequestTimeTooSkewed", 403, FailureClass::NoCredentials)]
#[case("NeverHeardOf", 401, FailureClass::NoCredentials)]
#[case("ThrottlingException", 400, FailureClass::Throttled)]
#[case("RequestLimitExceeded", 503, FailureClass::Throttled)]
#[case("SlowDown", 503, FailureClass::Throttled)]
#[case("NeverHeardOf", 429, FailureClass::Throttled)]
#[case("CloudHsmInternalFailureException", 500, FailureClass::AwsUnavailable)]
#[case("CloudHsmServiceException", 400, FailureClass::AwsUnavailable)]
#[case("InternalFailure", 500, FailureClass::AwsUnavailable)]
#[case("ServiceUnavailable", 503, FailureClass::AwsUnavailable)]
#[case("RequestTimeout", 400, FailureClass::AwsUnavailable)]
#[case("NeverHeardOf", 408, FailureClass::AwsUnavailable)]
#[case("NeverHeardOf", 502, FailureClass::AwsUnavailable)]
#[case("CloudHsmInvalidRequestException", 400, FailureClass::InvalidRequest)]
#[case("CloudHsmTagException", 400, FailureClass::InvalidRequest)]
#[case("CloudHsmResourceLimitExceededException", 400, FailureClass::InvalidRequest)]
#[case("ValidationException", 400, FailureClass::InvalidRequest)]
#[case("SerializationException", 400, FailureClass::InvalidRequest)]
#[case("UnknownOperationException", 404, FailureClass::InvalidRequest)]
#[case("NeverHeardOf", 400, FailureClass::InvalidRequest)]
#[tokio::test]
async fn awss_codes_have_their_class_in_looks_and_writes(
    #[case] code: &str,
    #[case] status: u16,
    #[case] class: FailureClass,
) {
    let server = Server::start([Reply::error(status, code, "as it is")]).await;
    let aws = aws(&server);
    let look = look(&aws, &scope(), &id()).await.unwrap_err();
    let write = failed(aws.write(delete()).await);
    for (failure, operation) in [(look, "DescribeBackups"), (write, "DeleteBackup")] {
        assert_eq!((failure.class, failure.operation), (class, operation), "{failure:?}");
        assert_eq!(failure.code.as_deref(), code.rsplit('#').next());
        assert_eq!(failure.request_id.as_deref(), Some("req-1"));
        assert!(!failure.text.is_empty());
    }
    assert_eq!(server.settled().await, 2, "one attempt each");
}

#[tokio::test]
async fn a_write_to_an_unknown_backup_is_an_invalid_request() {
    let server = Server::start([Reply::error(400, "CloudHsmResourceNotFoundException", "no such backup")]).await;
    let failure = failed(aws(&server).write(delete()).await);
    assert_eq!((failure.class, failure.text.as_str()), (FailureClass::InvalidRequest, "no such backup"));
}

#[tokio::test]
async fn awss_text_is_given_without_what_changes() {
    let message = "User: arn:aws:sts::111122223333:assumed-role/op/1699 is not authorized to perform: \
                   cloudhsm:DeleteBackup\n(Request ID: 11111111-2222-3333-4444-555555555555)";
    let server = Server::start([Reply::error(400, "AccessDeniedException", message)]).await;
    let failure = failed(aws(&server).write(delete()).await);
    assert_eq!(
        failure.text,
        "User: arn:aws:sts::111122223333:assumed-role/op is not authorized to perform: cloudhsm:DeleteBackup"
    );
    assert_eq!(
        failure.to_string(),
        "DeleteBackup failed with AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/op is not \
         authorized to perform: cloudhsm:DeleteBackup"
    );
}

#[rstest]
#[case(
    "InvalidSignatureException",
    "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z",
    "clock"
)]
#[case("InvalidSignatureException", "Signature not yet current: 20260101T001500Z is still later than …", "clock")]
#[case("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "clock")]
#[case("InvalidSignatureException", "The Canonical String … x-amz-security-token:SECRET", "signature")]
#[tokio::test]
async fn texts_that_hold_times_or_secrets_are_replaced(#[case] code: &str, #[case] message: &str, #[case] says: &str) {
    let server = Server::start([Reply::error(403, code, message)]).await;
    let failure = look(&aws(&server), &scope(), &id()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::NoCredentials);
    assert!(
        failure.text.contains(says) && !failure.text.contains("2026") && !failure.text.contains("SECRET"),
        "{failure:?}"
    );
}

#[rstest]
#[case(Reply::Http(503, String::new()), FailureClass::AwsUnavailable, "HTTP status 503")]
#[case(Reply::Http(500, "<html>".to_owned()), FailureClass::AwsUnavailable, "HTTP status 500")]
#[case(Reply::Http(403, "<html>proxy</html>".to_owned()), FailureClass::AwsUnavailable, "HTTP status 403")]
#[case(Reply::Http(302, String::new()), FailureClass::AwsUnavailable, "HTTP status 302")]
#[case(Reply::Http(429, "{}".to_owned()), FailureClass::Throttled, "HTTP status 429")]
#[case(Reply::Close, FailureClass::AwsUnavailable, "the connection was closed before there was an answer")]
#[case(Reply::Noise, FailureClass::AwsUnavailable, "isn't what AWS's protocol says")]
#[case(Reply::Truncated, FailureClass::AwsUnavailable, "isn't what AWS's protocol says")]
#[case(Reply::Never, FailureClass::AwsUnavailable, "no answer in time")]
#[tokio::test]
async fn what_comes_without_a_code_has_a_class_and_our_words(
    #[case] reply: Reply,
    #[case] class: FailureClass,
    #[case] says: &str,
) {
    let server = Server::start([reply]).await;
    let aws = aws(&server);
    for failure in [look(&aws, &scope(), &id()).await.unwrap_err(), failed(aws.write(delete()).await)] {
        assert_eq!((failure.class, &failure.code), (class, &None), "{failure:?}");
        assert!(failure.text.contains(says), "{failure:?}");
    }
    assert_eq!(server.settled().await, 2, "one attempt each");
}

#[tokio::test]
async fn an_endpoint_that_refuses_or_cannot_be_resolved_is_unavailable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, says) in [
        (format!("http://{closed}"), "the connection was refused"),
        ("http://nowhere.invalid".to_owned(), "the endpoint's name can't be resolved"),
    ] {
        let aws = Aws::with_limits(&config(&url).build(), Metrics::default(), limits());
        let failure = look(&aws, &scope(), &id()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::AwsUnavailable, "{failure:?}");
        assert_eq!(failure.text, says);
    }
}

#[tokio::test]
async fn a_plain_server_behind_https_is_unavailable() {
    let server = Server::start([Reply::Noise]).await;
    let url = server.url().replace("http://", "https://");
    let aws = Aws::with_limits(&config(&url).build(), Metrics::default(), limits());
    let failure = look(&aws, &scope(), &id()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::AwsUnavailable, "{failure:?}");
}

#[tokio::test]
async fn a_region_that_makes_no_endpoint_is_an_invalid_request_and_nothing_is_sent() {
    for (url, region) in [(Some("not a url"), "us-east-1"), (None, "not a region"), (None, "x/../y"), (None, "")] {
        let mut config = config("");
        config.set_endpoint_url(url.map(str::to_owned));
        let aws = Aws::with_limits(&config.build(), Metrics::default(), limits());
        let failure = look(&aws, &Scope::of_operator(Region::new(region)), &id()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::InvalidRequest, "{failure:?}");
        assert!(failure.text.starts_with("the AWS SDK can't make the call"), "{failure:?}");
    }
}
