//! What the standard variables of OpenTelemetry say about traces. A value that can't be used is warned of and taken for unset; where
//! traces would then go somewhere else, or otherwise than asked for, there are none. None of it keeps the operator from its work.

use std::{ops::RangeInclusive, time::Duration};

use axum::http::{HeaderName, Uri};
use opentelemetry_sdk::trace::Sampler;

/// How traces are exported.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where to, with the path.
    pub(super) endpoint: Uri,
    /// The file of certificates to trust in place of the system's.
    pub(super) certificate: Option<String>,
    /// How long an export may take, tries again included.
    pub(super) timeout: Duration,
    /// Which passes and sweeps are traced.
    pub(super) sampler: Sampler,
    /// How many spans wait at most; more are dropped.
    pub(super) queue: usize,
    /// How many are exported at once.
    pub(super) batch: usize,
    /// How long they wait at most.
    pub(super) delay: Duration,
    /// Whether the environment names the service.
    pub(super) named: bool,
}

/// A reader of the environment, with what it found wrong.
struct Reader<E> {
    get: E,
    warnings: Vec<String>,
}

/// Reads the variables; `None` when no traces are to be exported. Warnings never repeat a value: it may be a secret in the wrong place.
pub(super) fn read(get: impl Fn(&str) -> Option<String>) -> (Option<Settings>, Vec<String>) {
    let mut reader = Reader { get, warnings: Vec::new() };
    let settings = reader.settings();
    (settings, reader.warnings)
}

impl<E: Fn(&str) -> Option<String>> Reader<E> {
    fn settings(&mut self) -> Option<Settings> {
        let disabled = self.value("OTEL_SDK_DISABLED").unwrap_or_default().to_ascii_lowercase();
        if disabled == "true" {
            return None;
        }
        let exporters = self.value("OTEL_TRACES_EXPORTER").unwrap_or_else(|| "otlp".into());
        let mut exporters = exporters.split(',').map(str::trim);
        if exporters.clone().all(|exporter| exporter == "none") {
            return None;
        }
        let endpoint = self.endpoint()?;
        if !exporters.any(|exporter| exporter == "otlp") {
            return self.no_traces("OTEL_TRACES_EXPORTER is neither otlp nor none");
        }
        if !["", "false"].contains(&disabled.as_str()) {
            self.warn("OTEL_SDK_DISABLED is neither true nor false, and taken for false");
        }
        let protocol = self.first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some((name, _)) = protocol.filter(|(_, protocol)| !protocol.eq_ignore_ascii_case("http/protobuf")) {
            return self.no_traces(&format!(
                "{name} isn't http/protobuf, the only protocol there is here; collectors usually listen for it on port 4318"
            ));
        }
        self.check_lists();
        self.check_unsupported();
        let timeout =
            self.number(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"], 1..=60_000, 10_000);
        let limit = self.number(["OTEL_BSP_EXPORT_TIMEOUT"], 1..=600_000, 30_000);
        let queue = self.number(["OTEL_BSP_MAX_QUEUE_SIZE"], 1..=65_536, 2_048);
        let batch = self.number(["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], 1..=65_536, 512);
        let delay = self.number(["OTEL_BSP_SCHEDULE_DELAY"], 100..=600_000, 5_000);
        let certificate = self.first(["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]);
        let resource = self.value("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        Some(Settings {
            endpoint,
            certificate: certificate.map(|(_, path)| path),
            timeout: Duration::from_millis(timeout.min(limit)),
            sampler: self.sampler(),
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
            batch: usize::try_from(batch.min(queue)).unwrap_or(usize::MAX),
            delay: Duration::from_millis(delay),
            named: self.value("OTEL_SERVICE_NAME").is_some()
                || entries(&resource).any(|(key, _)| key == "service.name"),
        })
    }

    /// The endpoint for all signals gets the path for traces, the one for traces is taken as it is.
    fn endpoint(&mut self) -> Option<Uri> {
        let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        let (name, mut url) = self.first(names)?;
        if name == names[1] {
            url = format!("{}/v1/traces", url.trim_end_matches('/'));
        }
        let usable = |uri: &Uri| {
            let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            plain && matches!(uri.scheme_str(), Some("http" | "https"))
        };
        match url.parse::<Uri>().ok().filter(usable) {
            Some(uri) => Some(uri),
            None => {
                self.no_traces(&format!("{name} isn't a URL such as http://collector:4318, without credentials in it"))
            }
        }
    }

    fn sampler(&mut self) -> Sampler {
        let name = self.value("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".into());
        let (by_parent, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name.as_str()),
        };
        let sampler = match root {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(self.ratio()),
            _ => {
                self.warn("OTEL_TRACES_SAMPLER isn't one of always_on, always_off and traceidratio, with or without parentbased_ \
                           before it; all is sampled");
                Sampler::AlwaysOn
            }
        };
        if by_parent { Sampler::ParentBased(Box::new(sampler)) } else { sampler }
    }

    fn ratio(&mut self) -> f64 {
        let given = self.value("OTEL_TRACES_SAMPLER_ARG").and_then(|text| text.parse().ok());
        given.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
            self.warn("OTEL_TRACES_SAMPLER_ARG isn't a number from 0 to 1; 1 is used");
            1.0
        })
    }

    fn number<const N: usize>(&mut self, names: [&'static str; N], range: RangeInclusive<u64>, default: u64) -> u64 {
        let Some((name, text)) = self.first(names) else { return default };
        text.parse().ok().filter(|number| range.contains(number)).unwrap_or_else(|| {
            self.warn(&format!("{name} isn't a number from {} to {}; {default} is used", range.start(), range.end()));
            default
        })
    }

    /// The libraries read these and leave out what they can't use without a word.
    fn check_lists(&mut self) {
        let headers = self.first(["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);
        let resource = self.first(["OTEL_RESOURCE_ATTRIBUTES"]);
        let is_header = |key: &str| HeaderName::from_bytes(key.as_bytes()).is_ok();
        let bad_headers = headers.filter(|(_, list)| !all_entries(list, is_header));
        let bad_resource = resource.filter(|(_, list)| !all_entries(list, |key| !key.is_empty()));
        for (name, _) in [bad_headers, bad_resource].into_iter().flatten() {
            self.warn(&format!("{name} isn't a list such as name=value,other=value; what isn't so in it is left out"));
        }
    }

    fn check_unsupported(&mut self) {
        let compression = self.first(["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"]);
        let compression = compression.filter(|(_, value)| !value.eq_ignore_ascii_case("none"));
        let certificate =
            self.first(["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"]);
        for (name, _) in [compression, certificate].into_iter().flatten() {
            self.warn(&format!("{name} isn't supported, and left out"));
        }
    }

    /// A variable that is empty counts as unset.
    fn value(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn first<const N: usize>(&self, names: [&'static str; N]) -> Option<(&'static str, String)> {
        names.into_iter().find_map(|name| self.value(name).map(|value| (name, value)))
    }

    fn warn(&mut self, warning: &str) {
        self.warnings.push(warning.to_owned());
    }

    fn no_traces<T>(&mut self, why: &str) -> Option<T> {
        self.warn(&format!("no traces are exported: {why}"));
        None
    }
}

fn entries(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',').filter_map(|entry| entry.split_once('=')).map(|(key, value)| (key.trim(), value.trim()))
}

fn all_entries(list: &str, is_key: impl Fn(&str) -> bool) -> bool {
    let mut given = list.split_terminator(',');
    given.all(|entry| entry.split_once('=').is_some_and(|(key, _)| is_key(key.trim())))
}

#[cfg(test)]
mod tests;
