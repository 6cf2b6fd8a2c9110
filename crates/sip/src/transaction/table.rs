//! Transactions, found by their number and by the key of the messages that belong to them.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;

use crate::event::TransactionId;
use crate::roomy::Room;

/// What a table asks of a transaction; neither may change while it is in one.
pub(super) trait Keyed {
    fn id(&self) -> TransactionId;
    /// See [`super::matching`].
    fn key(&self) -> u128;
}

/// The transactions of one side. Both names stand in the transaction alone: of the tens of thousands that linger for
/// 64*T1 the tables, half empty at their best, hold nothing but where to look.
#[derive(Debug)]
pub(super) struct Table<T> {
    by_id: HashTable<Box<T>>,
    by_key: HashTable<TransactionId>,
    room: Room,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { by_id: HashTable::new(), by_key: HashTable::new(), room: Room::default() }
    }
}

impl<T: Keyed> Table<T> {
    /// Adds one whose number is new. Its key leads to it from now on, whomever it led to before.
    pub(super) fn insert(&mut self, transaction: Box<T>) {
        let (id, key) = (transaction.id(), transaction.key());
        debug_assert!(!self.contains(id), "{id:?} is given out once");
        let room = self.room.before_another(self.by_id.len());
        self.by_id.reserve(room, |other| hash_of_id(other.id()));
        self.by_id.insert_unique(hash_of_id(id), transaction, |other| hash_of_id(other.id()));
        let by_id = &self.by_id;
        let key_of = |id: &TransactionId| find(by_id, *id).map_or(0, |transaction| transaction.key());
        self.by_key.reserve(room, |other| hash_of_key(key_of(other)));
        match self.by_key.entry(hash_of_key(key), |other| key_of(other) == key, |other| hash_of_key(key_of(other))) {
            Entry::Occupied(mut entry) => *entry.get_mut() = id,
            Entry::Vacant(entry) => {
                entry.insert(id);
            }
        }
    }

    pub(super) fn get(&self, id: TransactionId) -> Option<&T> {
        find(&self.by_id, id)
    }

    pub(super) fn get_mut(&mut self, id: TransactionId) -> Option<&mut T> {
        self.by_id.find_mut(hash_of_id(id), |other| other.id() == id).map(Box::as_mut)
    }

    pub(super) fn contains(&self, id: TransactionId) -> bool {
        self.get(id).is_some()
    }

    /// The number of the one that messages with this key belong to.
    pub(super) fn keyed(&self, key: u128) -> Option<TransactionId> {
        let belongs = |id: &TransactionId| self.get(*id).is_some_and(|transaction| transaction.key() == key);
        self.by_key.find(hash_of_key(key), belongs).copied()
    }

    pub(super) fn remove(&mut self, id: TransactionId) -> Option<Box<T>> {
        let (transaction, _) = self.by_id.find_entry(hash_of_id(id), |other| other.id() == id).ok()?.remove();
        if let Ok(entry) = self.by_key.find_entry(hash_of_key(transaction.key()), |other| *other == id) {
            entry.remove();
        }
        Some(transaction)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_id.iter().map(Box::as_ref)
    }

    /// Whether nothing is left, under either name.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.by_key.is_empty()
    }
}

fn find<T: Keyed>(by_id: &HashTable<Box<T>>, id: TransactionId) -> Option<&T> {
    by_id.find(hash_of_id(id), |other| other.id() == id).map(Box::as_ref)
}

fn hash_of_id(id: TransactionId) -> u64 {
    FxBuildHasher.hash_one(id)
}

/// A key is a hash already, and half of it enough for a place.
fn hash_of_key(key: u128) -> u64 {
    key as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Named(u64, u128);

    impl Keyed for Named {
        fn id(&self) -> TransactionId {
            TransactionId(self.0)
        }

        fn key(&self) -> u128 {
            self.1
        }
    }

    fn table(named: &[(u64, u128)]) -> Table<Named> {
        let mut table = Table::default();
        for &(id, key) in named {
            table.insert(Box::new(Named(id, key)));
        }
        table
    }

    #[test]
    fn one_is_found_by_either_name_until_it_is_removed() {
        let mut table = table(&[(1, 10), (2, 20)]);
        assert_eq!(table.keyed(20), Some(TransactionId(2)));
        assert!(table.get(TransactionId(2)).is_some_and(|found| found.1 == 20));
        assert!(table.remove(TransactionId(2)).is_some_and(|removed| removed.0 == 2));
        assert!(table.remove(TransactionId(2)).is_none());
        assert_eq!((table.keyed(20), table.contains(TransactionId(2))), (None, false));
        assert_eq!((table.keyed(10), table.len()), (Some(TransactionId(1)), 1));
    }

    #[test]
    fn a_key_leads_to_the_latest_whichever_goes_first() {
        let mut older_first = table(&[(1, 10), (2, 10)]);
        assert_eq!(older_first.keyed(10), Some(TransactionId(2)));
        older_first.remove(TransactionId(1));
        assert_eq!(older_first.keyed(10), Some(TransactionId(2)));
        older_first.remove(TransactionId(2));
        assert!(older_first.is_empty());

        let mut latest_first = table(&[(1, 10), (2, 10)]);
        latest_first.remove(TransactionId(2));
        assert_eq!((latest_first.keyed(10), latest_first.len()), (None, 1));
        latest_first.remove(TransactionId(1));
        assert!(latest_first.is_empty());
    }

    #[test]
    fn keys_that_share_their_place_are_told_apart() {
        let (low, high) = (7, 7 | 1 << 64);
        let table = table(&[(1, low), (2, high)]);
        assert_eq!((table.keyed(low), table.keyed(high)), (Some(TransactionId(1)), Some(TransactionId(2))));
        assert_eq!(table.keyed(7 | 1 << 65), None);
    }

    #[test]
    fn all_are_found_while_the_tables_grow_and_are_tidied() {
        let mut table = table(&[]);
        let (lived, made) = (3_000, 60_000_u64);
        let key = |id: u64| u128::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        for id in 1..=made {
            table.insert(Box::new(Named(id, key(id))));
            if id > lived {
                assert!(table.remove(TransactionId(id - lived)).is_some());
            }
        }
        assert_eq!(table.len() as u64, lived);
        assert_eq!(table.iter().map(|named| named.0).min(), Some(made - lived + 1));
        for id in made - lived + 1..=made {
            assert_eq!(table.keyed(key(id)), Some(TransactionId(id)));
        }
        assert!(table.by_id.capacity() <= 4 * lived as usize && table.by_key.capacity() <= 4 * lived as usize);
    }
}
