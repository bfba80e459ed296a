//! Made-up ids: of requests, of copies, of keys. Unpredictable enough for an emulator, and without a dependency.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// The letters of a CloudHSM id as AWS makes them.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A source of random numbers: a keyed hash of a counter.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    key: RandomState,
    count: u64,
}

impl Ids {
    pub(crate) fn number(&mut self) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.key.hash_one(self.count)
    }

    /// A UUID of version 4.
    pub(crate) fn request(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// Letters and digits as in the second half of a backup id.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        let mut text = String::with_capacity(count);
        while text.len() < count {
            let mut bits = self.number();
            for _ in 0..12.min(count - text.len()) {
                if let Some(letter) = ALPHABET.get((bits & 31) as usize) {
                    text.push(char::from(*letter));
                }
                bits >>= 5;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let mut ids = Ids::default();
        let made: BTreeSet<String> = (0..1000).map(|_| ids.request()).collect();
        assert_eq!(made.len(), 1000);
        for id in made {
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }

    #[test]
    fn letters_are_as_many_as_asked_and_from_the_alphabet() {
        let mut ids = Ids::default();
        for count in [0, 1, 11, 12, 13, 40] {
            let text = ids.letters(count);
            assert_eq!(text.len(), count);
            assert!(text.bytes().all(|letter| ALPHABET.contains(&letter)), "{text}");
        }
    }
}
