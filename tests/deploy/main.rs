//! What lies in deploy/ for GitOps tools.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod bypass;
mod given;
mod objects;
mod rows;
mod samples;
