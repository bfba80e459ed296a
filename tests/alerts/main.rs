//! Alerts, runbooks and dashboard: that they do what they say, and ask for nothing that the operator doesn't export.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod codes;
mod dashboard;
mod exported;
mod promql;
mod rules;
mod runbooks;
mod tools;
