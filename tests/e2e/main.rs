//! The operator's binary on a real control plane, with the emulator as AWS. One process, so that all tests share a control plane.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod conflicts;
mod decision_table;
mod drift;
mod falsified;
mod history;
mod kubectl;
mod main_job;
mod manifests;
mod object_series;
mod places;
mod probes;
mod restore_window;
mod retention;
mod status_rules;
mod stored;
mod world;
