use rstest::rstest;

use super::*;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn read_from(variables: &[(&str, &str)]) -> (Option<Settings>, Vec<String>) {
    read(|name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()))
}

/// With a collector, and what else is given.
fn with(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let (settings, warnings) = read_from(&[&[ENDPOINT], variables].concat());
    (settings.expect("traces"), warnings)
}

#[rstest]
#[case(&[])]
#[case(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")])]
#[case(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")])]
#[case(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])]
#[case(&[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SERVICE_NAME", "x")])]
#[case(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")])]
#[case(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])]
fn without_an_endpoint_or_switched_off_there_are_no_traces_and_no_warnings(#[case] variables: &[(&str, &str)]) {
    let (settings, warnings) = read_from(variables);
    assert!(settings.is_none() && warnings.is_empty(), "{settings:?} {warnings:?}");
}

#[rstest]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", "http://collector:4318/v1/traces")]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector/otlp/", "https://collector/otlp/v1/traces")]
#[case("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318", "http://collector:4318/")]
#[case("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/a/b", "https://collector/a/b")]
fn only_the_endpoint_for_all_signals_gets_the_path_for_traces(
    #[case] name: &str,
    #[case] value: &str,
    #[case] used: &str,
) {
    let (settings, warnings) = read_from(&[(name, value)]);
    assert_eq!((settings.unwrap().endpoint.to_string().as_str(), warnings.len()), (used, 0));
}

#[test]
fn the_endpoint_for_traces_wins() {
    let (settings, _) = with(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other/traces")]);
    assert_eq!(settings.endpoint, "http://other/traces");
}

#[rstest]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector")]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:pa55@collector")]
#[case("OTEL_EXPORTER_OTLP_ENDPOINT", "http://pa55 word")]
#[case("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
#[case("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")]
#[case("OTEL_TRACES_EXPORTER", "console")]
fn where_traces_would_go_otherwise_than_asked_for_there_are_none_and_one_line_says_so(
    #[case] name: &str,
    #[case] value: &str,
) {
    let (settings, warnings) = read_from(&[(name, value), ENDPOINT]);
    assert!(settings.is_none(), "{settings:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("no traces are exported: ") && warnings[0].contains(name), "{warnings:?}");
    assert!(!warnings[0].contains("pa55"), "{warnings:?}");
}

#[rstest]
#[case("OTEL_BSP_MAX_QUEUE_SIZE", "0")]
#[case("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999")]
#[case("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1")]
#[case("OTEL_BSP_SCHEDULE_DELAY", "0")]
#[case("OTEL_BSP_EXPORT_TIMEOUT", "soon")]
#[case("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]
#[case("OTEL_TRACES_SAMPLER", "perhaps")]
#[case("OTEL_RESOURCE_ATTRIBUTES", "a=b,c")]
#[case("OTEL_EXPORTER_OTLP_HEADERS", "pa55word")]
#[case("OTEL_EXPORTER_OTLP_HEADERS", "na me=pa55word")]
#[case("OTEL_SDK_DISABLED", "maybe")]
#[case("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]
#[case("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem")]
fn another_bad_value_is_warned_of_without_repeating_it_and_taken_for_unset(#[case] name: &str, #[case] value: &str) {
    let (settings, warnings) = with(&[(name, value)]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(name) && !warnings[0].contains("pa55word"), "{warnings:?}");
    let (unset, _) = with(&[]);
    assert_eq!((settings.queue, settings.batch), (unset.queue, unset.batch));
    assert_eq!((settings.delay, settings.timeout), (unset.delay, unset.timeout));
}

#[test]
fn numbers_and_files_are_taken() {
    let (settings, warnings) = with(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x,other=y,"),
    ]);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!((settings.queue, settings.batch), (100, 100));
    assert_eq!((settings.delay, settings.timeout), (Duration::from_millis(250), Duration::from_secs(2)));
    assert_eq!(settings.certificate.as_deref(), Some("/ca.pem"));
}

#[rstest]
#[case("always_on", "", "AlwaysOn")]
#[case("parentbased_always_off", "", "ParentBased(AlwaysOff)")]
#[case("traceidratio", "0.25", "TraceIdRatioBased(0.25)")]
#[case("parentbased_traceidratio", "0", "ParentBased(TraceIdRatioBased(0.0))")]
#[case("traceidratio", "2", "TraceIdRatioBased(1.0)")]
#[case("traceidratio", "NaN", "TraceIdRatioBased(1.0)")]
#[case("", "0.5", "ParentBased(AlwaysOn)")]
fn the_sampler_is_the_one_named(#[case] name: &str, #[case] argument: &str, #[case] used: &str) {
    let (settings, _) = with(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
    assert_eq!(format!("{:?}", settings.sampler), used);
}

#[rstest]
#[case(&[], false)]
#[case(&[("OTEL_SERVICE_NAME", "mine")], true)]
#[case(&[("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=mine")], true)]
#[case(&[("OTEL_RESOURCE_ATTRIBUTES", "a=service.name")], false)]
fn whether_the_environment_names_the_service_is_seen(#[case] variables: &[(&str, &str)], #[case] named: bool) {
    assert_eq!(with(variables).0.named, named);
}
