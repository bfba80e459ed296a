//! Page tokens.
//!
//! The first page fixes which items the whole listing holds and in which order; a token names that listing and a place
//! in it. So an item that is there throughout comes exactly once, even if what it is sorted by changes in between.

use crate::backup::Scope;
use crate::ops::Filters;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

/// What a listing answers. A token is good for the very same question only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Question {
    Backups { scope: Scope, filters: Filters, shared: bool, ascending: bool },
    Tags { scope: Scope, backup: String },
}

/// A listing from some place on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    listing: Option<u64>,
    items: Arc<[Arc<str>]>,
    next: usize,
}

impl Place {
    /// The start of a new listing.
    pub(crate) fn start(items: Vec<Arc<str>>) -> Self {
        Self { listing: None, items: items.into(), next: 0 }
    }
}

/// Calls `show` for the items from `place` on, and keeps up to `size` of what it answers; also answers the place of
/// the next page, if there is more to show.
pub(crate) fn page<T>(place: &Place, size: usize, mut show: impl FnMut(&str) -> Option<T>) -> (Vec<T>, Option<Place>) {
    let mut shown = Vec::new();
    for (index, item) in place.items.iter().enumerate().skip(place.next) {
        let Some(item) = show(item) else { continue };
        if shown.len() == size {
            return (shown, Some(Place { next: index, ..place.clone() }));
        }
        shown.push(item);
    }
    (shown, None)
}

struct Listing {
    number: u64,
    question: Question,
    items: Arc<[Arc<str>]>,
}

/// How many items all listings together may hold before the oldest are forgotten.
const MOST_ITEMS: usize = 1_000_000;

impl Listing {
    /// How much it counts towards [`MOST_ITEMS`]: it takes some room itself, too.
    fn weight(&self) -> usize {
        let question = match &self.question {
            Question::Backups { filters, .. } => filters.len(),
            Question::Tags { .. } => 0,
        };
        16 + question + self.items.len()
    }
}

/// The listings that have tokens out.
#[derive(Default)]
pub(crate) struct Listings {
    /// Numbered without a gap.
    kept: VecDeque<Listing>,
    weight: usize,
    count: u64,
    /// Seals tokens, so that one that wasn't given isn't taken.
    key: RandomState,
}

impl Listings {
    /// The token of a place.
    pub(crate) fn token(&mut self, question: &Question, place: &Place) -> String {
        let number = place.listing.unwrap_or_else(|| self.keep(question.clone(), Arc::clone(&place.items)));
        format!("{number:x}.{:x}.{:016x}", place.next, self.key.hash_one((number, place.next)))
    }

    /// The place of a token, if it was given for the same question.
    pub(crate) fn place(&self, question: &Question, token: &str) -> Option<Place> {
        let (number, rest) = token.split_once('.')?;
        let (next, _) = rest.split_once('.')?;
        let number = u64::from_str_radix(number, 16).ok()?;
        let next = usize::from_str_radix(next, 16).ok()?;
        let oldest = self.kept.front()?.number;
        let index = usize::try_from(number.checked_sub(oldest)?).ok()?;
        let listing = self.kept.get(index).filter(|listing| listing.question == *question)?;
        let place = Place { listing: Some(number), items: Arc::clone(&listing.items), next };
        let seal = self.key.hash_one((number, next));
        (token == format!("{number:x}.{next:x}.{seal:016x}")).then_some(place)
    }

    fn keep(&mut self, question: Question, items: Arc<[Arc<str>]>) -> u64 {
        let number = self.count;
        self.count += 1;
        let listing = Listing { number, question, items };
        self.weight += listing.weight();
        self.kept.push_back(listing);
        while self.weight > MOST_ITEMS && self.kept.len() > 1 {
            self.weight -= self.kept.pop_front().map_or(0, |listing| listing.weight());
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(backup: &str) -> Question {
        let scope = Scope { account: "1".into(), region: "r".into() };
        Question::Tags { scope, backup: backup.to_owned() }
    }

    fn start(count: usize) -> Place {
        Place::start((0..count).map(|n| Arc::from(n.to_string())).collect())
    }

    #[test]
    fn pages_hold_every_item_once_and_the_last_has_no_next() {
        let mut listings = Listings::default();
        let (mut place, mut seen, mut sizes) = (start(7), vec![], vec![]);
        loop {
            let (items, next) = page(&place, 3, |item| Some(item.to_owned()));
            sizes.push(items.len());
            seen.extend(items);
            let Some(next) = next else { break };
            let token = listings.token(&question("b"), &next);
            assert!(token.len() <= 256);
            place = listings.place(&question("b"), &token).unwrap();
        }
        assert_eq!((seen.concat().as_str(), sizes), ("0123456", vec![3, 3, 1]));
    }

    #[test]
    fn what_is_left_out_makes_no_empty_last_page() {
        let (items, next) = page(&start(6), 2, |item| (item < "2").then_some(()));
        assert_eq!((items.len(), next.is_some()), (2, false));
    }

    #[test]
    fn only_given_tokens_are_taken_and_only_for_their_question() {
        let mut listings = Listings::default();
        let (_, next) = page(&start(3), 1, |_| Some(()));
        let token = listings.token(&question("b"), &next.unwrap());
        assert!(listings.place(&question("b"), &token).is_some());
        assert!(listings.place(&question("c"), &token).is_none());
        let other = token.replacen(".1.", ".2.", 1);
        for forged in ["", "1.1", "x.y.z", &other, &token.to_uppercase(), &format!("0{token}"), &format!("{token}0")] {
            let differs = forged != token;
            assert!(!differs || listings.place(&question("b"), forged).is_none(), "{forged}");
        }
    }

    #[test]
    fn old_listings_are_forgotten_before_memory_is_full() {
        let mut listings = Listings::default();
        let (_, next) = page(&start(MOST_ITEMS / 2 - 16), 1, |_| Some(()));
        let next = next.unwrap();
        let tokens: Vec<String> = (0..5).map(|_| listings.token(&question("b"), &next)).collect();
        let good: Vec<bool> = tokens.iter().map(|token| listings.place(&question("b"), token).is_some()).collect();
        assert_eq!(good, [false, false, false, true, true]);
    }
}
