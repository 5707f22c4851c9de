//! How load is reckoned: whole numbers, one formula each.
//!
//! - `left` = capacity − foreign − own, which may be below zero
//! - `free` = floor(`cpu_idle` × `left`), at least 0
//! - `utilisation` = 1 − `free` ÷ capacity
//!
//! Rankings compare 64-bit floats. A quotient of two 32-bit numbers is rounded to the nearest float,
//! so equal loads are equal floats, and different ones differ while capacities stay below 2²⁶.

use super::topology::Capacity;

/// `cpu_idle` in millionths, so that 0.29 × 100 is 29.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Idle(u32);

const MILLION: u32 = 1_000_000;

/// Above every free count that a limited resource can have.
const FREE_ORIGIN: f64 = (1u64 << 33) as f64;

impl Idle {
    pub const WHOLE: Self = Self(MILLION);

    /// From a share of 1; `None` when it is none.
    pub fn of(share: f64) -> Option<Self> {
        (0.0..=1.0)
            .contains(&share)
            .then(|| Self((share * f64::from(MILLION)).round() as u32))
    }
}

/// One resource of one peer as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    pub own: u64,
    pub foreign: u64,
    /// In force; none: not offered.
    pub capacity: Option<Capacity>,
    pub idle: Idle,
}

impl Standing {
    /// Units left; `None`: unlimited.
    pub fn free(self) -> Option<u64> {
        match self.capacity {
            None => Some(0),
            Some(Capacity::Limited(capacity)) => {
                let taken = self.own.saturating_add(self.foreign);
                let left = u64::from(capacity).saturating_sub(taken);
                // Below 2³² × 2²⁰.
                Some(left * u64::from(self.idle.0) / u64::from(MILLION))
            }
            Some(Capacity::Unlimited) => None,
        }
    }

    /// 1 − free ÷ capacity; `None`: unlimited. Of nothing, all is used.
    pub fn utilisation(self) -> Option<f64> {
        let capacity = match self.capacity {
            None | Some(Capacity::Limited(0)) => return Some(1.0),
            Some(Capacity::Limited(capacity)) => u64::from(capacity),
            Some(Capacity::Unlimited) => return None,
        };
        let free = self.free()?;
        Some((capacity - free) as f64 / capacity as f64)
    }

    /// Whether there is any of it at all. A capacity of 0 means never.
    pub fn is_offered(self) -> bool {
        match self.capacity {
            None | Some(Capacity::Limited(0)) => false,
            Some(Capacity::Limited(_) | Capacity::Unlimited) => true,
        }
    }

    /// Whether so many units more have room. An unlimited resource has, unless its peer has no idle
    /// processor at all: nothing of everything is nothing.
    pub fn fits(self, units: u32) -> bool {
        match self.free() {
            Some(free) => self.is_offered() && free >= u64::from(units),
            None => self.idle.0 > 0,
        }
    }

    /// The capacity as views show it: `None`: unlimited; what is not offered is 0.
    pub fn shown_capacity(self) -> Option<u32> {
        match self.capacity {
            None => Some(0),
            Some(Capacity::Limited(capacity)) => Some(capacity),
            Some(Capacity::Unlimited) => None,
        }
    }

    /// Units in use beyond capacity.
    fn over(self, capacity: u32) -> u64 {
        let taken = self.own.saturating_add(self.foreign);
        taken.saturating_sub(u64::from(capacity))
    }
}

/// Where a peer stands for one demand; of two, the lower takes the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    limited: Option<f64>,
    unlimited: f64,
}

/// Which number decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Utilisation.
    Used,
    /// The free count.
    Free,
}

impl Load {
    pub const NONE: Self = Self {
        limited: None,
        unlimited: 0.0,
    };

    /// Takes one more demanded resource into account; the tightest one counts. `strikes` are recent
    /// failures: they divide the headroom, since a peer that fails fast looks emptiest.
    pub fn add(&mut self, standing: Standing, measure: Measure, weight: u32, strikes: u32) {
        let headroom = 1.0 + f64::from(strikes);
        match standing.capacity {
            None => {}
            Some(Capacity::Unlimited) => {
                let own = standing.own as f64 * headroom + f64::from(strikes);
                self.unlimited = self.unlimited.max(own / f64::from(weight));
            }
            Some(Capacity::Limited(capacity)) => {
                let free = standing.free().unwrap_or(0) as f64 / headroom;
                let over = standing.over(capacity) as f64;
                let whole = f64::from(capacity.max(1));
                let value = match measure {
                    Measure::Used if free > 0.0 => (whole - free) / whole,
                    Measure::Used => 2.0 + squash(over / whole),
                    Measure::Free => FREE_ORIGIN - free + over,
                };
                self.limited = Some(self.limited.map_or(value, |known| known.max(value)));
            }
        }
    }

    /// The rank: 0 to below 3 when utilisation decides. What is limited comes first, then what is
    /// unlimited, then what is full, which only steps that ignore room ever choose. When the free count
    /// decides, what is unlimited has the most of it.
    pub fn key(self, measure: Measure) -> f64 {
        match (self.limited, measure) {
            (Some(value), Measure::Used | Measure::Free) => value,
            (None, Measure::Used) => 1.0 + squash(self.unlimited),
            (None, Measure::Free) => squash(self.unlimited),
        }
    }
}

/// Any number from 0 up into 0 to below 1, in the same order.
fn squash(value: f64) -> f64 {
    value / (1.0 + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(capacity: u32, foreign: u64, own: u64, idle: f64) -> Standing {
        Standing {
            own,
            foreign,
            capacity: Some(Capacity::Limited(capacity)),
            idle: Idle::of(idle).expect("a share"),
        }
    }

    fn used(standing: Standing, weight: u32, strikes: u32) -> f64 {
        let mut load = Load::NONE;
        load.add(standing, Measure::Used, weight, strikes);
        load.key(Measure::Used)
    }

    #[test]
    fn processor_load_scales_the_headroom_and_not_the_capacity() {
        assert_eq!(limited(100, 0, 60, 0.5).free(), Some(20));
        assert_eq!(limited(100, 0, 60, 0.5).utilisation(), Some(0.8));
    }

    #[test]
    fn free_is_rounded_down_from_the_decimal_share_as_written() {
        assert_eq!(limited(100, 0, 0, 0.29).free(), Some(29));
        assert_eq!(limited(101, 0, 0, 0.5).free(), Some(50));
        assert_eq!(limited(100, 0, 0, 0.0).free(), Some(0));
    }

    #[test]
    fn what_is_over_full_has_nothing_free_and_never_less() {
        assert_eq!(limited(10, 8, 5, 1.0).free(), Some(0));
        assert_eq!(limited(10, u64::MAX, u64::MAX, 1.0).free(), Some(0));
        assert_eq!(limited(10, 8, 5, 1.0).utilisation(), Some(1.0));
    }

    #[test]
    fn a_capacity_of_zero_means_never() {
        assert!(!limited(0, 0, 0, 1.0).is_offered());
        assert!(!limited(0, 0, 0, 1.0).fits(1));
        assert_eq!(limited(0, 0, 0, 1.0).utilisation(), Some(1.0));
    }

    #[test]
    fn unlimited_stands_after_limited_with_room_and_before_full() {
        let unlimited = |own| Standing {
            own,
            foreign: 0,
            capacity: Some(Capacity::Unlimited),
            idle: Idle::WHOLE,
        };
        let (nearly, full) = (limited(1000, 0, 999, 1.0), limited(1000, 0, 1000, 1.0));
        assert!(used(nearly, 1, 0) < used(unlimited(0), 1, 0));
        assert!(used(unlimited(1_000_000), 1, 0) < used(full, 1, 0));
        assert!(used(unlimited(3), 2, 0) < used(unlimited(2), 1, 0));
    }

    #[test]
    fn equal_shares_of_different_sizes_are_equal() {
        assert_eq!(
            used(limited(3, 0, 1, 1.0), 1, 0),
            used(limited(300, 0, 100, 1.0), 9, 0)
        );
    }

    #[test]
    fn a_failure_makes_an_empty_peer_look_half_full() {
        assert_eq!(used(limited(100, 0, 0, 1.0), 1, 1), 0.5);
        assert!(used(limited(100, 0, 0, 1.0), 1, 2) > 0.6);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for wrong in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Idle::of(wrong), None);
        }
    }
}
