//! On which thread what lives.

use std::collections::HashMap;

use super::{Id, Target};

/// Where what was made lives.
#[derive(Debug, Default)]
pub(super) struct Homes {
    last: Id,
    pub(super) legs: HashMap<Id, usize>,
    pub(super) rooms: HashMap<Id, usize>,
    /// Legs of each thread.
    pub(super) load: Vec<usize>,
}

impl Homes {
    pub(super) fn new(threads: usize) -> Self {
        Self { load: vec![0; threads], ..Self::default() }
    }

    pub(super) fn next(&mut self) -> Id {
        self.last += 1;
        self.last
    }

    pub(super) fn least(&self) -> usize {
        self.load.iter().enumerate().min_by_key(|(_, load)| **load).map_or(0, |(thread, _)| thread)
    }

    pub(super) fn of(&self, target: Target) -> Option<usize> {
        match target {
            Target::Leg(leg) => self.legs.get(&leg).copied(),
            Target::Room(room) => self.rooms.get(&room).copied(),
        }
    }
}
