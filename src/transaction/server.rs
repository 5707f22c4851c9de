//! The server side of the table.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::identity::{ToTags, needs_to_tag, write_identity};
use super::machine::{Due, Moment, ServerAct, ServerEvent, Step};
use super::server_invite::ServerInvite;
use super::server_other::ServerOther;
use super::table::{Owned, Scratch, Transactions};
use super::{ContextKey, Event, Full, Received, ServerKey, ServerState};
use crate::base::invariant::{Invariant, violated};
use crate::base::timers::TimerId;
use crate::base::transmit::ListenerId;
use crate::sip::{self, Message, Method};

/// A server transaction.
pub(super) struct Server {
    /// `None` only while a step is taken.
    machine: Option<ServerMachine>,
    identity: Box<[u8]>,
    hash: u64,
    /// Only for requests whose sender did not know RFC 3261.
    to_tags: Option<Box<ToTags>>,
    listener: ListenerId,
    reply_to: SocketAddr,
    context: Option<ContextKey>,
    /// What answers a retransmission: the last response, while its state repeats it.
    response: Option<Bytes>,
    /// The 100 that waits.
    trying: Option<Box<Trying>>,
    timer: Option<TimerId>,
}

/// What a 100 is made of, if it comes to that: most calls ring before.
struct Trying {
    at: Instant,
    request: Bytes,
    source: SocketAddr,
}

enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerOther),
}

impl Transactions {
    /// The transaction that a request belongs to (RFC 3261 §17.2.3); an ACK finds its INVITE's. None for a request that is new,
    /// and for an ACK once the INVITE was answered with 2xx: it is then the owner's to forward (RFC 6026 §7.1).
    pub fn find_server(&mut self, request: &Message) -> Option<ServerKey> {
        let key = self.find_identity(request, false)?;
        let accepted = self.server_state(key) == Some(ServerState::Accepted);
        (!accepted || request.method() != Method::Ack).then_some(key)
    }

    /// The INVITE that a CANCEL is about (RFC 3261 §9.2).
    pub fn find_cancelled(&mut self, cancel: &Message) -> Option<ServerKey> {
        self.find_identity(cancel, true)
    }

    /// Opens a transaction for a request that [`find_server`](Self::find_server) did not find; never for an ACK. Responses go from
    /// `listener` to `reply_to`.
    pub fn open_server(
        &mut self,
        now: Instant,
        request: &Message,
        listener: ListenerId,
        reply_to: SocketAddr,
        owner: Option<ContextKey>,
    ) -> Result<ServerKey, Full> {
        if self.servers.len() >= self.servers_max {
            return Err(Full);
        }
        self.tell(now);
        let at = self.moment(self.reliable.contains(&listener));
        let identity = &mut self.scratch.identity;
        write_identity(request, false, identity);
        let hash = self.hashes.hash_one(identity.as_slice());
        let key = self.servers.insert(Server {
            machine: Some(ServerMachine::open(request.method(), &at)),
            to_tags: needs_to_tag(identity).then(|| Box::new(ToTags::of(request))),
            identity: Box::from(identity.as_slice()),
            hash,
            listener,
            reply_to,
            context: owner,
            response: None,
            trying: None,
            timer: None,
        });
        let servers = &self.servers;
        self.servers_by_identity
            .insert_unique(hash, key, |key| servers[*key].hash);
        self.arm_server(key);
        Ok(key)
    }

    /// Says which context a transaction belongs to; its events carry it.
    pub fn set_context(&mut self, key: ServerKey, context: ContextKey) {
        if let Some(server) = self.servers.get_mut(key) {
            server.context = Some(context);
        }
    }

    /// The context of a transaction, if it has one.
    pub fn server_context(&self, key: ServerKey) -> Option<ContextKey> {
        self.servers.get(key)?.context
    }

    /// A request that belongs to this transaction.
    pub fn receive(&mut self, now: Instant, key: ServerKey, request: &Message) -> Received {
        self.tell(now);
        if request.method() == Method::Ack {
            if self.step_server(key, ServerEvent::Ack, None) == ServerAct::Acknowledged {
                return Received::Acknowledged;
            }
        } else if !self.send_trying(key) {
            // Whoever asks again gets the 100 that waits at once, or else the last response.
            self.step_server(key, ServerEvent::Request, None);
        }
        self.outbox.absorbed += 1;
        Received::Absorbed
    }

    /// A 100 Trying to `request`, which came from `source`, is sent at `at` (RFC 3261 §17.2.1: 200 ms) or with the first
    /// retransmission, unless another response goes before.
    pub fn trying_at(&mut self, key: ServerKey, at: Instant, request: Bytes, source: SocketAddr) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        if server.response.is_none() && server.state().is_some_and(ServerState::is_pending) {
            server.trying = Some(Box::new(Trying {
                at,
                request,
                source,
            }));
            self.arm_server(key);
        }
    }

    /// Sends a response. False, and nothing is sent, when it comes too late: another final response has gone, or the
    /// transaction is over. A further 2xx to an INVITE is sent as long as RFC 6026 lets it be.
    pub fn respond(&mut self, now: Instant, key: ServerKey, status: u16, payload: Bytes) -> bool {
        self.tell(now);
        let event = match status {
            100..=199 => ServerEvent::Provisional,
            200..=299 => ServerEvent::Success,
            _ => ServerEvent::Failure,
        };
        if event == ServerEvent::Failure {
            self.note_to_tag(key, &payload);
        }
        match self.step_server(key, event, Some(payload)) {
            ServerAct::Send | ServerAct::SendOnce => true,
            ServerAct::Nothing
            | ServerAct::Refuse
            | ServerAct::Resend
            | ServerAct::Acknowledged
            | ServerAct::NoAck => false,
        }
    }

    /// The state of a transaction; none once it has ended.
    pub fn server_state(&self, key: ServerKey) -> Option<ServerState> {
        self.servers.get(key)?.state()
    }

    pub(super) fn fire_server(&mut self, key: ServerKey) {
        let Some(server) = self.servers.get_mut(key) else {
            violated(Invariant::TimerWithoutTransaction, &"server");
            return;
        };
        server.timer = None;
        let due = server
            .machine
            .as_ref()
            .and_then(|machine| machine.due(self.now));
        let trying = server.trying.as_ref();
        let trying = trying.is_some_and(|trying| trying.at <= self.now);
        if let Some(due) = due {
            self.step_server(key, ServerEvent::Timer(due), None);
        } else if !(trying && self.send_trying(key)) {
            self.arm_server(key);
        }
    }

    /// Sends the 100 that waits; false if none does.
    fn send_trying(&mut self, key: ServerKey) -> bool {
        let Some(server) = self.servers.get_mut(key) else {
            return false;
        };
        let Some(trying) = server.trying.take() else {
            return false;
        };
        let Some(payload) = trying.write(&mut self.scratch) else {
            return false;
        };
        self.step_server(key, ServerEvent::Provisional, Some(payload));
        true
    }

    fn step_server(
        &mut self,
        key: ServerKey,
        event: ServerEvent,
        payload: Option<Bytes>,
    ) -> ServerAct {
        let (now, durations) = (self.now, self.durations);
        let Some(server) = self.servers.get_mut(key) else {
            return ServerAct::Refuse;
        };
        let reliable = self.reliable.contains(&server.listener);
        let Some(machine) = server.machine.take() else {
            return ServerAct::Refuse;
        };
        let Step { next, act } = machine.step(
            event,
            &Moment {
                now,
                durations,
                reliable,
            },
        );
        server.machine = next;
        match act {
            ServerAct::Send => {
                server.trying = None;
                server.response = payload.clone();
            }
            ServerAct::SendOnce => {
                server.trying = None;
                server.response = None;
            }
            ServerAct::Acknowledged => server.response = None,
            ServerAct::Nothing | ServerAct::Refuse | ServerAct::Resend | ServerAct::NoAck => {}
        }
        let outgoing = match act {
            ServerAct::Send | ServerAct::SendOnce => payload,
            ServerAct::Resend => server
                .response
                .clone()
                .inspect(|_| self.outbox.retransmitted += 1),
            ServerAct::Nothing | ServerAct::Refuse | ServerAct::Acknowledged | ServerAct::NoAck => {
                None
            }
        };
        if let Some(payload) = outgoing {
            self.outbox.send(server.listener, server.reply_to, payload);
        }
        if server.machine.is_some() {
            self.arm_server(key);
        } else {
            self.end_server(key, act);
        }
        act
    }

    fn arm_server(&mut self, key: ServerKey) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let Some(machine) = &server.machine else {
            return;
        };
        let ends = machine.wake();
        let trying = server.trying.as_ref();
        let wake = trying.map_or(ends, |trying| trying.at.min(ends));
        let before = server.timer;
        server.timer = Some(self.timers.arm_instead(before, wake, Owned::Server(key)));
    }

    fn end_server(&mut self, key: ServerKey, act: ServerAct) {
        let Some(server) = self.servers.remove(key) else {
            return;
        };
        if let Some(timer) = server.timer {
            self.timers.cancel(timer);
        }
        if let Ok(entry) = self
            .servers_by_identity
            .find_entry(server.hash, |other| *other == key)
        {
            entry.remove();
        }
        self.outbox.events.push_back(if act == ServerAct::NoAck {
            Event::NoAck(key, server.context)
        } else {
            Event::ServerGone(key, server.context)
        });
    }

    fn find_identity(&mut self, request: &Message, cancelled: bool) -> Option<ServerKey> {
        write_identity(request, cancelled, &mut self.scratch.identity);
        let identity = &self.scratch.identity;
        let hash = self.hashes.hash_one(identity.as_slice());
        let same = |key: &ServerKey| {
            self.servers.get(*key).is_some_and(|server| {
                *server.identity == identity[..]
                    && server
                        .to_tags
                        .as_ref()
                        .is_none_or(|tags| tags.agree(request))
            })
        };
        self.servers_by_identity.find(hash, same).copied()
    }

    /// The ACK of a sender that did not know RFC 3261 is told by the To tag of the response.
    fn note_to_tag(&mut self, key: ServerKey, response: &[u8]) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let pending = server.state().is_some_and(ServerState::is_pending);
        let Some(tags) = server.to_tags.as_mut().filter(|_| pending) else {
            return;
        };
        if let Ok(response) = sip::parse_own(response, &mut self.scratch.index) {
            tags.response = response.to_tag().map(Box::from);
        }
    }
}

impl Server {
    fn state(&self) -> Option<ServerState> {
        self.machine.as_ref().map(ServerMachine::state)
    }
}

impl Trying {
    fn write(&self, scratch: &mut Scratch) -> Option<Bytes> {
        match sip::parse(&self.request, &mut scratch.index) {
            Ok(request) => {
                let out = &mut scratch.bytes;
                out.clear();
                sip::response(&request, self.source, 100, "Trying", None, &[], out);
                Some(Bytes::copy_from_slice(out))
            }
            Err(error) => {
                violated(Invariant::OwnRequestUnreadable, &format_args!("{error:?}"));
                None
            }
        }
    }
}

impl ServerState {
    /// True before the final response.
    pub fn is_pending(self) -> bool {
        match self {
            Self::Trying | Self::Proceeding => true,
            Self::Completed | Self::Confirmed | Self::Accepted => false,
        }
    }
}

impl ServerMachine {
    fn open(method: Method, at: &Moment) -> Self {
        if method == Method::Invite {
            Self::Invite(ServerInvite::open(at))
        } else {
            Self::Other(ServerOther::open(at))
        }
    }

    fn step(self, event: ServerEvent, at: &Moment) -> Step<Self, ServerAct> {
        match self {
            Self::Invite(machine) => machine.step(event, at).map(Self::Invite),
            Self::Other(machine) => machine.step(event, at).map(Self::Other),
        }
    }

    fn state(&self) -> ServerState {
        match self {
            Self::Invite(machine) => machine.state(),
            Self::Other(machine) => machine.state(),
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
