//! An emulator of the AWS CloudHSM v2 backup API, for tests and for trying things without an AWS bill.
//!
//! It speaks awsJson1.1, Smithy RPC v2 CBOR and, for STS, the AWS query protocol on one port, keeps its state in
//! memory, and is steered by a control API under `/_control/`. [`Emulator::start`] runs one inside a test; the binary
//! of the same name runs one for people.
//!
//! The floor plan, from the socket inwards:
//!
//! * `server` takes connections and tells control calls from AWS calls (`request`, `caller`);
//! * `call` takes an AWS call through latency, throttle, faults and `ops`, and writes it into the `journal`;
//! * `ops` and `sts` are the operations; `world` is everything they and the `control` API change;
//! * `wire` turns what an operation answers into bytes.

mod backup;
mod behaviour;
mod call;
mod caller;
mod clock;
mod control;
mod emulator;
mod errors;
mod faults;
mod fields;
mod history;
mod ids;
mod journal;
mod model;
mod ops;
mod pages;
mod request;
mod seed;
mod server;
mod store;
mod sts;
mod throttle;
mod time;
mod wire;
mod world;

pub use clock::{Clock, ManualClock, SystemClock};
pub use emulator::{Emulator, LogSink, Options, Refused, StartError};
pub use seed::{SeedError, read_seed};
