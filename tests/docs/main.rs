//! The documentation, held to what it says: every manifest is applied, every link followed, every reference compared with the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod book;
mod commands;
mod failures;
mod gitops;
mod links;
mod manifests;
mod pages;
mod policies;
mod purge;
mod reference;
mod values;
