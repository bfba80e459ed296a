//! The command line. Each flag can also be given as an environment variable with the prefix `CLOUDHSM_BACKUP_OPERATOR_`.

use std::{net::SocketAddr, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::decide::Mode;

/// Declares in Kubernetes which AWS CloudHSM v2 backups shall exist.
#[derive(Debug, Parser)]
#[command(name = "cloudhsm-backup-operator", version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM.
    ///
    /// AWS credentials, region, endpoint, FIPS and dual-stack come from the AWS SDK's standard chain, access to Kubernetes from the
    /// pod or from KUBECONFIG, the log level from RUST_LOG.
    Run(RunArguments),
    /// Print the CustomResourceDefinitions as YAML.
    Crd,
}

/// How to run.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Which AWS writes are allowed at all
    #[arg(long, value_enum, default_value = "full", env = "CLOUDHSM_BACKUP_OPERATOR_MODE")]
    pub mode: Mode,

    /// AWS region for objects without spec.region [default: as the AWS SDK finds it]
    #[arg(long, env = "CLOUDHSM_BACKUP_OPERATOR_REGION", value_parser = region)]
    pub region: Option<String>,

    /// Watch only this namespace; may be given several times, in the variable comma-separated [default: all]
    #[arg(long, env = "CLOUDHSM_BACKUP_OPERATOR_NAMESPACE", value_delimiter = ',', action = ArgAction::Append, value_parser = namespace)]
    pub namespace: Vec<String>,

    /// How often each account and region is swept for drift: 1s and up, such as 90s, 5m, 1h
    #[arg(long, allow_hyphen_values = true, default_value = "5m", env = "CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", value_parser = interval)]
    pub resync_interval: Duration,

    /// How many requests per second may go to AWS in the long run, per account and region
    #[arg(long, default_value = "10", allow_hyphen_values = true, env = "CLOUDHSM_BACKUP_OPERATOR_AWS_QPS", value_parser = qps)]
    pub aws_qps: f64,

    /// How many of them may go at once after a rest
    #[arg(long, default_value = "40", allow_hyphen_values = true, env = "CLOUDHSM_BACKUP_OPERATOR_AWS_BURST", value_parser = burst)]
    pub aws_burst: u32,

    /// Address of /healthz, /readyz and /metrics
    #[arg(long, default_value = "0.0.0.0:8080", env = "CLOUDHSM_BACKUP_OPERATOR_LISTEN")]
    pub listen: SocketAddr,

    /// Hold a Lease before acting: with several replicas one acts and the others stand by
    #[arg(
        long, value_name = "true|false", default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true,
        action = ArgAction::Set, env = "CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT", value_parser = leader_elect
    )]
    pub leader_elect: bool,

    /// Namespace of the Lease [default: in a pod its own, else the context's, else default]
    #[arg(long, env = "CLOUDHSM_BACKUP_OPERATOR_LEASE_NAMESPACE", value_parser = namespace)]
    pub lease_namespace: Option<String>,

    /// Name of the Lease
    #[arg(long, default_value = "cloudhsm-backup-operator", env = "CLOUDHSM_BACKUP_OPERATOR_LEASE_NAME", value_parser = lease_name)]
    pub lease_name: String,

    /// Format of the log on standard error [default: text on a terminal, else json]
    #[arg(long, value_enum, env = "CLOUDHSM_BACKUP_OPERATOR_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

impl RunArguments {
    /// The namespaces to watch, each once; empty for all. An empty variable means none given.
    #[must_use]
    pub fn namespaces(&self) -> Vec<String> {
        let mut namespaces: Vec<String> = self.namespace.iter().filter(|name| !name.is_empty()).cloned().collect();
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }
}

fn region(text: &str) -> Result<String, String> {
    let shaped = text.len() <= 64
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if shaped { Ok(text.to_owned()) } else { Err("give the name of an AWS region, such as us-east-1".into()) }
}

fn namespace(text: &str) -> Result<String, String> {
    let text = text.trim();
    let shaped = text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if shaped { Ok(text.to_owned()) } else { Err("give the name of a namespace, such as hsm".into()) }
}

fn leader_elect(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "give true or false".into())
}

fn lease_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let shaped = text.len() <= 253
        && text.split('.').all(is_label)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    if shaped { Ok(text.to_owned()) } else { Err("give a name of lower-case letters, digits, - and .".into()) }
}

fn interval(text: &str) -> Result<Duration, String> {
    let help = "give a time of 1s and up, such as 90s, 5m or 1h";
    let interval: SignedDuration = text.parse().map_err(|_| help.to_owned())?;
    // The upper bound keeps sums of times within what the clock can hold.
    let range = SignedDuration::from_secs(1)..=SignedDuration::from_hours(24 * 365);
    if range.contains(&interval) { interval.try_into().map_err(|_| help.to_owned()) } else { Err(help.into()) }
}

fn qps(text: &str) -> Result<f64, String> {
    let help = "give a number of requests per second above 0, such as 10 or 0.5";
    text.parse().ok().filter(|qps: &f64| (0.01..=1_000_000.0).contains(qps)).ok_or_else(|| help.into())
}

fn burst(text: &str) -> Result<u32, String> {
    let help = "give a number of requests from 1 to 1000000, such as 40";
    text.parse().ok().filter(|burst| (1..=1_000_000).contains(burst)).ok_or_else(|| help.into())
}

/// Clap's error in one line: what is wrong, without the usage.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    format!("{}; see --help", words.join(" "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;

    fn parse(flags: &[&str]) -> Result<RunArguments, clap::Error> {
        let line = ["cloudhsm-backup-operator", "run"].iter().chain(flags);
        match Arguments::try_parse_from(line)?.command {
            Command::Run(arguments) => Ok(arguments),
            Command::Crd => panic!("not run"),
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_documented_contract() {
        let arguments = parse(&[]).unwrap();
        assert_eq!(arguments.mode, Mode::Full);
        assert_eq!(arguments.resync_interval, Duration::from_secs(300));
        assert_eq!(arguments.listen.to_string(), "0.0.0.0:8080");
        assert_eq!((arguments.region.clone(), arguments.namespaces()), (None, vec![]));
        assert!(arguments.leader_elect && arguments.lease_namespace.is_none());
        assert_eq!(arguments.lease_name, "cloudhsm-backup-operator");
    }

    #[test]
    fn namespaces_are_taken_repeated_and_comma_separated_each_once() {
        let arguments = parse(&["--namespace", "b", "--namespace", "a,b,"]).unwrap();
        assert_eq!(arguments.namespaces(), ["a", "b"]);
    }

    #[rstest]
    #[case(&["--leader-elect"], true)]
    #[case(&["--leader-elect=true"], true)]
    #[case(&["--leader-elect=false"], false)]
    fn leader_election_is_switched_as_other_controllers_do(#[case] flags: &[&str], #[case] elect: bool) {
        assert_eq!(parse(flags).unwrap().leader_elect, elect);
    }

    #[rstest]
    #[case(&["--mode", "sometimes"], "restore-only")]
    #[case(&["--resync-interval", "0s"], "1s and up")]
    #[case(&["--resync-interval", "-5m"], "--resync-interval")]
    #[case(&["--resync-interval", "-5m"], "1s and up")]
    #[case(&["--resync-interval", "5"], "1s and up")]
    #[case(&["--region", "https://example.com"], "us-east-1")]
    #[case(&["--namespace", "Not A Name"], "such as hsm")]
    #[case(&["--listen", "8080"], "--listen")]
    #[case(&["--leader-elect=perhaps"], "true or false")]
    #[case(&["--lease-namespace", "Not A Name"], "such as hsm")]
    #[case(&["--lease-name", "Not A Name"], "lower-case")]
    #[case(&["--lease-name", "a..b"], "lower-case")]
    #[case(&["--lease-name", ""], "lower-case")]
    #[case(&["--frobnicate"], "--frobnicate")]
    fn a_bad_flag_is_refused_in_one_line_that_says_what_to_do(#[case] flags: &[&str], #[case] part: &str) {
        let line = one_line(&parse(flags).unwrap_err());
        assert!(line.starts_with("error: ") && line.contains(part) && !line.contains('\n'), "{line}");
    }
}
