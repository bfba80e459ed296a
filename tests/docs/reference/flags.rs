//! The chapter on the command line, made of clap's description of it: what `--help` shows.

use clap::{Arg, Command, CommandFactory};
use cloudhsm_backup_operator::args::Arguments;

use super::{code, table};

pub(super) fn chapter() -> String {
    let command = Arguments::command();
    let mut page = super::chapter(
        "Command line",
        "What `cloudhsm-backup-operator --help` shows. A flag wins over its variable. A bad one ends the program with exit code 2 and one \
         line that says what to give.",
    );
    page += "\n## Commands\n\n";
    let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
    page += &table(
        ["command", "what it does"],
        commands.map(|command| [code(command.get_name()), sentence(&about(command))]),
    );
    let run = command.find_subcommand("run").unwrap();
    page += "\n## Flags of run\n\n";
    page += &table(["flag, and its variable", "default", "meaning"], run.get_arguments().filter(is_ours).map(row));
    let values: Vec<&Arg> = run.get_arguments().filter(|flag| is_ours(flag) && has_described_values(flag)).collect();
    for flag in values {
        page += &format!("\n### Values of --{}\n\n", flag.get_long().unwrap());
        let values = flag.get_possible_values();
        page += &table(
            ["value", "meaning"],
            values.iter().map(|value| [code(value.get_name()), value.get_help().unwrap().to_string()]),
        );
    }
    page += "\n## Other variables\n\n\
             AWS credentials, region, endpoint, FIPS and dual-stack come from the AWS SDK's standard chain (`AWS_REGION`, `AWS_PROFILE`, \
             `AWS_ENDPOINT_URL_CLOUDHSM_V2`, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` and others), access to Kubernetes from the \
             pod or from `KUBECONFIG`, the log level from `RUST_LOG`, and where traces go from OpenTelemetry's `OTEL_*`.\n";
    page
}

fn about(command: &Command) -> String {
    command.get_about().unwrap().to_string()
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn is_ours(flag: &&Arg) -> bool {
    flag.get_id() != "help" && flag.get_id() != "version"
}

fn has_described_values(flag: &Arg) -> bool {
    let values = flag.get_possible_values();
    !values.is_empty() && values.iter().all(|value| value.get_help().is_some())
}

fn row(flag: &Arg) -> [String; 3] {
    let help = flag.get_help().unwrap().to_string();
    // clap has no place for a default that isn't one value, so the help tells it.
    let (meaning, told) = match help.split_once(" [default: ") {
        Some((meaning, told)) => (meaning.to_owned(), Some(told.trim_end_matches(']').to_owned())),
        None => (help, None),
    };
    let given: Vec<String> = flag.get_default_values().iter().map(|value| code(value.to_string_lossy())).collect();
    let default = told.unwrap_or_else(|| given.join(", "));
    let values = flag.get_possible_values();
    let values = values.iter().map(|value| value.get_name()).collect::<Vec<_>>().join("|");
    let equals = if flag.is_require_equals_set() { "=" } else { " " };
    let values = if values.is_empty() { own_values(flag) } else { values };
    let values = if values.is_empty() { values } else { format!("{equals}{values}") };
    let variable = flag.get_env().unwrap().to_string_lossy();
    let flag = code(format!("--{}{values}", flag.get_long().unwrap()));
    [format!("{flag}<br>{}", code(variable)), default, sentence(&meaning)]
}

/// What clap shows as the name of the value, where that lists the values.
fn own_values(flag: &Arg) -> String {
    let names = flag.get_value_names().unwrap_or_default();
    names.iter().filter(|name| name.contains('|')).map(ToString::to_string).collect()
}
