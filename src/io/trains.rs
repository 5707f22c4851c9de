//! Which of the datagrams that wait may leave together.
//!
//! Datagrams of one length to one destination go through the kernel as one (`UDP_SEGMENT`): routed, filtered and queued
//! once, cut apart at the end. On the wire, and to whoever receives them, they are what they were.

use std::net::SocketAddr;

use crate::base::limits::{DATAGRAM_BATCH, TRAIN_BYTES_MAX, TRAIN_DATAGRAMS_MAX};

/// Tells the datagrams of one call from others'; those of one flow leave in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow(u8);

impl Flow {
    /// The flow of a call; others may share it, and then some of their datagrams do not leave together.
    pub fn of(call_id: &[u8]) -> Self {
        // FNV-1a: who makes Call-IDs that collide slows nobody down but what is sent beside them.
        let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619);
        let hash = call_id.iter().fold(2_166_136_261, mix);
        Flow((hash >> 24) as u8)
    }
}

/// What is asked of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) destination: SocketAddr,
    pub(super) length: usize,
    /// `None`: it leaves alone, after all that came before it.
    pub(super) flow: Option<Flow>,
}

#[derive(Clone, Copy, Debug)]
struct Train {
    destination: SocketAddr,
    length: usize,
    datagrams: usize,
    open: bool,
}

/// Up to [`DATAGRAM_BATCH`] datagrams in the order in which they leave.
#[derive(Debug)]
pub(super) struct Trains {
    trains: Vec<Train>,
    /// The train of each datagram.
    taken: Vec<u8>,
    /// The last train of each flow.
    last: [u8; 256],
    order: Vec<u8>,
}

const _: () = assert!(DATAGRAM_BATCH <= 256);

impl Trains {
    pub(super) fn new() -> Self {
        Trains {
            trains: Vec::with_capacity(DATAGRAM_BATCH),
            taken: Vec::with_capacity(DATAGRAM_BATCH),
            last: [0; 256],
            order: vec![0; DATAGRAM_BATCH],
        }
    }

    /// Makes up trains of at most [`DATAGRAM_BATCH`] of `waiting`. A datagram longer than `longest` leaves alone.
    pub(super) fn make_up(&mut self, waiting: impl Iterator<Item = Waiting>, longest: usize) {
        self.trains.clear();
        self.taken.clear();
        self.last = [0; 256];
        // Trains before this one have left, as far as later datagrams are concerned.
        let mut floor = 0;
        for datagram in waiting.take(DATAGRAM_BATCH) {
            let train = match datagram.flow {
                Some(Flow(flow)) => {
                    let last = &mut self.last[usize::from(flow)];
                    let first = floor.max(usize::from(*last));
                    let train = if datagram.length <= longest {
                        board(&mut self.trains, first, datagram)
                    } else {
                        start(&mut self.trains, datagram, false)
                    };
                    *last = train as u8;
                    train
                }
                None => {
                    let train = start(&mut self.trains, datagram, false);
                    floor = train + 1;
                    train
                }
            };
            self.taken.push(train as u8);
        }
        self.line_up();
    }

    /// The datagrams by train, and in each as they came.
    fn line_up(&mut self) {
        let mut ends = [0u16; DATAGRAM_BATCH];
        let mut end = 0;
        for (place, train) in ends.iter_mut().zip(&self.trains) {
            *place = end;
            end += train.datagrams as u16;
        }
        for (datagram, train) in self.taken.iter().enumerate() {
            let place = &mut ends[usize::from(*train)];
            if let Some(slot) = self.order.get_mut(usize::from(*place)) {
                *slot = datagram as u8;
            }
            *place += 1;
        }
    }

    /// Train by train, the first first: where in the queue its datagrams wait.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.order;
        self.trains.iter().map_while(move |train| {
            let (places, more) = rest.split_at_checked(train.datagrams)?;
            rest = more;
            Some(places)
        })
    }

    /// Where in the queue the datagrams of the first so many trains wait.
    pub(super) fn datagrams(&self, trains: usize) -> &[u8] {
        let datagrams = self.trains.iter().take(trains).map(|train| train.datagrams);
        self.order.get(..datagrams.sum()).unwrap_or_default()
    }
}

/// Puts a datagram on an open train from `first` on that goes where it goes, or on one of its own.
fn board(trains: &mut Vec<Train>, first: usize, datagram: Waiting) -> usize {
    let found = trains
        .iter_mut()
        .enumerate()
        .skip(first)
        .find(|(_, train)| {
            train.length == datagram.length
                && train.open
                && train.destination == datagram.destination
        });
    let Some((number, train)) = found else {
        return start(trains, datagram, true);
    };
    train.datagrams += 1;
    let full = (train.datagrams + 1) * train.length > TRAIN_BYTES_MAX;
    train.open = !full && train.datagrams < TRAIN_DATAGRAMS_MAX;
    number
}

fn start(trains: &mut Vec<Train>, datagram: Waiting, open: bool) -> usize {
    trains.push(Train {
        destination: datagram.destination,
        length: datagram.length,
        datagrams: 1,
        open,
    });
    trains.len() - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waiting(port: u16, length: usize, flow: Option<u8>) -> Waiting {
        Waiting {
            destination: SocketAddr::from(([127, 0, 0, 1], port)),
            length,
            flow: flow.map(Flow),
        }
    }

    fn made_up(datagrams: &[Waiting]) -> Vec<Vec<usize>> {
        let mut trains = Trains::new();
        trains.make_up(datagrams.iter().copied(), 1400);
        let places = |train: &[u8]| train.iter().map(|at| usize::from(*at)).collect();
        trains.each().map(places).collect()
    }

    #[test]
    fn datagrams_of_one_length_to_one_destination_leave_together() {
        let [a, b] = [
            |flow| waiting(1, 500, Some(flow)),
            |flow| waiting(2, 500, Some(flow)),
        ];
        let longer = waiting(1, 501, Some(9));
        assert_eq!(
            made_up(&[a(1), b(2), a(3), longer, b(4), a(5)]),
            [vec![0, 2, 5], vec![1, 4], vec![3]]
        );
    }

    #[test]
    fn what_one_call_sends_leaves_in_the_order_in_which_it_came() {
        let ringing = |flow| waiting(1, 400, Some(flow));
        let ok = |flow| waiting(1, 600, Some(flow));
        // Call 2's 200 comes before its 180's train would: it must not be overtaken by what it follows.
        assert_eq!(
            made_up(&[ok(1), ringing(2), ok(2), ringing(1)]),
            [vec![0], vec![1, 3], vec![2]]
        );
    }

    #[test]
    fn what_has_no_flow_leaves_alone_and_is_not_overtaken() {
        let any = |flow| waiting(1, 400, flow);
        assert_eq!(
            made_up(&[any(Some(1)), any(None), any(Some(2)), any(Some(3))]),
            [vec![0], vec![1], vec![2, 3]]
        );
    }

    #[test]
    fn what_is_too_long_to_be_cut_from_a_train_leaves_alone() {
        let long = |flow| waiting(1, 1401, Some(flow));
        let other = |flow| waiting(1, 900, Some(flow));
        assert_eq!(
            made_up(&[other(1), long(2), long(1), other(3), other(1)]),
            [vec![0, 3], vec![1], vec![2], vec![4]]
        );
    }

    proptest! {
        #[test]
        fn every_datagram_leaves_once_in_a_train_of_its_kind(
            datagrams in proptest::collection::vec((0..3u16, 1390..1402usize, proptest::option::of(0..5u8)), 0..80)
        ) {
            let datagrams: Vec<Waiting> = datagrams.into_iter().map(|(port, length, flow)| waiting(port, length, flow)).collect();
            let trains = made_up(&datagrams);
            let mut order: Vec<usize> = trains.concat();
            for flow in (0..5).map(Flow) {
                let of_flow = |at: &&usize| datagrams[**at].flow == Some(flow);
                prop_assert!(order.iter().filter(of_flow).is_sorted());
            }
            for train in &trains {
                let kind = |at: &usize| (datagrams[*at].destination, datagrams[*at].length);
                prop_assert!(train.iter().all(|at| kind(at) == kind(&train[0])));
                prop_assert!(train.len() == 1 || train.len() * kind(&train[0]).1 <= TRAIN_BYTES_MAX);
                prop_assert!(train.len() <= TRAIN_DATAGRAMS_MAX);
            }
            order.sort_unstable();
            prop_assert_eq!(order, (0..datagrams.len().min(DATAGRAM_BATCH)).collect::<Vec<_>>());
        }
    }
}
