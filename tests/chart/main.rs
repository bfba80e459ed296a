//! The chart: what Helm makes of it, and what a real API server makes of that. One process, so that tests share a control plane.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod adoption;
mod files;
mod lifecycle;
mod monitoring;
mod neighbours;
mod pods;
mod refusals;
mod release;
mod rights;
mod values;
