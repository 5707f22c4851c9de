//! The client side of the table.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use slotmap::Key as _;

use super::client_invite::ClientInvite;
use super::client_other::ClientOther;
use super::machine::{ClientAct, ClientEvent, Due, Moment, Step};
use super::table::{Owned, Scratch, Transactions};
use super::{Branch, ClientKey, ClientRequest, ContextKey, Event, Full, Owner};
use crate::base::invariant::{Invariant, violated};
use crate::base::timers::TimerId;
use crate::base::transmit::ListenerId;
use crate::sip::{self, Message, Method};

/// A client transaction.
pub(super) struct Client {
    /// `None` only while a step is taken.
    machine: Option<ClientMachine>,
    branch: Branch,
    method: Method,
    hash: u64,
    owner: Owner,
    listener: ListenerId,
    destination: SocketAddr,
    reliable: bool,
    /// The request; once an INVITE was refused, the ACK for that; else empty after the final response.
    payload: Bytes,
    timer: Option<TimerId>,
}

enum ClientMachine {
    Invite(ClientInvite),
    Other(ClientOther),
}

impl Transactions {
    /// Sends a request in a transaction of its own.
    pub fn open_client(
        &mut self,
        now: Instant,
        request: ClientRequest,
        owner: Owner,
    ) -> Result<ClientKey, Full> {
        if self.clients.len() >= self.clients_max {
            return Err(Full);
        }
        self.tell(now);
        Ok(self.insert_client(request, owner))
    }

    /// The transaction that a response belongs to: the branch of its top Via and the method of its CSeq (RFC 3261 §17.1.3).
    /// None for one that we never sent or that has ended.
    pub fn find_client(&self, response: &Message) -> Option<ClientKey> {
        self.find_client_by_branch(response.top_via().branch?, response.method())
    }

    /// The same from the parts, for a request of ours that the network gave back.
    pub fn find_client_by_branch(&self, branch: &[u8], method: Method) -> Option<ClientKey> {
        let hash = self.hash_branch(branch, method);
        let same = |key: &ClientKey| {
            self.clients
                .get(*key)
                .is_some_and(|client| client.method == method && client.branch.as_bytes() == branch)
        };
        self.clients_by_branch.find(hash, same).copied()
    }

    /// A response to this transaction. Some: it is for the owner to act on. None: it was handled before, and an ACK was
    /// sent again if it needs one. Every 2xx to an INVITE is passed on, for it may be another fork's.
    pub fn receive_response(
        &mut self,
        now: Instant,
        key: ClientKey,
        response: &Message,
    ) -> Option<Owner> {
        self.tell(now);
        let owner = self.clients.get(key)?.owner;
        let event = match response.status() {
            100..=199 => ClientEvent::Provisional,
            200..=299 => ClientEvent::Success,
            _ => ClientEvent::Failure,
        };
        match self.step_client(key, event, Some(response)) {
            ClientAct::Pass
            | ClientAct::PassAndCancel
            | ClientAct::PassFinal
            | ClientAct::PassAndAck => Some(owner),
            ClientAct::Nothing
            | ClientAct::Absorb
            | ClientAct::AckAgain
            | ClientAct::Resend
            | ClientAct::SendCancel
            | ClientAct::TimedOut
            | ClientAct::TransportFailed => None,
        }
    }

    /// The owner has decided without this transaction. The request is not sent again, but what still comes is handled as before and
    /// passed on: a late 2xx, a final response that wants its ACK. It ends within 64*T1 without a final response, and
    /// then with [`Event::ClientGone`], for there is nothing left to decide. The
    /// present is the latest moment that any call has told of.
    ///
    /// It asks the peer for nothing: an INVITE that is given up wants [`cancel`](Self::cancel) too, before or after.
    pub fn abandon(&mut self, key: ClientKey) {
        self.step_client(key, ClientEvent::Abandon, None);
    }

    /// Cancels an INVITE that has no final response yet. True: the CANCEL is sent, in a transaction of its own that
    /// [`Owner::Cancel`] owns. False: nothing is sent now. If no provisional response has come yet, the wish is kept and the CANCEL follows
    /// the first one (RFC 3261 §9.1); if the CANCEL has been sent before or a final response is there, nothing changes.
    ///
    /// A CANCEL only asks: the INVITE ends with whatever final response it gets, or with [`Event::TimedOut`] 64*T1 after the CANCEL.
    pub fn cancel(&mut self, now: Instant, key: ClientKey) -> bool {
        self.tell(now);
        self.step_client(key, ClientEvent::Cancel, None) == ClientAct::SendCancel
    }

    /// The request could not be delivered. Before the final response this ends the transaction; after it, it means nothing.
    pub fn transport_failed(&mut self, now: Instant, key: ClientKey) {
        self.tell(now);
        self.step_client(key, ClientEvent::TransportFailed, None);
    }

    /// Whom its responses concern; none once it has ended.
    pub fn owner_of(&self, key: ClientKey) -> Option<Owner> {
        self.clients.get(key).map(|client| client.owner)
    }

    /// The request as it was sent, until its final response.
    pub fn request_of(&self, key: ClientKey) -> Option<&Bytes> {
        let client = self.clients.get(key)?;
        client
            .machine
            .as_ref()?
            .is_pending()
            .then_some(&client.payload)
    }

    pub(super) fn fire_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            violated(Invariant::TimerWithoutTransaction, &"client");
            return;
        };
        client.timer = None;
        match client
            .machine
            .as_ref()
            .and_then(|machine| machine.due(self.now))
        {
            Some(due) => {
                self.step_client(key, ClientEvent::Timer(due), None);
            }
            None => self.arm_client(key),
        }
    }

    fn insert_client(&mut self, request: ClientRequest, owner: Owner) -> ClientKey {
        let ClientRequest {
            listener,
            destination,
            branch,
            method,
            payload,
            reliable,
        } = request;
        let at = self.moment(reliable);
        let hash = self.hash_branch(branch.as_bytes(), method);
        self.outbox.send(listener, destination, payload.clone());
        let machine = Some(ClientMachine::open(method, &at));
        let key = self.clients.insert(Client {
            machine,
            branch,
            method,
            hash,
            owner,
            listener,
            destination,
            reliable,
            payload,
            timer: None,
        });
        let clients = &self.clients;
        self.clients_by_branch
            .insert_unique(hash, key, |key| clients[*key].hash);
        self.arm_client(key);
        key
    }

    fn step_client(
        &mut self,
        key: ClientKey,
        event: ClientEvent,
        response: Option<&Message>,
    ) -> ClientAct {
        let (now, durations) = (self.now, self.durations);
        let Some(client) = self.clients.get_mut(key) else {
            return ClientAct::Nothing;
        };
        let Some(machine) = client.machine.take() else {
            return ClientAct::Nothing;
        };
        let at = Moment {
            now,
            durations,
            reliable: client.reliable,
        };
        let Step { next, act } = machine.step(event, &at);
        client.machine = next;
        match act {
            ClientAct::Absorb => self.outbox.absorbed += 1,
            ClientAct::PassFinal => client.payload = Bytes::new(),
            ClientAct::PassAndAck => {
                client.payload = response.map_or_else(Bytes::new, |response| {
                    client.ack(response, &mut self.scratch)
                });
                client.send(&mut self.outbox);
            }
            ClientAct::AckAgain => {
                self.outbox.absorbed += 1;
                self.outbox.retransmitted += 1;
                client.send(&mut self.outbox);
            }
            ClientAct::Resend => {
                self.outbox.retransmitted += 1;
                client.send(&mut self.outbox);
            }
            ClientAct::SendCancel | ClientAct::PassAndCancel => {
                if let Some(cancel) = client.cancel(&mut self.scratch) {
                    let owner = Owner::Cancel(client.owner.context());
                    // Not held to the limit: there is one CANCEL for an INVITE, and it makes room.
                    self.insert_client(cancel, owner);
                }
            }
            ClientAct::Nothing
            | ClientAct::Pass
            | ClientAct::TimedOut
            | ClientAct::TransportFailed => {}
        }
        if self
            .clients
            .get(key)
            .is_some_and(|client| client.machine.is_some())
        {
            self.arm_client(key);
        } else {
            self.end_client(key, act);
        }
        act
    }

    fn arm_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        let Some(machine) = &client.machine else {
            return;
        };
        let (before, wake) = (client.timer, machine.wake());
        client.timer = Some(self.timers.arm_instead(before, wake, Owned::Client(key)));
    }

    fn end_client(&mut self, key: ClientKey, act: ClientAct) {
        let Some(client) = self.clients.remove(key) else {
            return;
        };
        if let Some(timer) = client.timer {
            self.timers.cancel(timer);
        }
        if let Ok(entry) = self
            .clients_by_branch
            .find_entry(client.hash, |other| *other == key)
        {
            entry.remove();
        }
        self.outbox.events.push_back(match act {
            ClientAct::TimedOut => Event::TimedOut(key, client.owner),
            ClientAct::TransportFailed => Event::TransportFailed(key, client.owner),
            ClientAct::Nothing
            | ClientAct::Absorb
            | ClientAct::Pass
            | ClientAct::PassAndCancel
            | ClientAct::PassFinal
            | ClientAct::PassAndAck
            | ClientAct::AckAgain
            | ClientAct::Resend
            | ClientAct::SendCancel => Event::ClientGone(key, client.owner),
        });
    }

    fn hash_branch(&self, branch: &[u8], method: Method) -> u64 {
        self.hashes.hash_one((branch, method))
    }
}

impl Client {
    fn send(&self, outbox: &mut super::table::Outbox) {
        if !self.payload.is_empty() {
            outbox.send(self.listener, self.destination, self.payload.clone());
        }
    }

    /// The ACK for a 3xx to 6xx (RFC 3261 §17.1.1.3).
    fn ack(&self, response: &Message, scratch: &mut Scratch) -> Bytes {
        self.derive(scratch, |invite, out| sip::ack_for(invite, response, out))
            .unwrap_or_default()
    }

    fn cancel(&self, scratch: &mut Scratch) -> Option<ClientRequest> {
        Some(ClientRequest {
            listener: self.listener,
            destination: self.destination,
            branch: self.branch,
            method: Method::Cancel,
            payload: self.derive(scratch, sip::cancel_for)?,
            reliable: self.reliable,
        })
    }

    /// A message that is made from the INVITE as it was sent.
    fn derive(
        &self,
        scratch: &mut Scratch,
        make: impl FnOnce(&Message, &mut Vec<u8>),
    ) -> Option<Bytes> {
        match sip::parse_own(&self.payload, &mut scratch.index) {
            Ok(invite) => {
                scratch.bytes.clear();
                make(&invite, &mut scratch.bytes);
                Some(Bytes::copy_from_slice(&scratch.bytes))
            }
            Err(error) => {
                violated(Invariant::OwnRequestUnreadable, &format_args!("{error:?}"));
                None
            }
        }
    }
}

impl Owner {
    fn context(self) -> ContextKey {
        match self {
            Self::Context { key, .. } | Self::Cancel(key) => key,
            Self::Probe(_) | Self::Own(_) => ContextKey::null(),
        }
    }
}

impl ClientMachine {
    fn open(method: Method, at: &Moment) -> Self {
        if method == Method::Invite {
            Self::Invite(ClientInvite::open(at))
        } else {
            Self::Other(ClientOther::open(at))
        }
    }

    fn step(self, event: ClientEvent, at: &Moment) -> Step<Self, ClientAct> {
        match self {
            Self::Invite(machine) => machine.step(event, at).map(Self::Invite),
            Self::Other(machine) => machine.step(event, at).map(Self::Other),
        }
    }

    fn is_pending(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_pending(),
            Self::Other(machine) => machine.is_pending(),
        }
    }

    fn wake(&self) -> Instant {
        match self {
            Self::Invite(machine) => machine.wake(),
            Self::Other(machine) => machine.wake(),
        }
    }

    fn due(&self, now: Instant) -> Option<Due> {
        match self {
            Self::Invite(machine) => machine.due(now),
            Self::Other(machine) => machine.due(now),
        }
    }
}
