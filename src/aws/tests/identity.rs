//! Credentials and accounts.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

use super::*;

/// Credentials after 200 ms.
#[derive(Debug)]
pub(super) struct Slow;

impl ProvideCredentials for Slow {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(Keys::new("AKIA111122223333AAAA", "secret", None, None, "slow"))
        })
    }
}

/// Never any credentials.
#[derive(Debug)]
struct Silent;

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

/// An error each time, and a count.
#[derive(Debug, Default)]
struct Failing(AtomicUsize);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(
            "the role can't be assumed\n(Request ID: 11111111-2222-3333-4444-555555555555)",
        )))
    }
}

/// Counts how often it is asked, and gives another key each time.
#[derive(Debug, Default)]
struct Counting {
    asked: AtomicUsize,
    lives: Mutex<Option<Duration>>,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let end = self.lives.lock().unwrap().map(|lives| std::time::SystemTime::now() + lives);
        future::ProvideCredentials::ready(Ok(Keys::new(
            format!("AKIA11112222333300{n:02}"),
            "secret",
            None,
            end,
            "test",
        )))
    }
}

fn with(server: &Server, provider: Arc<dyn ProvideCredentials>) -> Aws {
    let config = config(&server.url()).credentials_provider(SharedCredentialsProvider::new(provider)).build();
    Aws::with_limits(&config, Metrics::default(), limits())
}

fn nothing() -> Reply {
    Reply::ok(r#"{"Backups":[]}"#)
}

#[tokio::test]
async fn without_a_provider_there_are_no_credentials_and_nothing_is_sent() {
    let server = Server::start([nothing()]).await;
    let config = SdkConfig::builder().endpoint_url(server.url()).build();
    let aws = Aws::with_limits(&config, Metrics::default(), limits());
    let failure = look(&aws, &scope(), &id()).await.unwrap_err();
    assert_eq!((failure.class, failure.code.clone()), (FailureClass::NoCredentials, None), "{failure:?}");
    assert_eq!(failure.text, "no credentials were found in the AWS SDK's chain");
    assert_eq!(server.settled().await, 0);
}

#[tokio::test]
async fn credentials_that_do_not_come_are_no_time_out_of_awss_even_for_many_who_ask() {
    let server = Server::start([nothing()]).await;
    let aws = with(&server, Arc::new(Silent));
    let started = Instant::now();
    let (scope, id) = (scope(), id());
    let looks = (0..20).map(|_| look(&aws, &scope, &id));
    for failure in futures::future::join_all(looks).await {
        let failure = failure.unwrap_err();
        assert_eq!(failure.class, FailureClass::NoCredentials, "{failure:?}");
    }
    assert!(started.elapsed() < limits().operation, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_providers_own_reason_is_told_and_it_is_not_asked_by_everyone() {
    let server = Server::start([nothing()]).await;
    let provider = Arc::new(Failing::default());
    let aws = with(&server, provider.clone());
    for _ in 0..3 {
        let failure = look(&aws, &scope(), &id()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::NoCredentials);
        assert_eq!(failure.text, "an error occurred while loading credentials: the role can't be assumed");
    }
    assert_eq!(provider.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn credentials_are_kept_and_renewed_before_their_end() {
    let server = Server::start([nothing()]).await;
    let provider = Arc::new(Counting::default());
    let aws = with(&server, provider.clone());
    for _ in 0..3 {
        look(&aws, &scope(), &id()).await.unwrap();
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);

    let provider = Arc::new(Counting { lives: Mutex::new(Some(Duration::from_secs(30))), ..Counting::default() });
    let aws = with(&server, provider.clone());
    for _ in 0..3 {
        look(&aws, &scope(), &id()).await.unwrap();
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 3);
}

fn caller(account: &str) -> Reply {
    Reply::ok(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/x</Arn><UserId>X</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    ))
}

#[tokio::test]
async fn sts_is_asked_once_for_all_who_want_to_know_the_account() {
    let server = Server::start([caller("444455556666")]).await;
    let aws = aws(&server);
    let scope = scope();
    let all = futures::future::join_all((0..10).map(|_| aws.account(&scope))).await;
    assert!(all.iter().all(|account| account.as_ref().is_some_and(|account| account.as_str() == "444455556666")));
    assert_eq!(server.settled().await, 1);
    assert!(server.requests()[0].head.contains("/us-east-1/sts/aws4_request"));
}

#[tokio::test]
async fn an_arn_tells_the_account_without_sts() {
    let arn = "arn:aws:cloudhsm:us-east-1:111122223333:backup/backup-ro5c4er4aac";
    let backup = format!(r#"{{"BackupId":"{ID}","BackupState":"READY","BackupArn":"{arn}"}}"#);
    let server = Server::start([Reply::ok(format!(r#"{{"Backups":[{backup}]}}"#))]).await;
    let aws = aws(&server);
    look(&aws, &scope(), &id()).await.unwrap();
    assert_eq!(aws.account(&scope()).await.unwrap().as_str(), "111122223333");
    assert_eq!(server.settled().await, 1);
}

#[tokio::test]
async fn where_sts_fails_the_account_is_unknown_and_sts_is_left_alone() {
    for reply in [Reply::Never, Reply::Close, Reply::error(403, "AccessDenied", "no"), caller("nonsense")] {
        let server = Server::start([reply]).await;
        let aws = aws(&server);
        let started = Instant::now();
        for _ in 0..3 {
            assert_eq!(aws.account(&scope()).await, None);
        }
        assert!(started.elapsed() < 2 * limits().account);
        assert_eq!(server.settled().await, 1);
    }
}

/// Resolves no name, and remembers which it was asked for.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        self.0.lock().unwrap().push(name.to_owned());
        DnsFuture::ready(Err(ResolveDnsError::new("there are no names here")))
    }
}

#[tokio::test]
async fn endpoints_follow_the_scope_and_fips_means_dual_stack_for_cloudhsm_alone() {
    for (fips, region, cloudhsm, sts) in [
        (false, "us-east-1", "cloudhsmv2.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"),
        (true, "us-east-1", "cloudhsmv2-fips.us-east-1.api.aws", "sts-fips.us-east-1.amazonaws.com"),
        (false, "cn-north-1", "cloudhsmv2.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"),
    ] {
        let names = Names::default();
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let http = aws_smithy_http_client::Builder::new().tls_provider(provider).build_with_resolver(names.clone());
        let mut config = config("").http_client(http).use_fips(fips);
        config.set_endpoint_url(None);
        let aws = Aws::with_limits(&config.build(), Metrics::default(), limits());
        let scope = Scope::of_operator(Region::new(region));
        let failure = look(&aws, &scope, &id()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::AwsUnavailable, "{failure:?}");
        aws.account(&scope).await;
        assert_eq!(*names.0.lock().unwrap(), [cloudhsm, sts]);
    }
}
