//! The complete product of situations, against what the documented contract says and the rules of safety.

use super::*;

/// What the documented contract says, in the order it says it. Deliberately not the shape of the code.
fn oracle(given: &Given) -> (Reason, Option<Call>) {
    let Given { intent, sight, memory, conflict, refused, mode } = given;
    let is_present = intent.desired == DesiredState::Present;
    if *conflict {
        return (Reason::Conflict, None);
    }
    let over = |end: Option<Timestamp>| end.is_some() && end <= Some(now());
    let last = memory.state.as_ref().map_or("", BackupState::as_str);
    let (word, end, exempt) = match &sight.observation {
        Observation::Found(backup) => {
            (backup.state.as_str(), backup.delete_timestamp, backup.never_expires == Some(true))
        }
        Observation::NotFound => ("gone", None, false),
    };
    let closed = word == DELETED || (word == "gone" && (last == PENDING || last == DELETED));
    // A time that came with READY or CREATE_IN_PROGRESS announces no end.
    let ended = over(memory.delete_timestamp) && (last == PENDING || last == STRANGE);
    let proven = word == DELETED || (word == "gone" && (last == DELETED || ended));

    let mut reason = Reason::UnknownBackupState;
    let mut due = None;
    if word == CREATING {
        reason = Reason::Creating;
    }
    if word == "gone" {
        reason = Reason::BackupNotFound;
    }
    if is_present && word == READY {
        reason = Reason::Available;
        if intent.never_expires.is_some() && intent.never_expires != Some(exempt) {
            reason = Reason::Updating;
            due = Some(if exempt { EXPOSE } else { EXEMPT });
        }
    }
    if is_present && word == PENDING {
        (reason, due) = (Reason::Restoring, Some(RESTORE));
        if over(end) && *refused {
            (reason, due) = (Reason::RestoreWindowClosed, None);
        }
    }
    if is_present && closed {
        reason = Reason::RestoreWindowClosed;
    }
    if !is_present && word == READY {
        (reason, due) = (Reason::Deleting, Some(DELETE));
    }
    if !is_present && word == PENDING {
        reason = Reason::PendingDeletion;
    }
    if !is_present && proven {
        reason = Reason::Deleted;
    }
    let forbidden = *mode == Mode::Observe || (*mode == Mode::RestoreOnly && due != Some(RESTORE));
    if due.is_some() && (intent.suspend || intent.deleting) {
        return (Reason::Suspended, None);
    }
    if due.is_some() && forbidden {
        return (Reason::WriteNotAllowed, None);
    }
    (reason, due)
}

fn intents() -> Vec<Intent> {
    let mut all = Vec::new();
    for desired in [DesiredState::Present, DesiredState::Deleted] {
        for never_expires in [None, Some(true), Some(false)] {
            for suspend in [false, true] {
                for deleting in [false, true] {
                    all.push(Intent { never_expires, suspend, deleting, ..declared(desired).intent });
                }
            }
        }
    }
    all
}

fn observations() -> Vec<Observation> {
    let mut all = vec![Observation::NotFound];
    for word in [READY, PENDING, DELETED, CREATING, STRANGE] {
        for end in [None, Some(-60), Some(60)] {
            for never_expires in [None, Some(true), Some(false)] {
                let mut given = present().shown(word).backup(|backup| backup.never_expires = never_expires);
                if let Some(end) = end {
                    given = given.until(end);
                }
                all.push(given.sight.observation);
            }
        }
    }
    all
}

/// Each status that an object may have, and whether what it remembers is about this place.
fn statuses() -> Vec<(CloudHsmBackupStatus, bool)> {
    let mut all = Vec::new();
    for (region, here) in [(None, true), (Some("us-east-1"), true), (Some("eu-central-1"), false)] {
        for (account, mine) in [(None, true), (Some(ACCOUNT), true), (Some("999988887777"), false)] {
            for word in [None, Some(READY), Some(PENDING), Some(DELETED), Some(CREATING), Some(STRANGE)] {
                for gone in [false, true] {
                    for end in [None, Some(-60), Some(60)] {
                        let word = word.map(str::to_owned);
                        let status = CloudHsmBackupStatus {
                            backup_state: word.clone().filter(|_| !gone),
                            last_backup_state: word.filter(|_| gone),
                            delete_timestamp: end.map(|end| Time(at(end))),
                            region: region.map(str::to_owned),
                            backup_arn: account
                                .map(|account| format!("arn:aws:cloudhsm:us-east-1:{account}:backup/{ID}")),
                            ..CloudHsmBackupStatus::default()
                        };
                        all.push((status, here && mine));
                    }
                }
            }
        }
    }
    all
}

#[test]
fn what_a_status_witnesses_counts_only_for_the_place_looked_in_now() {
    for (status, counts) in statuses() {
        let memory = Memory::of(&status, &scope(), AccountId::new(ACCOUNT).as_ref());
        let word = status.backup_state.as_deref().or(status.last_backup_state.as_deref());
        if counts {
            assert_eq!(memory.delete_timestamp, status.delete_timestamp.as_ref().map(|time| time.0));
            if let Some(word) = word {
                assert_eq!(memory.state.as_ref().map(BackupState::as_str), Some(word));
            }
        } else {
            assert_eq!(memory, Memory::default(), "{status:?}");
        }
    }
}

/// All that a status can make a decision remember. A decision sees the status through this alone, so going through these is going
/// through all statuses.
fn memories() -> Vec<Memory> {
    let mut all = Vec::new();
    for (status, _) in statuses() {
        for account in [None, AccountId::new(ACCOUNT)] {
            let memory = Memory::of(&status, &scope(), account.as_ref());
            if !all.contains(&memory) {
                all.push(memory);
            }
        }
    }
    all
}

/// The intent with each single field changed.
fn moved(intent: &Intent) -> [Intent; 9] {
    let change = |change: fn(&mut Intent)| {
        let mut moved = intent.clone();
        change(&mut moved);
        moved
    };
    [
        change(|intent| intent.uid = "uid-2".into()),
        change(|intent| intent.generation += 1),
        change(|intent| intent.scope = Some(Scope::of_operator(Region::new("eu-central-1")))),
        change(|intent| intent.scope = None),
        change(|intent| intent.backup_id = "backup-abcdefghijk".parse().unwrap()),
        change(|intent| {
            intent.desired = match intent.desired {
                DesiredState::Present => DesiredState::Deleted,
                DesiredState::Deleted => DesiredState::Present,
            }
        }),
        change(|intent| intent.never_expires = if intent.never_expires.is_some() { None } else { Some(false) }),
        change(|intent| intent.suspend = !intent.suspend),
        change(|intent| intent.deleting = !intent.deleting),
    ]
}

#[test]
fn every_situation_is_decided_as_documented_and_safely() {
    let valid_until = Instant::now();
    let memories = memories();
    let sources = [Source::Look(at(-3)), Source::Look(at(-6)), Source::Look(at(1)), Source::Answer];
    let mut permits = 0;
    for intent in intents() {
        let moved = moved(&intent);
        let mut given = Given { intent, ..present() };
        for observation in observations() {
            given.sight.observation = observation;
            for memory in &memories {
                given.memory = memory.clone();
                for mode in [Mode::Full, Mode::RestoreOnly, Mode::Observe] {
                    given.mode = mode;
                    for (conflict, refused) in [(false, false), (false, true), (true, false), (true, true)] {
                        (given.conflict, given.refused) = (conflict, refused);
                        let expected = oracle(&given);
                        for source in sources {
                            given.sight.source = source;
                            match check(&given, expected, &moved, valid_until) {
                                Ok(permitted) => permits += usize::from(permitted),
                                Err(what) => {
                                    panic!("{what}: {:?} for {:?}", decide(&given.situation()), given.situation())
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(permits > 0, "the test has a hole: nothing was ever permitted");
}

/// What is wrong, if anything.
type Verdict<T> = Result<T, &'static str>;

/// Checks one situation; whether a call was permitted.
fn check(given: &Given, expected: (Reason, Option<Call>), moved: &[Intent], valid_until: Instant) -> Verdict<bool> {
    let situation = given.situation();
    let decision = decide(&situation);
    let call = decision.call();
    if (decision.reason, call) != expected {
        return Err("not as documented");
    }
    if decide(&situation) != decision {
        return Err("decided differently the second time");
    }
    if decision.held != (decision.due.is_some() && call.is_none()) {
        return Err("neither held nor free");
    }
    check_call(given, call)?;
    check_ready(given, &decision)?;

    let permit = confirm(&situation, &given.intent, valid_until);
    let is_fresh = given.sight.source == Source::Look(at(-3));
    match (&permit, call) {
        (Ok(permit), Some(call)) if is_fresh && permit.call() == call => {
            // A conflict may have come up since, and the mode isn't the object's; each other thing that moves is refused.
            for live in moved {
                if !matches!(confirm(&situation, live, valid_until), Err(Refusal::ObjectChanged)) {
                    return Err("permitted for an object that has changed");
                }
            }
        }
        (Err(Refusal::NothingDue), None) => {}
        (Err(Refusal::LookTooOld), Some(_)) if !is_fresh => {}
        _ => return Err("permitted wrongly, or not at all"),
    }
    Ok(permit.is_ok())
}

/// The rules of safety, as far as they are about which call.
fn check_call(given: &Given, call: Option<Call>) -> Verdict<()> {
    let Some(call) = call else { return Ok(()) };
    let intent = &given.intent;
    if given.conflict || intent.suspend || intent.deleting {
        return Err("a call in a conflict, a suspension or a removal");
    }
    let Some(backup) = given.sight.observation.backup() else { return Err("a call from the absence of the backup") };
    let is_present = intent.desired == DesiredState::Present;
    let justified = match call {
        Call::DeleteBackup => backup.state == BackupState::Ready && !is_present && given.mode == Mode::Full,
        Call::RestoreBackup => {
            backup.state == BackupState::PendingDeletion && is_present && given.mode != Mode::Observe
        }
        Call::ModifyBackupAttributes { never_expires } => {
            backup.state == BackupState::Ready
                && is_present
                && given.mode == Mode::Full
                && intent.never_expires == Some(never_expires)
                && (backup.never_expires == Some(true)) != never_expires
        }
    };
    if justified { Ok(()) } else { Err("a call that nothing justifies") }
}

/// Ready is True only where AWS agrees, and what is gone counts as deleted only with evidence.
fn check_ready(given: &Given, decision: &Decision) -> Verdict<()> {
    if !decision.reason.is_ready() {
        return Ok(());
    }
    if decision.due.is_some() || given.conflict {
        return Err("ready though something is due or contradicted");
    }
    let word = given.sight.observation.backup().map(|backup| &backup.state);
    let agrees = match (given.intent.desired, word) {
        (DesiredState::Present, Some(BackupState::Ready)) => decision.reason == Reason::Available,
        (DesiredState::Deleted, Some(BackupState::PendingDeletion)) => decision.reason == Reason::PendingDeletion,
        (DesiredState::Deleted, Some(BackupState::Deleted)) => decision.reason == Reason::Deleted,
        (DesiredState::Deleted, None) => {
            let Memory { state, delete_timestamp } = &given.memory;
            let is_over = delete_timestamp.is_some_and(|end| end <= now())
                && !matches!(state, Some(BackupState::Ready | BackupState::CreateInProgress));
            decision.reason == Reason::Deleted && (*state == Some(BackupState::Deleted) || is_over)
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err("ready though AWS doesn't show what is declared") }
}
