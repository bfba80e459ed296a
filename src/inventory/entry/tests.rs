use super::*;
use crate::backup::FailureClass;

fn ago(seconds: u64) -> Sent {
    let at = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
    Sent { at, time: Timestamp::now() - jiff::SignedDuration::from_secs(i64::try_from(seconds).unwrap()) }
}

fn backup(state: BackupState) -> Backup {
    Backup::new("backup-ro5c4er4aac".parse().unwrap(), state)
}

fn shows(state: BackupState) -> Observation {
    Observation::Found(Box::new(backup(state)))
}

fn failure(text: &str) -> Failure {
    Failure {
        class: FailureClass::AwsUnavailable,
        operation: "DescribeBackups",
        code: None,
        text: text.to_owned(),
        request_id: Some(format!("{}", fastrand::u64(..))),
    }
}

/// An entry whose objects know that the backup is READY, as a look of a minute ago showed.
fn settled() -> Entry {
    let mut entry = Entry { tracked: true, ..Entry::default() };
    assert!(entry.saw(shows(BackupState::Ready), ago(60)));
    entry.sight = None;
    entry
}

/// The same, after a deletion that was accepted so many seconds ago.
fn deleted(age: u64) -> Entry {
    let mut entry = settled();
    let (before, answer) = (backup(BackupState::Ready), backup(BackupState::PendingDeletion));
    entry.shown = Some(Shown::of(&Observation::Found(Box::new(answer.clone()))));
    let wrote = ago(age).at;
    let affair = entry.affair();
    affair.deed = Some(deed(&answer));
    affair.unshown = Some(Box::new((Unshown { call: Call::DeleteBackup, before, answer, recalled: false }, wrote)));
    affair.wrote = Some(wrote);
    affair.follow_up = Some((wrote + AFTER_WRITE, AFTER_WRITE));
    entry
}

fn state(entry: &Entry) -> Option<BackupState> {
    entry.sight.as_ref()?.observation.backup().map(|backup| backup.state.clone())
}

#[test]
fn what_has_not_changed_is_not_told_and_not_kept() {
    let mut entry = settled();
    assert!(!entry.saw(shows(BackupState::Ready), ago(1)));
    assert!(entry.sight.is_none() && entry.is_there);
}

#[test]
fn what_has_changed_is_told_once() {
    let mut entry = settled();
    assert!(entry.saw(shows(BackupState::PendingDeletion), ago(3)));
    assert_eq!(state(&entry), Some(BackupState::PendingDeletion));
    assert!(!entry.saw(shows(BackupState::PendingDeletion), ago(2)));
    assert!(entry.saw(Observation::NotFound, ago(1)) && !entry.is_there);
}

#[test]
fn what_is_awaited_is_told_once_whatever_it_is() {
    let mut entry = Entry { awaited: true, ..settled() };
    assert!(entry.saw(shows(BackupState::Ready), ago(2)));
    entry.sight = None;
    assert!(!entry.saw(shows(BackupState::Ready), ago(1)));
}

#[test]
fn who_has_not_been_served_yet_finds_the_newest() {
    let mut entry = settled();
    assert!(entry.saw(shows(BackupState::PendingDeletion), ago(3)));
    let before = entry.sight.as_ref().map(|sight| sight.source);
    assert!(!entry.saw(shows(BackupState::PendingDeletion), ago(1)));
    assert_ne!(entry.sight.as_ref().map(|sight| sight.source), before, "a write needs to know how old it is");
}

#[test]
fn a_look_that_was_sent_before_the_last_one_or_before_our_write_says_nothing() {
    let mut entry = Entry { awaited: true, ..settled() };
    assert!(!entry.saw(shows(BackupState::PendingDeletion), ago(61)));
    assert!(entry.awaited, "the one that is awaited is still to come");
    let mut entry = deleted(5);
    assert!(!entry.saw(shows(BackupState::Ready), ago(6)));
    assert!(!entry.saw(Observation::NotFound, ago(6)));
    assert!(entry.is_there && entry.affair().unshown.is_some());
    assert!(!Entry { awaited: true, ..entry }.look_failed(&failure(""), ago(6).at, true));
}

#[test]
fn what_was_before_our_write_is_lag_and_the_write_is_told_once_it_is_shown() {
    let mut entry = deleted(5);
    assert!(!entry.saw(shows(BackupState::Ready), ago(3)), "nothing new");
    assert!(entry.sight.is_none() && entry.affair().unshown.is_some());
    assert!(entry.saw(shows(BackupState::PendingDeletion), ago(2)), "the same, but now AWS says it");
    assert!(matches!(entry.sight.as_ref().unwrap().source, Source::Look(_)));
    assert!(entry.affair().unshown.is_none() && entry.next_look().is_none());
    // Whatever comes now is news.
    assert!(entry.saw(shows(BackupState::Ready), ago(1)));
    assert_eq!(state(&entry), Some(BackupState::Ready));
}

#[test]
fn who_asks_while_aws_lags_is_told_what_the_write_made_of_it() {
    let mut entry = Entry { awaited: true, ..deleted(5) };
    assert!(entry.saw(shows(BackupState::Ready), ago(1)));
    assert_eq!(state(&entry), Some(BackupState::PendingDeletion));
    assert_eq!(entry.sight.as_ref().map(|sight| sight.source), Some(Source::Answer));
}

#[test]
fn what_is_shown_a_minute_after_the_write_is_no_lag() {
    let mut entry = deleted(61);
    assert!(entry.saw(shows(BackupState::Ready), ago(0)));
    assert_eq!(state(&entry), Some(BackupState::Ready));
    assert!(entry.next_look().is_none());
}

#[test]
fn looks_after_a_write_come_after_twice_the_wait_each_time_until_it_is_shown() {
    let mut entry = deleted(0);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let (_, wait) = entry.affair().follow_up.unwrap();
        waits.push(wait.as_secs());
        assert!(!entry.saw(shows(BackupState::Ready), Sent { at: Instant::now(), time: Timestamp::now() }));
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 60]);
    assert!(entry.next_look() > Some(Instant::now() + Duration::from_secs(50)));
}

#[test]
fn a_lost_answer_is_settled_by_a_look_however_it_went() {
    for shown in [BackupState::Ready, BackupState::PendingDeletion] {
        let mut entry = settled();
        let before = backup(BackupState::Ready);
        let write = Uncertain { call: Call::DeleteBackup, before, failure: failure("lost"), since: ago(5).at };
        assert_eq!(write.has_effect(&backup(shown.clone())), shown == BackupState::PendingDeletion);
        entry.affair().uncertain = Some(Box::new(write));
        entry.affair().follow_up = Some((Instant::now(), AFTER_WRITE));
        assert!(entry.saw(shows(shown), ago(1)), "told though it may be the same");
        assert!(entry.next_look().is_some(), "AWS may lag");
        entry.affair().uncertain.as_mut().unwrap().since = ago(61).at;
        assert!(entry.saw(shows(BackupState::Ready), ago(0)));
        assert!(entry.next_look().is_none());
    }
}

#[test]
fn a_failure_is_told_to_who_waits_or_where_the_last_good_look_is_too_old_and_once() {
    let mut entry = settled();
    assert!(!entry.look_failed(&failure("a"), ago(5).at, false));
    assert!(entry.affair.is_none());
    assert!(entry.look_failed(&failure("a"), ago(4).at, true));
    assert!(!entry.look_failed(&failure("a"), ago(3).at, true), "the same, with another request id");
    assert!(entry.look_failed(&failure("b"), ago(2).at, true));
    assert!(entry.next_look() <= Some(Instant::now()), "when the back-off of the scope is over");
    // It is told of the end, and has forgotten it then.
    assert!(entry.saw(shows(BackupState::Ready), ago(1)));
    assert!(entry.affair.as_ref().unwrap().failed.is_none() && entry.next_look().is_none());
    assert!(Entry { awaited: true, ..settled() }.look_failed(&failure("a"), ago(1).at, false));
}

#[test]
fn a_failed_write_is_not_made_good_by_a_look() {
    let mut entry = settled();
    let (now, failed) = (Instant::now(), failure("a"));
    entry.affair().failed = Some(Failed { failure: failed, write: Some(Call::DeleteBackup), sent: now, until: now });
    entry.affair().tries = 3;
    assert!(!entry.saw(shows(BackupState::Ready), ago(1)));
    assert_eq!(entry.affair().tries, 3);
    assert!(entry.next_look().is_none());
}

#[test]
fn one_that_is_alone_waits_for_its_turn_and_longer_each_time_after_a_write() {
    let mut entry = Entry { alone: true, awaited: true, ..settled() };
    assert!(entry.look_failed(&failure("a"), ago(1).at, false));
    assert!(entry.next_look().is_none());
    let mut entry = Entry { alone: true, ..deleted(30) };
    for _ in 0..3 {
        assert!(!entry.look_failed(&failure("a"), ago(1).at, false));
    }
    assert_eq!(entry.affair().follow_up.map(|(_, wait)| wait), Some(AFTER_WRITE * 8));
    assert!(entry.next_look() > Some(Instant::now()));
    assert!(!entry.saw(shows(BackupState::Ready), ago(0)) && !entry.alone);
}

#[test]
fn a_refusal_stands_for_an_hour_or_until_aws_shows_another_state() {
    let mut entry = settled();
    entry.affair().refused = Some(ago(3_599).at);
    assert!(entry.is_refused());
    entry.saw(shows(BackupState::PendingDeletion), ago(2));
    assert!(entry.is_refused());
    entry.saw(Observation::NotFound, ago(1));
    assert!(entry.is_refused(), "absence proves nothing");
    entry.saw(shows(BackupState::Ready), ago(0));
    assert!(!entry.is_refused());
    entry.affair().refused = Some(ago(3_601).at);
    assert!(!entry.is_refused());
}

#[test]
fn what_nobody_needs_can_be_forgotten_and_nothing_else() {
    let untracked = |entry: Entry| Entry { tracked: false, ..entry };
    assert!(untracked(settled()).is_forgettable());
    assert!(!settled().is_forgettable());
    assert!(!untracked(deleted(59)).is_forgettable(), "a write not shown yet");
    assert!(untracked(deleted(61)).is_forgettable());
    let mut refused = untracked(settled());
    refused.affair().refused = Some(ago(60).at);
    assert!(!refused.is_forgettable());
    let hold: Arc<tokio::sync::Mutex<()>> = Arc::default();
    let mut held = Entry { hold: Some(Arc::clone(&hold)), ..untracked(settled()) };
    assert!(!held.is_forgettable());
    held.tidy();
    assert!(held.hold.is_some());
    drop(hold);
    held.tidy();
    assert!(held.hold.is_none() && held.is_forgettable());
}

#[test]
fn what_is_over_takes_no_memory() {
    let mut entry = settled();
    let _ = entry.affair();
    entry.tidy();
    assert!(entry.affair.is_none());
    for keep in [
        (|affair: &mut Affair| affair.follow_up = Some((Instant::now(), AFTER_WRITE))) as fn(&mut Affair),
        |affair| affair.wrote = Some(ago(59).at),
        |affair| affair.refused = Some(ago(60).at),
        |affair| affair.turn = Some(ago(1).at),
    ] {
        keep(entry.affair());
        entry.tidy();
        assert!(entry.affair.take().is_some());
    }
    for over in [
        (|affair: &mut Affair| affair.wrote = Some(ago(61).at)) as fn(&mut Affair),
        |affair| affair.refused = Some(ago(3_601).at),
        |affair| affair.turn = Some(ago(11).at),
    ] {
        over(entry.affair());
        entry.tidy();
        assert!(entry.affair.is_none());
    }
}

#[test]
fn the_number_of_what_is_shown_differs_where_anything_differs() {
    let shown = |change: &dyn Fn(&mut Backup)| {
        let mut backup = backup(BackupState::Ready);
        change(&mut backup);
        Shown::of(&Observation::Found(Box::new(backup)))
    };
    let numbers = [
        shown(&|_| {}),
        shown(&|backup| backup.state = BackupState::Unknown("READY".into())),
        shown(&|backup| backup.never_expires = Some(false)),
        shown(&|backup| backup.delete_timestamp = Some(Timestamp::UNIX_EPOCH)),
        shown(&|backup| backup.tags = [("a".to_owned(), "b".to_owned())].into()),
        Shown::of(&Observation::NotFound),
    ];
    for (n, number) in numbers.iter().enumerate() {
        assert!(numbers.iter().skip(n + 1).all(|other| other != number));
    }
    assert_eq!(shown(&|_| {}), shown(&|_| {}));
}
