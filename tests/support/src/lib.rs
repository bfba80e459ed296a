//! What tests of the operator stand on: a real control plane, the operator as a process, and waiting without sleeps.
//!
//! A failure in here ends the test with a message that says what was done and what came back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test support: a failure must end the test with its message"
)]

mod access;
mod api_proxy;
mod api_request;
mod chart;
mod control_plane;
mod process;
mod project;
mod published_crds;
mod supervisor;
mod wait;

pub use access::{Grant, rule};
pub use api_proxy::{ApiProxy, Fault};
pub use api_request::ApiRequest;
pub use chart::{Chart, Helm, tool};
pub use control_plane::ControlPlane;
pub use process::{Operator, OperatorBuilder};
pub use project::{documents, root, yaml_files};
pub use published_crds::PublishedCrds;
pub use wait::{DEADLINE, consistently, eventually};
