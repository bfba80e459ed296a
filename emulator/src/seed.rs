//! The seed file: what `PUT /_control/backups` takes, as JSON or YAML.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// Why a seed file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// It can't be read.
    #[error("the seed {0} can't be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is neither JSON nor YAML.
    #[error("the seed {0} is neither JSON nor YAML: {1}")]
    Malformed(PathBuf, String),
}

/// Reads a seed file. Whether it holds backups is seen when the emulator starts with it.
///
/// # Errors
///
/// When the file can't be read, or is neither JSON nor YAML.
pub fn read_seed(path: &Path) -> Result<Value, SeedError> {
    let text = std::fs::read_to_string(path).map_err(|error| SeedError::Unreadable(path.to_owned(), error))?;
    if let Ok(value) = serde_json::from_str(&text) {
        return Ok(value);
    }
    serde_saphyr::from_str(&text).map_err(|error| {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().to_owned();
        SeedError::Malformed(path.to_owned(), first)
    })
}
