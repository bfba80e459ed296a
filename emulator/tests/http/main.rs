//! The emulator over HTTP, one file per concern.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod client;
mod clock;
mod control;
mod copy_and_tags;
mod describe;
mod faults;
mod input;
mod lag;
mod life;
mod pages;
mod requests_log;
mod sts;
mod throttle;
mod wire;
