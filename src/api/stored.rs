//! Reads a status as it is stored, whatever stands in it.
//!
//! The API server takes values that we can't read, such as a time zone of +99:99. An object with one must not be lost to the operator,
//! for then nobody would ever put it right: what can't be read counts as wiped.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::CloudHsmBackupStatus;

impl CloudHsmBackupStatus {
    /// The names of all its fields.
    pub const FIELDS: [&str; 20] = [
        "observedGeneration",
        "backupState",
        "lastBackupState",
        "backupArn",
        "clusterId",
        "createTimestamp",
        "copyTimestamp",
        "deleteTimestamp",
        "neverExpires",
        "sourceRegion",
        "sourceBackup",
        "sourceCluster",
        "hsmType",
        "mode",
        "tags",
        "region",
        "lastHandledRequestedAt",
        "unrequestedDeletion",
        "lastWrite",
        "conditions",
    ];
}

impl Serialize for CloudHsmBackupStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for CloudHsmBackupStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Value::deserialize(deserializer)?;
        if let Ok(status) = Self::deserialize(&stored) {
            return Ok(status);
        }
        let Value::Object(fields) = stored else { return Ok(Self { unreadable: true, ..Self::default() }) };
        let readable = |(name, value): &(String, Value)| {
            Self::deserialize(Value::Object(Map::from_iter([(name.clone(), value.clone())]))).is_ok()
        };
        let rest = Value::Object(fields.into_iter().filter(readable).collect());
        Ok(Self { unreadable: true, ..Self::deserialize(rest).unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::crds;

    #[test]
    fn what_cannot_be_read_counts_as_wiped_and_the_rest_stays() {
        let stored = json!({
            "createTimestamp": "2026-11-01T03:12:44+99:99", "backupState": "READY", "observedGeneration": 3,
        });
        let status: CloudHsmBackupStatus = serde_json::from_value(stored).unwrap();
        assert_eq!((status.create_timestamp, status.observed_generation), (None, Some(3)));
        assert_eq!(status.backup_state.as_deref(), Some("READY"));
        assert!(status.unreadable);
    }

    #[test]
    fn a_status_goes_out_and_comes_back_unchanged() {
        let stored = json!({"backupState": "READY", "observedGeneration": 3, "tags": {"team": "payments"}});
        let status: CloudHsmBackupStatus = serde_json::from_value(stored.clone()).unwrap();
        assert!(!status.unreadable);
        assert_eq!(serde_json::to_value(&status).unwrap(), stored);
    }

    #[test]
    fn the_list_of_fields_is_that_of_the_schema() {
        let crd = serde_json::to_value(crds()).unwrap();
        let fields = &crd[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        let mut listed = CloudHsmBackupStatus::FIELDS.to_vec();
        listed.sort_unstable();
        let schema: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(listed, schema);
    }
}
