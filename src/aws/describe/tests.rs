use std::borrow::Cow;

use rstest::rstest;

use super::*;
use crate::backup::BackupState;

fn id(letter: char) -> BackupId {
    format!("backup-aaaaaaaaaa{letter}").parse().unwrap()
}

fn backup(letter: char) -> Backup {
    Backup::new(id(letter), BackupState::Ready)
}

fn of(letters: &str) -> Listing {
    Listing::of(letters.chars().map(id).collect())
}

fn page(letters: &str) -> Vec<Backup> {
    letters.chars().map(backup).collect()
}

fn found(listing: &mut Listing) -> Vec<BackupId> {
    listing.take_found().into_iter().map(|backup| backup.id).collect()
}

#[test]
fn what_was_asked_for_is_found_over_all_pages_and_once() {
    let mut listing = of("abcd");
    listing.add(page("ca")).unwrap();
    assert_eq!(listing.turn(Some("1".to_owned())).ok(), Some(Progress::More));
    listing.add(page("ad")).unwrap();
    assert_eq!(listing.turn(None).ok(), Some(Progress::Complete));
    assert_eq!(found(&mut listing), [id('c'), id('a'), id('d')]);
    assert_eq!(found(&mut listing), []);
    assert!(!listing.is_refused());
}

#[test]
fn a_backup_that_was_not_asked_for_means_that_something_else_was_answered() {
    for letters in ["x", "ax", "xa"] {
        let mut listing = of("ab");
        assert!(listing.add(page(letters)).is_err(), "{letters}");
    }
    // What holds is asked for no id, and any may come.
    let mut listing = Listing::all();
    listing.add(page("xay")).unwrap();
    assert_eq!(found(&mut listing).len(), 3);
}

#[test]
fn a_backup_that_comes_twice_and_not_the_same_is_no_answer() {
    let mut other = backup('a');
    other.state = BackupState::PendingDeletion;
    let mut listing = of("ab");
    assert!(listing.add(vec![backup('a'), backup('b'), other.clone()]).is_err());
    let mut listing = of("ab");
    listing.add(page("a")).unwrap();
    assert!(listing.add(vec![other]).is_err(), "on another page too");
}

#[test]
fn a_page_token_that_comes_again_ends_the_listing_without_proof() {
    for tokens in [&["1", "1"][..], &["1", "2", "1"], &["1", "2", "3", "2"]] {
        let mut listing = Listing::all();
        let (last, before) = tokens.split_last().unwrap();
        for token in before {
            listing.add(page("a")).unwrap();
            assert_eq!(listing.turn(Some((*token).to_owned())).ok(), Some(Progress::More));
        }
        assert!(listing.turn(Some((*last).to_owned())).is_err(), "{tokens:?}");
    }
}

#[test]
fn empty_pages_are_borne_but_not_for_ever() {
    let mut listing = Listing::all();
    for n in 0..3 * EMPTY_PAGES {
        listing.add(page(if n % 2 == 0 { "" } else { "a" })).unwrap();
        assert_eq!(listing.turn(Some(n.to_string())).ok(), Some(Progress::More));
    }
    let mut ended = None;
    for n in 0..2 * EMPTY_PAGES {
        listing.add(Vec::new()).unwrap();
        if listing.turn(Some(format!("empty {n}"))).is_err() {
            ended = Some(n + 1);
            break;
        }
    }
    assert_eq!(ended, Some(EMPTY_PAGES));
    // An empty page that is the last one is a complete answer.
    let mut listing = of("a");
    listing.add(Vec::new()).unwrap();
    assert_eq!(listing.turn(None).ok(), Some(Progress::Complete));
}

fn fault(class: FailureClass, code: Option<&str>, word: &'static str) -> Fault {
    let failure =
        Failure { class, operation: OPERATION, code: code.map(str::to_owned), text: String::new(), request_id: None };
    Fault { failure, word: Cow::Borrowed(word) }
}

#[rstest]
#[case::refused(FailureClass::InvalidRequest, Some("CloudHsmInvalidRequestException"), "", true)]
#[case::unknown(FailureClass::InvalidRequest, Some(NOT_FOUND), "", true)]
#[case::failed(FailureClass::AwsUnavailable, Some("CloudHsmInternalFailureException"), "", true)]
#[case::malformed(FailureClass::AwsUnavailable, None, Fault::MALFORMED, true)]
#[case::never_sent(FailureClass::InvalidRequest, None, "InvalidConfiguration", false)]
#[case::no_answer(FailureClass::AwsUnavailable, None, "Timeout", false)]
#[case::no_connection(FailureClass::AwsUnavailable, None, "ConnectionError", false)]
#[case::a_gateway(FailureClass::AwsUnavailable, None, "NoCode", false)]
#[case::throttled(FailureClass::Throttled, Some("ThrottlingException"), "", false)]
#[case::denied(FailureClass::AccessDenied, Some("AccessDeniedException"), "", false)]
#[case::no_credentials(FailureClass::NoCredentials, Some("ExpiredTokenException"), "", false)]
fn a_single_id_may_be_the_cause_only_of_what_aws_answered_to_it(
    #[case] class: FailureClass,
    #[case] code: Option<&str>,
    #[case] word: &'static str,
    #[case] wanted: bool,
) {
    assert_eq!(LookFailed::from(fault(class, code, word)).may_be_one_id, wanted);
}
