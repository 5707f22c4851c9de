//! The core of one shard: its state, and the way of an input through it.

use ahash::RandomState;
use bytes::Bytes;
use slotmap::SlotMap;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::adopt::Doubtful;
use super::checking::Checking;
use super::context::Context;
use super::deciding::Gate;
use super::farewell::Farewell;
use super::own_request::OwnRequest;
use super::port::{Answer, Command, Excess, Input, Notice, Output};
use super::probing::Probing;
use super::saving::Unsaved;
use super::setup::Setup;
use super::stats::{DropReason, Stats, kind_of, kind_of_payload};
use super::trust::SourceRates;
use super::waiting::Waiting;
use crate::balance::Ledger;
use crate::base::limits::OUTPUTS_KEPT;
use crate::base::timers::{TimerId, Timers};
use crate::base::transmit::{ListenerId, Transmit};
use crate::call::{CallId, CallKey, CallTable};
use crate::sip::{self, Edits, Index, Message, ParseError};
use crate::transaction::{ContextKey, Durations, Event, Owner, Transactions};

pub use super::shards::ShardId;

/// What the core's own timers are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoreTimer {
    /// `timers.try` or Timer C.
    Context(ContextKey),
    /// The longest life of a call.
    Call(CallKey),
    /// A host name that nobody resolves.
    Resolve(u64),
    /// A probe without an answer.
    Probe(u32),
    /// A call is to be asked about.
    Check(CallKey),
    /// Calls have changed that are to be saved.
    Save,
}

/// A stateful proxy, sans-IO: values in, values out. One a shard.
pub struct Core {
    pub(super) shard: ShardId,
    pub(super) started: Instant,
    pub(super) started_unix_ms: u64,
    pub(super) setup: Arc<Setup>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) transactions: Transactions,
    pub(super) contexts: SlotMap<ContextKey, Context>,
    pub(super) calls: CallTable,
    pub(super) timers: Timers<CoreTimer>,
    pub(super) waiting: BTreeMap<u64, (Waiting, TimerId)>,
    pub(super) own: BTreeMap<u32, OwnRequest>,
    pub(super) doubtful: Doubtful,
    pub(super) farewells: BTreeMap<CallId, Farewell>,
    pub(super) probing: Option<Probing>,
    pub(super) checking: Checking,
    pub(super) rates: SourceRates,
    /// Until when an ACK may come for an INVITE that was shed.
    pub(super) shed_until: Option<Instant>,
    pub(super) stopping: bool,
    pub(super) gate: Gate,
    pub(super) unsaved: Unsaved,
    pub(super) stats: Stats,
    pub(super) edits: Edits,
    pub(super) buffer: Vec<u8>,
    pub(super) hasher: RandomState,
    pub(super) next_token: u64,
    indexes: Vec<Index>,
    outputs: VecDeque<Output>,
}

impl Core {
    /// A core without calls. `unix_ms` is the time of `now` in milliseconds since 1970; `seed` is all the chance that it gets.
    pub fn new(
        now: Instant,
        unix_ms: u64,
        shard: ShardId,
        seed: u64,
        setup: Arc<Setup>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let hasher = RandomState::with_seeds(
            chance.u64(..),
            chance.u64(..),
            chance.u64(..),
            chance.u64(..),
        );
        let durations = durations(&setup);
        Self {
            shard,
            started: now,
            started_unix_ms: unix_ms,
            transactions: Transactions::new(now, durations, chance.u64(..)),
            contexts: SlotMap::with_key(),
            calls: CallTable::new(shard.0, unix_ms, hasher.clone()),
            timers: Timers::new(now),
            waiting: BTreeMap::new(),
            own: BTreeMap::new(),
            doubtful: Doubtful::default(),
            farewells: BTreeMap::new(),
            probing: (shard.0 == 0).then(|| Probing::new(now, chance.u64(..), &setup)),
            checking: Checking::new(now, chance.u64(..)),
            rates: SourceRates::new(hasher.clone()),
            shed_until: None,
            stopping: false,
            gate: Gate::new(now),
            unsaved: Unsaved::default(),
            stats: Stats::default(),
            edits: Edits::new(),
            buffer: Vec::new(),
            hasher,
            next_token: 0,
            indexes: Vec::new(),
            outputs: VecDeque::new(),
            setup,
            ledger,
        }
    }

    /// Takes one input; what is to be done then comes out of [`Core::poll_output`].
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram {
                listener,
                source,
                bytes,
            } => self.datagram(now, listener, source, bytes, Excess::default()),
            Input::Pressed {
                listener,
                source,
                bytes,
                excess,
            } => self.datagram(now, listener, source, bytes, excess),
            Input::Unreachable { bytes, .. } => self.unreachable(now, bytes),
            Input::Timeout => self.timeout(now),
            Input::Resolved { token, addresses } => self.resolved(now, token, &addresses),
            Input::Setup(setup) => self.set_up(now, setup),
            Input::Command { token, command } => self.command(now, token, command),
        }
        self.settle_events(now);
    }

    /// The next thing to be done outside; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > OUTPUTS_KEPT {
            self.outputs.shrink_to(OUTPUTS_KEPT);
        }
        output
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let probing = self.probing.as_ref().and_then(Probing::next_timeout);
        [
            self.transactions.next_timeout(),
            self.timers.next(),
            probing,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The counters, gauges brought up to date.
    pub fn stats(&mut self) -> &Stats {
        let counts = self.transactions.counts();
        self.stats.transactions = (counts.server + counts.client) as u64;
        self.stats.retransmitted = counts.retransmitted;
        self.stats.absorbed = counts.absorbed;
        for group in self.stats.groups.values_mut() {
            group.active = [0; 3];
        }
        for (group, active) in self.calls.active() {
            self.stats.groups.entry(*group).or_default().active = *active;
        }
        &self.stats
    }

    /// Milliseconds since 1970 at `now`.
    pub(super) fn unix_ms(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.started).as_millis();
        self.started_unix_ms
            .saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Parses with a scratch index of the core's, and hands the message on.
    pub(super) fn with_parsed<T>(
        &mut self,
        bytes: &[u8],
        act: impl FnOnce(&mut Self, Result<Message<'_>, ParseError>) -> T,
    ) -> T {
        let mut index = self.indexes.pop().unwrap_or_default();
        let result = act(self, sip::parse(bytes, &mut index));
        self.indexes.push(index);
        result
    }

    fn datagram(
        &mut self,
        now: Instant,
        listener: ListenerId,
        source: SocketAddr,
        bytes: &[u8],
        excess: Excess,
    ) {
        self.with_parsed(bytes, |core, parsed| match parsed {
            Ok(message) => {
                core.stats.received[kind_of(&message)] += 1;
                if message.is_request() {
                    if !core.shed(now, listener, source, &message, excess) {
                        core.request(now, listener, source, &message);
                    }
                } else {
                    core.response(now, &message);
                }
            }
            Err(ParseError::KeepAlive) => {}
            Err(error) => core.malformed(listener, source, bytes, error),
        });
    }

    fn timeout(&mut self, now: Instant) {
        self.transactions.handle_timeout(now);
        self.settle_events(now);
        while let Some((_, timer)) = self.timers.pop(now) {
            match timer {
                CoreTimer::Context(key) => self.context_timeout(now, key),
                CoreTimer::Call(key) => self.call_deadline(now, key),
                CoreTimer::Resolve(token) => self.resolved(now, token, &[]),
                CoreTimer::Probe(number) => self.probe_unanswered(now, number),
                CoreTimer::Check(key) => self.check_due(now, key),
                CoreTimer::Save => self.save(now),
            }
            self.settle_events(now);
        }
        self.probe(now);
    }

    /// What the transactions report, and what they want sent.
    fn settle_events(&mut self, now: Instant) {
        while let Some(event) = self.transactions.poll_event() {
            match event {
                Event::TimedOut(client, owner) => self.client_failed(now, client, owner, false),
                Event::TransportFailed(client, owner) => {
                    self.client_failed(now, client, owner, true)
                }
                Event::ClientGone(client, owner) => self.client_gone(now, client, owner),
                Event::ServerGone(_, context) => self.server_gone(context),
                Event::NoAck(_, _) => {}
            }
        }
        while let Some(transmit) = self.transactions.poll_transmit() {
            self.transmit(transmit);
        }
    }

    /// Sends, and counts what is sent.
    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.stats.sent[kind_of_payload(&transmit.payload)] += 1;
        self.outputs.push_back(Output::Transmit(transmit));
    }

    /// Sends what the buffer holds, outside any transaction.
    pub(super) fn transmit_buffer(&mut self, listener: ListenerId, destination: SocketAddr) {
        let payload = Bytes::copy_from_slice(&self.buffer);
        self.transmit(Transmit {
            listener,
            destination,
            payload,
        });
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    pub(super) fn dropped(&mut self, reason: DropReason) {
        self.stats.dropped(reason);
    }

    /// Arms `timers.try` or Timer C of a context, in place of what was armed.
    pub(super) fn arm_context(&mut self, now: Instant, key: ContextKey, after: Duration) {
        let Some(context) = self.contexts.get_mut(key) else {
            return;
        };
        let timer = CoreTimer::Context(key);
        context.timer = Some(self.timers.arm_instead(context.timer, now + after, timer));
    }

    pub(super) fn disarm_context(&mut self, key: ContextKey) {
        if let Some(timer) = self
            .contexts
            .get_mut(key)
            .and_then(|context| context.timer.take())
        {
            self.timers.cancel(timer);
        }
    }

    /// The process ends. The calls that live go on without it, and are neither ended nor counted as lost.
    pub fn leave(self) {
        self.calls.outlive();
    }

    fn set_up(&mut self, now: Instant, setup: Arc<Setup>) {
        self.transactions.set_durations(durations(&setup));
        if let Some(probing) = &mut self.probing {
            probing.apply(now, &setup);
        }
        let before = std::mem::replace(&mut self.setup, setup);
        self.check_interval_changes(now, &before);
    }

    fn command(&mut self, now: Instant, token: u64, command: Command) {
        let answer = match command {
            Command::Calls(filter) => Answer::Calls(self.calls.list(&filter)),
            Command::Call(id) => {
                let call = self.calls.key_of(id).and_then(|key| self.calls.get(key));
                Answer::Call(call.and_then(|call| call.view()).map(Box::new))
            }
            Command::EndCall(id) => Answer::Ended(self.end_by_operator(now, id)),
            Command::Stats => Answer::Stats(Box::new(self.stats().clone())),
            Command::Stop => {
                self.stopping = true;
                Answer::Stopped
            }
            Command::Restore(records) => Answer::Done(self.restore(now, &records)),
            Command::PersistAll => Answer::Done(self.save_all(now)),
            Command::PeerRestarted {
                peer,
                known_until,
                calls,
            } => Answer::Done(self.peer_restarted(now, peer, known_until, calls.as_deref())),
            Command::PeerDied(peer) => Answer::Done(self.peer_died(now, peer)),
            Command::Begun(peer) => Answer::Begun(self.begun(peer)),
            Command::Empty { peer, deadline } => Answer::Done(self.empty(now, peer, deadline)),
            Command::PeerCalls { peer, calls } => Answer::Done(self.reconcile(now, peer, &calls)),
        };
        self.output(Output::Answer { token, answer });
    }
}

fn durations(setup: &Setup) -> Durations {
    Durations {
        t1: setup.timing.t1,
        ..Durations::default()
    }
}

/// Which owner a transaction reports to.
pub(super) fn context_of(owner: Owner) -> Option<(ContextKey, u16)> {
    match owner {
        Owner::Context { key, branch } => Some((key, branch)),
        Owner::Cancel(_) | Owner::Probe(_) | Owner::Own(_) => None,
    }
}
