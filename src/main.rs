//! The operator's command line.

use std::{io::Write, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use cloudhsm_backup_operator::{
    api, app,
    args::{Arguments, Command, one_line},
    telemetry,
};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => error.exit(),
        Err(error) => return fail(&one_line(&error), 2),
    };
    match arguments.command {
        Command::Crd => print_crds(),
        Command::Run(arguments) => {
            let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return fail(&format!("error: {error}"), 1),
            };
            let traces = telemetry::start(arguments.log_format, runtime.handle());
            telemetry::end_on_panic();
            let result = runtime.block_on(app::run(arguments));
            traces.end();
            // What may still run is not worth waiting for: all that must end has ended.
            runtime.shutdown_background();
            match result {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&format!("error: {error}"), 1),
            }
        }
    }
}

fn print_crds() -> ExitCode {
    let mut yaml = String::new();
    for crd in api::crds() {
        match serde_saphyr::to_string(&crd) {
            Ok(document) => yaml += &format!("---\n{document}"),
            Err(error) => return fail(&format!("error: {error}"), 1),
        }
    }
    match std::io::stdout().lock().write_all(yaml.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Such as a pipe to a reader that has seen enough.
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(code)
}
