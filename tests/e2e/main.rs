//! The operator's binary on a real control plane, with the emulator as AWS. One process, so that all tests share a control plane.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod chaos;
mod crash;
mod failed_looks;
mod failed_setup;
mod failed_writes;
mod flips;
mod idle;
mod lost_answers;
mod main_job;
mod outages;
mod sampler;
mod starting;
mod stopping;
mod telling;
mod twins;
mod watching;
mod wishes;
mod world;
