//! The commands in the documentation, as far as they can be checked without running them: targets of the Makefile, flags of the
//! operator, values of the chart, verbs of kubectl, files of the repository; and the names of flags' variables and of metrics.

use std::{collections::BTreeSet, fs};

use clap::{CommandFactory, Parser};
use cloudhsm_backup_operator::args::{Arguments, one_line};
use test_support::{ControlPlane, root};

use crate::{
    pages::{Page, all},
    reference::exported_series,
    values::takes,
};

/// A command that a page tells its reader to run.
pub(crate) struct Told {
    pub(crate) at: String,
    /// Its words, without quotes.
    words: Vec<String>,
}

/// The commands of a page: in blocks of console those behind a `$`, where there is one; else, and in blocks of sh, every line; continued
/// behind a `\`. And what of code within the text has more words than one and begins with a tool's name.
fn commands(page: &Page) -> Vec<Told> {
    let mut commands = Vec::new();
    for block in page.blocks() {
        let prompt = match block.info.as_str() {
            "console" if block.text.lines().any(|line| line.starts_with("$ ")) => "$ ",
            "console" => "",
            "sh" | "bash" => "",
            _ => continue,
        };
        let mut lines = block.text.lines().enumerate();
        while let Some((offset, line)) = lines.next() {
            let Some(first) = line.strip_prefix(prompt) else { continue };
            let mut command = first.to_owned();
            while command.ends_with('\\') {
                command.pop();
                let Some((_, line)) = lines.next() else { break };
                command += line.trim_start();
            }
            let at = page.at(block.line + 1 + offset);
            for words in command.split('|').map(words).filter(|words| !words.is_empty()) {
                commands.push(Told { at: at.clone(), words });
            }
        }
    }
    for (code, line) in page.inline_code() {
        let words = words(&code);
        if words.len() > 1 && ["flux", "argocd", "kubectl"].contains(&words[0].as_str()) {
            commands.push(Told { at: page.at(line), words });
        }
    }
    commands
}

/// The words of a command, as a shell cuts it, without what is behind a `#`.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The words behind a program's name, which may follow variables.
pub(crate) fn arguments_of<'a>(told: &'a Told, program: &str) -> Option<&'a [String]> {
    let start = told.words.iter().position(|word| !word.contains('=') && word != "sudo" && word != "time")?;
    let name = told.words[start].rsplit('/').next()?;
    (name == program).then(|| &told.words[start + 1..])
}

pub(crate) fn all_commands() -> Vec<Told> {
    let commands: Vec<Told> = all().iter().flat_map(commands).collect();
    assert!(commands.len() > 30, "only {} commands were found", commands.len());
    commands
}

#[test]
fn every_target_of_make_is_there() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": ").or(line.split_once(':')))
        .map(|(name, _)| name)
        .collect();
    let mut wrong = Vec::new();
    for told in all_commands() {
        for target in arguments_of(&told, "make").into_iter().flatten() {
            if !target.contains('=') && !target.starts_with('-') && !targets.contains(target.as_str()) {
                wrong.push(format!("{}: make {target}", told.at));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_command_line_of_the_operator_can_be_parsed() {
    let mut wrong = Vec::new();
    for told in all_commands() {
        if let Some(arguments) = arguments_of(&told, "cloudhsm-backup-operator") {
            let line = std::iter::once("cloudhsm-backup-operator").chain(arguments.iter().map(String::as_str));
            wrong.extend(parse(line).err().map(|error| format!("{}: {error}", told.at)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Parses as the binary does; help is no error.
fn parse<'a>(line: impl Iterator<Item = &'a str>) -> Result<(), String> {
    match Arguments::try_parse_from(line) {
        Err(error) if error.exit_code() != 0 => Err(one_line(&error)),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn every_set_of_helm_is_a_value_of_the_chart() {
    let mut wrong = Vec::new();
    for told in all_commands() {
        let Some(arguments) = arguments_of(&told, "helm") else { continue };
        let ours = arguments.iter().any(|word| word.ends_with("charts/cloudhsm-backup-operator"));
        let settings = arguments.windows(2).filter(|pair| pair[0].starts_with("--set"));
        let settings: Vec<&str> = settings.flatten().map(String::as_str).collect();
        if ours && let Err(why) = takes(&settings).await {
            wrong.push(format!("{}: {settings:?}: {why}", told.at));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_verb_of_kubectl_is_there() {
    let control_plane = ControlPlane::shared().await;
    let mut verbs: BTreeSet<(String, String)> = BTreeSet::new();
    for told in all_commands() {
        let Some(arguments) = arguments_of(&told, "kubectl") else { continue };
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-n" | "--namespace" | "--as" | "--context" | "--kubeconfig" => drop(rest.next()),
                word if word.starts_with('-') => {}
                // A plugin of others, such as `kubectl argo`, has help of its own.
                verb => {
                    verbs.insert((verb.to_owned(), told.at.clone()));
                    break;
                }
            }
        }
    }
    let mut known = BTreeSet::new();
    for (verb, at) in &verbs {
        if known.insert(verb) {
            let output = control_plane.kubectl().args([verb, "--help"]).output().await.unwrap();
            assert!(output.status.success(), "{at}: kubectl {verb}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(known.len() > 5, "{known:?}");
}

#[test]
fn every_file_of_the_repository_that_a_command_names_is_there() {
    let mut wrong = Vec::new();
    for told in all_commands() {
        for word in &told.words {
            let path = word.trim_start_matches("./").trim_end_matches('/');
            let ours = ["hack/", "deploy/", "charts/", "crds/", "tests/", "docs/", "src/"];
            if ours.iter().any(|folder| path.starts_with(folder)) && !path.contains(['*', '<', '$', '{']) {
                let path = path.split([':', '#']).next().unwrap();
                if !root().join(path).exists() {
                    wrong.push(format!("{}: {path}", told.at));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The longest runs of name characters in a text that begin with a prefix.
fn names<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(move |c: char| !is_name(c));
    words.filter(|word| word.starts_with(prefix) && *word != prefix.trim_end_matches('_')).collect()
}

#[test]
fn every_variable_is_one_of_a_flag() {
    let command = Arguments::command();
    let run = command.find_subcommand("run").unwrap();
    let known: BTreeSet<String> =
        run.get_arguments().filter_map(|flag| Some(flag.get_env()?.to_str()?.to_owned())).collect();
    assert!(known.len() > 5, "{known:?}");
    let mut wrong = Vec::new();
    for page in all() {
        for name in names(&page.text, "CLOUDHSM_BACKUP_OPERATOR_") {
            // With nothing behind it, it is the prefix that is told of.
            if name != "CLOUDHSM_BACKUP_OPERATOR_" && !known.contains(name) {
                wrong.push(format!("{}: {name}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_metric_is_exported() {
    let known = exported_series();
    let mut wrong = Vec::new();
    for page in all() {
        for prefix in ["cloudhsm_backup_", "controller_runtime_", "leader_election_"] {
            for name in names(&page.text, prefix) {
                // The operator's own crate, in Rust.
                if !known.contains(name) && !name.starts_with("cloudhsm_backup_operator") {
                    wrong.push(format!("{}: {name}", page.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn words_are_cut_as_a_shell_does() {
    assert_eq!(
        words("kubectl -n hsm patch -p '{\"a\": 1}' \"x y\" # why"),
        ["kubectl", "-n", "hsm", "patch", "-p", "{\"a\": 1}", "x y"]
    );
    let page = Page { path: "a.md".into(), text: "```console\n$ A=1 make up \\\n    down | cat\nup\n```\n".into() };
    let commands = commands(&page);
    assert_eq!((commands.len(), commands[0].at.as_str()), (2, "a.md:2"));
    assert_eq!(arguments_of(&commands[0], "make").unwrap(), ["up", "down"]);
    assert!(arguments_of(&commands[1], "make").is_none());
}
