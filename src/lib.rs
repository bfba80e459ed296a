//! Kubernetes operator that declares which AWS CloudHSM v2 backups shall exist.

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
