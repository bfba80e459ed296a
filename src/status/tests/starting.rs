//! What a pass starts from.

use super::*;

fn foreign(message: &str) -> Condition {
    Condition {
        type_: "example.com/Audited".into(),
        status: "True".into(),
        reason: "Done".into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: Time(end()),
    }
}

#[test]
fn what_this_process_concluded_counts_and_not_what_somebody_stored_since() {
    let own = concluded(after("READY"), Reason::Available);
    let wiped = CloudHsmBackupStatus::default();
    assert_eq!(resume(&own, &wiped, later()), own);
    let falsified = concluded(after("DELETED"), Reason::RestoreWindowClosed);
    assert_eq!(resume(&own, &falsified, later()), own);
}

#[test]
fn the_conditions_of_others_are_taken_as_they_are_stored_now() {
    let mut own = concluded(after("READY"), Reason::Available);
    own.conditions.push(foreign("as it was"));
    let mut stored = own.clone();
    stored.conditions[1] = foreign("as it is");
    assert_eq!(resume(&own, &stored, later()), stored);
    stored.conditions.pop();
    assert_eq!(resume(&own, &stored, later()), stored);
}

#[test]
fn two_processes_agree_on_since_when_a_status_holds() {
    let own = concluded(after("READY"), Reason::Available);
    let mut stored = own.clone();
    stored.conditions[0].last_transition_time =
        Time(own.conditions[0].last_transition_time.0 - SignedDuration::from_secs(1));
    assert_eq!(resume(&own, &stored, later()), stored);
    stored.conditions[0].last_transition_time = Time(later() + SignedDuration::from_secs(1));
    assert_eq!(resume(&own, &stored, later()), own);
}

#[test]
fn a_status_that_could_not_be_read_is_written_anew() {
    let unreadable = CloudHsmBackupStatus { unreadable: true, ..concluded(after("READY"), Reason::Available) };
    let mirrored = mirror(&unreadable, &present(), &shown("READY"));
    let next = conclude(mirrored, &verdict(Reason::Available), 7, None, later());
    assert_ne!(next, unreadable);
    assert!(!next.unreadable);
}
