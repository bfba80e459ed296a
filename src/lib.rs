//! Kubernetes operator that declares which AWS CloudHSM v2 backups shall exist.
//!
//! ```text
//!  CloudHsmBackup (watch)
//!         │
//!     controller ──look──> inventory ──DescribeBackups──> aws ──> AWS
//!         │  <──Sight──
//!      decide(intent, sight, memory, mode, now) ──> Decision            pure
//!         │          needs a write?
//!         ├── read the object again ── confirm ──> Permit               pure
//!         ├── inventory.write(Permit) ──> aws ──> AWS
//!      status(previous, sight, decision) ──> the status, if it differs  pure
//!         ├── patch /status
//!         └── events, metrics
//! ```
//!
//! The floors, from the top; imports go downwards only, and a test holds the code to it:
//!
//! 1. [`app`], [`args`], [`telemetry`]: the process.
//! 2. [`controller`], [`admin`]: Kubernetes' side.
//! 3. [`inventory`]: what AWS shows, backup by backup. 4. [`aws`]: the only place that names the SDK. [`events`].
//! 5. [`metrics`].
//! 6. [`decide`], [`status`], [`message`], [`lag`], [`backoff`], [`claims`]: pure. No async, no I/O, no clock, no client.
//! 7. [`intent`]: the resource, read into the domain. Pure.
//! 8. [`api`]: the resource. [`mod@backup`]: the domain. [`clock`].

pub mod admin;
pub mod api;
pub mod app;
pub mod args;
pub mod aws;
pub mod backoff;
pub mod backup;
pub mod claims;
pub mod clock;
pub mod controller;
pub mod decide;
pub mod events;
pub mod intent;
pub mod inventory;
pub mod lag;
pub mod message;
pub mod metrics;
pub mod status;
pub mod telemetry;
