//! hack/versions.sh notices whatever is out of step.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

use rstest::rstest;

const CARGO: &str = "[workspace]\nmembers = [\"emulator\"]\n\n[workspace.package]\nversion = \"1.4.0\"\nrust-version = \"1.95\"\n\n\
                     [package]\nname = \"operator\"\nversion.workspace = true\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\n\
                    [[package]]\nname = \"operator\"\nversion = \"1.4.0\"\ndependencies = [\n \"serde\",\n]\n\n\
                    [[package]]\nname = \"emulator\"\nversion = \"1.4.0\"\n";
const CHART: &str = "apiVersion: v2\nname: operator\nversion: 1.4.0\nappVersion: \"1.4.0\"\ndependencies:\n- name: other\n  version: 9.9.9\n";
const DOCKERFILE: &str = "ARG RUST_VERSION=1.95.0\nFROM rust:${RUST_VERSION}\n";
const TOOLCHAIN: &str = "[toolchain]\nchannel = \"1.95.0\"\n";
const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n## 1.4.0 - 2026-12-01\n\n### Fixed\n\n- A leak.\n\n## 1.3.0 - 2026-11-01\n\n- A start.\n";

/// A checkout with all versions in step.
struct Checkout(PathBuf);

impl Checkout {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("versions-{}-{number}", std::process::id()));
        let checkout = Self(root);
        for (path, text) in [
            ("Cargo.toml", CARGO),
            ("Cargo.lock", LOCK),
            ("charts/operator/Chart.yaml", CHART),
            ("Dockerfile", DOCKERFILE),
            ("rust-toolchain.toml", TOOLCHAIN),
            ("CHANGELOG.md", CHANGELOG),
        ] {
            checkout.write(path, text);
        }
        checkout
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a text that must be there.
    fn change(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, &text.replace(from, to));
    }

    fn check(&self, arguments: &[&str]) -> Result<String, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/versions.sh");
        let Output { status, stdout, stderr } =
            Command::new(script).args(arguments).env("ROOT", &self.0).output().unwrap();
        if status.success() { Ok(String::from_utf8(stdout).unwrap()) } else { Err(String::from_utf8(stderr).unwrap()) }
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[rstest]
#[case::as_it_is(None)]
#[case::unquoted(Some(("charts/operator/Chart.yaml", "\"1.4.0\"", "1.4.0  # the image's tag")))]
#[case::single_quotes(Some(("charts/operator/Chart.yaml", "\"1.4.0\"", "'1.4.0'")))]
#[case::carriage_returns(Some(("charts/operator/Chart.yaml", "\n", "\r\n")))]
#[case::brackets_in_the_changelog(Some(("CHANGELOG.md", "## 1.4.0", "## [1.4.0]")))]
fn in_step(#[case] change: Option<(&str, &str, &str)>) {
    let checkout = Checkout::new();
    if let Some((path, from, to)) = change {
        checkout.change(path, from, to);
    }
    assert_eq!(
        checkout.check(&[]).unwrap(),
        "versions: 1.4.0 in Cargo.toml and Cargo.lock, charts/operator/Chart.yaml\n"
    );
    assert!(checkout.check(&["v1.4.0"]).unwrap().ends_with(", and the tag v1.4.0\n"));
}

#[rstest]
#[case::chart("Chart.yaml", "version: 1.4.0", "version: 1.3.0", "Chart.yaml, version: 1.3.0; Cargo.toml has 1.4.0")]
#[case::image("Chart.yaml", "\"1.4.0\"", "\"v1.4.0\"", "appVersion: v1.4.0; Cargo.toml has 1.4.0")]
#[case::no_image("Chart.yaml", "appVersion", "# appVersion", "appVersion: missing; Cargo.toml has 1.4.0")]
#[case::lock(
    "Cargo.lock",
    "name = \"emulator\"\nversion = \"1.4.0\"",
    "name = \"emulator\"\nversion = \"1.3.0\"",
    "Cargo.lock has emulator 1.3.0"
)]
#[case::crates(
    "Cargo.toml",
    "1.4.0",
    "1.5.0",
    "Cargo.lock has operator 1.4.0, Cargo.toml 1.5.0: run cargo update --workspace"
)]
#[case::not_semver("Cargo.toml", "1.4.0", "1.4", "not a version such as 0.2.0")]
#[case::builder(
    "Dockerfile",
    "1.95.0",
    "1.94.1",
    "Dockerfile, ARG RUST_VERSION=1.94.1: rust-toolchain.toml has 1.95.0"
)]
#[case::minimum("Cargo.toml", "1.95", "1.9", "rust-version = \"1.9\": rust-toolchain.toml has 1.95.0")]
fn out_of_step_on_any_commit(#[case] file: &str, #[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let checkout = Checkout::new();
    let path = if file == "Chart.yaml" { "charts/operator/Chart.yaml" } else { file };
    checkout.change(path, from, to);
    let error = checkout.check(&[]).unwrap_err();
    assert!(error.contains(says), "{error}");
}

#[rstest]
#[case::another_tag(
    "v1.3.0",
    "1.4.0 -",
    "1.4.0 -",
    "the tag is v1.3.0, but Cargo.toml has 1.4.0: the tag must be v1.4.0"
)]
#[case::no_v("1.4.0", "1.4.0 -", "1.4.0 -", "the tag must be v1.4.0")]
#[case::no_heading("v1.4.0", "## 1.4.0", "## 1.4.00", "CHANGELOG.md has no heading \"## 1.4.0 - ")]
#[case::no_date("v1.4.0", " - 2026-12-01", "", "but \"## 1.4.0\"")]
#[case::nothing_said(
    "v1.4.0",
    "### Fixed\n\n- A leak.\n",
    "",
    "CHANGELOG.md says nothing under \"## 1.4.0 - 2026-12-01\""
)]
#[case::unreleased("v1.4.0", "## Unreleased\n", "## Unreleased\n\n- A door.\n", "still has entries under Unreleased")]
fn not_ready_for_a_tag(#[case] tag: &str, #[case] from: &str, #[case] to: &str, #[case] says: &str) {
    let checkout = Checkout::new();
    checkout.change("CHANGELOG.md", from, to);
    assert!(checkout.check(&[]).is_ok(), "it holds for any commit");
    let error = checkout.check(&[tag]).unwrap_err();
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_release_needs_a_chart() {
    let checkout = Checkout::new();
    fs::remove_dir_all(checkout.0.join("charts")).unwrap();
    assert!(checkout.check(&["v1.4.0"]).unwrap_err().contains("there is no charts/*/Chart.yaml"));
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let checkout = Checkout::new();
    assert_eq!(checkout.check(&["notes", "1.4.0"]).unwrap().trim(), "### Fixed\n\n- A leak.");
    assert!(checkout.check(&["notes", "1.2.0"]).unwrap_err().contains("says nothing about 1.2.0"));
}
