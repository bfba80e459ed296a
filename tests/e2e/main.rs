//! The operator's binary on a real control plane, with the emulator as AWS. One process, so that all tests share a control plane.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod chaos;
mod conflicts;
mod crash;
mod crowd;
mod decision_table;
mod drift;
mod economy;
mod election;
mod endurance;
mod failed_looks;
mod failed_setup;
mod failed_writes;
mod falsified;
mod flips;
mod history;
mod idle;
mod kubectl;
mod leader;
mod lease;
mod lost_answers;
mod main_job;
mod manifests;
mod object_series;
mod outages;
mod outages_of_aws;
mod places;
mod probes;
mod regions;
mod release;
mod restore_window;
mod retention;
mod rights;
mod sampler;
mod starting;
mod status_rules;
mod stopping;
mod stored;
mod telling;
mod throttled;
mod traces;
mod twins;
mod values;
mod watching;
mod wishes;
mod world;
