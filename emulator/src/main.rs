//! The emulator as a program: arguments, the address, lines for people, signals.

use clap::{Parser, ValueEnum};
use cloudhsm_emulator::{Emulator, Options, read_seed};
use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// An emulator of the AWS CloudHSM v2 backup API, in memory, with STS and a control API under /_control/.
///
/// The first line on standard output is the address it listens on, as soon as it accepts connections. It ends on
/// SIGTERM and SIGINT.
#[derive(Debug, Parser)]
#[command(name = "cloudhsm-emulator", version)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4566", value_parser = address)]
    listen: SocketAddr,

    /// JSON or YAML file with the backups to start with, in the form that PUT /_control/backups takes
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,

    /// What to write to standard error: a line for every AWS call and every write through the control API, or nothing
    #[arg(long, value_enum, default_value_t = Log::None)]
    log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    /// A line each: time, region, account, operation, backup, status, what happened
    Text,
    /// Nothing
    None,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| "no such host".to_owned())
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&one_line(&error), 2),
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { listen, seed, log } = arguments;
    let mut options = Options { listen, ..Options::default() };
    options.seed = seed.as_deref().map(read_seed).transpose()?;
    if log == Log::Text {
        options.log = Some(Box::new(|line| {
            // Nobody reads it any more: no reason to stop.
            let _ = writeln!(std::io::stderr(), "{line}");
        }));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the address is told: whoever waits for it may send a signal at once.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let emulator = Emulator::start(options)?;
        let mut stdout = std::io::stdout();
        // A closed standard output is no reason to stop either.
        let _ = writeln!(stdout, "{}", emulator.addr()).and_then(|()| stdout.flush());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

/// The first paragraph of clap's message, in a line.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{} (see --help)", paragraph.trim_start_matches("error: "))
}

fn fail(message: &str, code: u8) -> ExitCode {
    let message = message.lines().collect::<Vec<_>>().join(" ");
    let _ = writeln!(std::io::stderr(), "cloudhsm-emulator: {message}");
    ExitCode::from(code)
}
