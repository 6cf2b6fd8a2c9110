//! Maps that come to rest: their memory depends on the most that ever lived in them at once, not on how long they are
//! used.
//!
//! A hash table of the standard library that is used up, places of removed entries counted, is tidied where it stands
//! if less than half of it is alive, and doubled otherwise. What has stood at 50 to 87 per cent since the load came
//! up is thus doubled some minutes later, when nothing has grown. Here a table is doubled when it is half full of what
//! lives, so all that is left to do later is to tidy.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// The places that the smallest table has; hashbrown keeps an eighth of its buckets empty.
const LEAST: usize = 14;

/// How many entries a table has been given places for.
#[derive(Debug, Default)]
pub(crate) struct Room(usize);

impl Room {
    /// For how many more than its `live` entries a table is to have places before the next one enters.
    pub(crate) fn before_another(&mut self, live: usize) -> usize {
        if 2 * (live + 1) <= self.0 {
            return 0;
        }
        self.0 = (2 * self.0).max(LEAST);
        self.0 - live
    }
}

/// A map for what comes and goes all the time.
#[derive(Debug)]
pub(crate) struct Roomy<K, V> {
    map: FxHashMap<K, V>,
    room: Room,
}

impl<K, V> Default for Roomy<K, V> {
    fn default() -> Self {
        Self { map: FxHashMap::default(), room: Room::default() }
    }
}

impl<K: Eq + Hash, V> Roomy<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.map.reserve(self.room.before_another(self.map.len()));
        self.map.insert(key, value);
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.map.remove(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets entries come and go, so many alive at a time, and tells the room when the first is to go and the most there
    /// was until the last one came.
    fn room_of(alive: u64, made: u64) -> (usize, usize) {
        let mut map = Roomy::default();
        let (mut at_first, mut most) = (0, 0);
        for key in 0..made {
            map.insert(key, ());
            most = most.max(map.map.capacity());
            if key == alive {
                at_first = most;
            }
            if key >= alive {
                assert_eq!(map.remove(&(key - alive)), Some(()));
            }
        }
        assert!((made - alive..made).all(|key| map.contains(&key)));
        (at_first, most)
    }

    #[test]
    fn a_map_grows_with_what_lives_and_not_with_its_use() {
        for alive in [1, 6, 7, 8, 1_000, 3_500, 3_600, 7_000] {
            let (at_first, most) = room_of(alive, 60 * alive + 1_000);
            assert_eq!(at_first, most, "with {alive} alive");
        }
    }
}
