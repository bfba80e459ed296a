//! Runs the release binary on a real control plane, with the emulator as AWS, and prints one table: what each figure is, beside the
//! floor that the same run found for it and the goal it is to meet.
//!
//! Nothing fails for being slow: the machine may be busy with other things. What isn't a count is to be compared within one run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that can't go on ends with its message"
)]

mod aws;
mod bare;
mod counts;
mod flips;
mod leash;
mod machine;
mod measure;
mod objects;
mod process;
mod sheet;
mod stage;
mod watching;
mod wire;

use std::path::PathBuf;

use clap::Parser;

use self::{measure::Measure, sheet::Column, stage::Stage};

/// Measures the operator on a real control plane.
#[derive(Parser)]
struct Arguments {
    /// Numbers of objects
    #[arg(long, value_delimiter = ',', num_args = 1.., default_values_t = [100, 1_000, 10_000])]
    objects: Vec<usize>,

    /// How many flips a percentile is taken of, if there are objects enough
    #[arg(long, default_value_t = 200)]
    flips: usize,

    /// The operator's binary [default: the one beside this one]
    #[arg(long)]
    operator: Option<PathBuf>,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let operator = arguments.operator.unwrap_or_else(|| machine::beside("cloudhsm-backup-operator"));
    let emulator = machine::beside("cloudhsm-emulator");
    let micro = machine::micro_benchmarks();
    println!("{}", micro.text);

    let mut columns: Vec<Column> = Vec::new();
    let mut versions = Vec::new();
    for count in arguments.objects {
        let stage = Stage::set(operator.clone(), &emulator).await;
        if versions.is_empty() {
            versions = machine::versions(&operator, &stage);
        }
        let mut column = Measure::new(&stage, count, arguments.flips).run().await;
        column.judge_slope(columns.last());
        columns.push(column);
    }
    if let Some(last) = columns.last_mut() {
        last.figures.extend([(sheet::Row::Binary, machine::size(&operator)), (sheet::Row::Decide, micro.decide)]);
    }
    println!("{}\n", machine::command_line());
    for line in versions {
        println!("{line}");
    }
    println!("load at the end: {}", machine::load());
    for what in columns.iter().flat_map(|column| &column.given_up) {
        println!("given up: {what}");
    }
    println!("\n{}", sheet::table(&columns));
}
