//! Small numbers that stand for names, and what one call takes.

use smallvec::SmallVec;

use crate::base::limits::DEMAND_RESOURCES_MAX;

/// A peer, by the order in which its name was first heard of. Stable for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// A group of peers. Stable for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u16);

/// Something that a peer has a limited number of: calls, conference seats, transcoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u8);

/// What one call takes: resources in rising order, each once, each with at least one unit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Demand(SmallVec<[(ResourceId, u32); 2]>);

/// Why a list of resources is not a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// A call that takes nothing would not be counted anywhere.
    #[error("a call must take at least one resource")]
    Empty,
    /// Zero units of a resource.
    #[error("a call that takes a resource must take at least one unit of it")]
    ZeroUnits,
    /// The same resource twice.
    #[error("a resource is named twice")]
    Twice,
    /// More than [`DEMAND_RESOURCES_MAX`] resources.
    #[error("a call may take at most {DEMAND_RESOURCES_MAX} resources")]
    TooMany,
}

impl Demand {
    /// From resources with their units, in any order.
    pub fn new(items: impl IntoIterator<Item = (ResourceId, u32)>) -> Result<Self, DemandError> {
        let mut sorted: SmallVec<[(ResourceId, u32); 2]> = SmallVec::new();
        for item in items {
            if item.1 == 0 {
                return Err(DemandError::ZeroUnits);
            }
            if sorted.len() == DEMAND_RESOURCES_MAX {
                return Err(DemandError::TooMany);
            }
            sorted.push(item);
        }
        sorted.sort_unstable();
        if sorted.is_empty() {
            return Err(DemandError::Empty);
        }
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(DemandError::Twice);
        }
        Ok(Self(sorted))
    }

    /// One unit of one resource, as most calls take.
    pub fn one(resource: ResourceId) -> Self {
        Self(SmallVec::from_slice(&[(resource, 1)]))
    }

    /// The resources in rising order, each with its units.
    pub fn items(&self) -> &[(ResourceId, u32)] {
        &self.0
    }
}
