//! Kubernetes operator that declares which AWS CloudHSM v2 backups shall exist.
//!
//! ```text
//!  CloudHsmBackup (watch)          sweep, one per account and region
//!         │                                  │
//!     controller ──look──────────────> inventory ──DescribeBackups──> aws ──> AWS
//!         │  <──what has changed──
//!      decide(intent, sight, memory, mode, now) ──> Decision            pure
//!         │          needs a write?
//!         ├── read the object again ── confirm ──> Permit               pure
//!         ├── inventory.write(Permit) ──> aws ──> AWS
//!      status(previous, sight, decision) ──> the status, if it differs  pure
//!         ├── patch /status
//!         └── events, metrics
//! ```
//!
//! The floors, from the top; imports go downwards only, and `tests/floors.rs` holds the code to it:
//!
//! 1. [`app`].
//! 2. [`admin`], [`lease`], [`telemetry`].
//! 3. [`controller`]: Kubernetes' side. [`args`].
//! 4. [`inventory`]: what AWS shows, scope by scope, and how many requests that may take.
//! 5. [`aws`]: the only place that names the SDK. [`events`].
//! 6. [`metrics`]. [`liveness`]: whether the loops go round. [`spans`]: what traces are made of. [`refusal`]: what the API server says.
//! 7. [`status`], [`claims`]. From here on all is pure: no async, no I/O, no clock, no client.
//! 8. [`message`], [`lag`].
//! 9. [`decide`], [`backoff`].
//! 10. [`intent`]: the resource, read into the domain.
//! 11. [`api`]: the resource. [`clock`] and [`leadership`], the only impure things so far down: they tell the time, and who leads.
//! 12. [`mod@backup`]: the domain.

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
pub mod leadership;
pub mod lease;
pub mod liveness;
pub mod message;
pub mod metrics;
pub mod refusal;
pub mod spans;
pub mod status;
pub mod telemetry;
