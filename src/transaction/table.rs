//! The table: who is there, what is due, what goes out.

use std::collections::VecDeque;
use std::time::Instant;

use ahash::RandomState;
use bytes::Bytes;
use hashbrown::HashTable;
use slotmap::SlotMap;

use super::branch::{Branch, Mint, expand};
use super::client::Client;
use super::identity::Identity;
use super::machine::Moment;
use super::server::Server;
use super::{ClientKey, Counts, Durations, Event, ServerKey};
use crate::base::limits::{CLIENT_TRANSACTIONS_MAX, SERVER_TRANSACTIONS_MAX};
use crate::base::timers::Timers;
use crate::base::transmit::{ListenerId, Transmit};
use crate::sip::Index;

/// The transactions of one shard.
///
/// A transaction is found by a keyed hash of its identity and then by the identity itself, so a chosen collision
/// costs its maker a comparison and never finds another's transaction.
pub struct Transactions {
    pub(super) durations: Durations,
    /// The latest moment that any call has told of.
    pub(super) now: Instant,
    pub(super) servers: SlotMap<ServerKey, Server>,
    pub(super) servers_by_identity: HashTable<ServerKey>,
    /// How many there may be; a test may lower it.
    pub(super) servers_max: usize,
    pub(super) clients: SlotMap<ClientKey, Client>,
    /// How many there may be, CANCELs not counted; a test may lower it.
    pub(super) clients_max: usize,
    pub(super) clients_by_branch: HashTable<ClientKey>,
    pub(super) hashes: RandomState,
    pub(super) timers: Timers<Owned>,
    pub(super) outbox: Outbox,
    /// Listeners whose transport retransmits by itself.
    pub(super) reliable: Vec<ListenerId>,
    pub(super) scratch: Scratch,
    mint: Mint,
}

/// Whose timer it is. A transaction has one at most: the earliest of what it waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owned {
    Server(ServerKey),
    Client(ClientKey),
}

/// What waits to be fetched. A call adds two datagrams at most, or one for each timer that is due, and one event for
/// each transaction that ends; so both are bounded by the transactions there are, if they are fetched after each call.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub transmits: VecDeque<Transmit>,
    pub events: VecDeque<Event>,
    pub retransmitted: u64,
    pub absorbed: u64,
}

/// Room to read and write messages in, kept so that it need not be allocated each time.
pub(super) struct Scratch {
    pub index: Index,
    pub bytes: Vec<u8>,
    pub identity: Identity,
}

impl Transactions {
    /// An empty table. Nothing happens before `origin`. The seed must be new each time the process starts and for
    /// each shard, and known to nobody else: branches are foreseen by whoever knows it.
    pub fn new(origin: Instant, durations: Durations, seed: u64) -> Self {
        let [a, b, c, d] = [2, 3, 4, 5].map(|which| expand(seed, which));
        Self {
            durations: durations.bounded(),
            now: origin,
            servers: SlotMap::with_key(),
            servers_by_identity: HashTable::new(),
            servers_max: SERVER_TRANSACTIONS_MAX,
            clients: SlotMap::with_key(),
            clients_by_branch: HashTable::new(),
            clients_max: CLIENT_TRANSACTIONS_MAX,
            hashes: RandomState::with_seeds(a, b, c, d),
            timers: Timers::new(origin),
            outbox: Outbox::default(),
            reliable: Vec::new(),
            scratch: Scratch {
                index: Index::new(),
                bytes: Vec::new(),
                identity: Identity::new(),
            },
            mint: Mint::new(seed),
        }
    }

    /// Other base timers, for what happens from now on; timers that run are left.
    pub fn set_durations(&mut self, durations: Durations) {
        self.durations = durations.bounded();
    }

    /// Says that requests from this listener came over a transport that retransmits by itself. A Via says so too,
    /// but is not to be trusted.
    pub fn set_reliable(&mut self, listener: ListenerId) {
        if !self.reliable.contains(&listener) {
            self.reliable.push(listener);
        }
    }

    /// A branch that was never used and that no outsider can foretell.
    pub fn mint_branch(&mut self) -> Branch {
        self.mint.mint()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is worth a call.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does whatever is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tell(now);
        // Each round ends a transaction or arms its timer later than `now`, so the loop ends.
        while let Some((_, owned)) = self.timers.pop(self.now) {
            match owned {
                Owned::Server(key) => self.fire_server(key),
                Owned::Client(key) => self.fire_client(key),
            }
        }
    }

    /// The next datagram to send, in the order in which they arose.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.transmits.pop_front()
    }

    /// The next end of a transaction, in the order in which they happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.events.pop_front()
    }

    /// How much there is and what was done, for gauges and counters.
    pub fn counts(&self) -> Counts {
        Counts {
            server: self.servers.len(),
            client: self.clients.len(),
            retransmitted: self.outbox.retransmitted,
            absorbed: self.outbox.absorbed,
        }
    }

    /// Notes the time; it never runs backwards here, whatever the caller says.
    pub(super) fn tell(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn moment(&self, reliable: bool) -> Moment {
        Moment {
            now: self.now,
            durations: self.durations,
            reliable,
        }
    }
}

impl Outbox {
    pub fn send(
        &mut self,
        listener: ListenerId,
        destination: std::net::SocketAddr,
        payload: Bytes,
    ) {
        self.transmits.push_back(Transmit {
            listener,
            destination,
            payload,
        });
    }
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
