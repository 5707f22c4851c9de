//! The loop of one shard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::handles::Report;
use super::mailbox::{Inbox, Mailbox, Order, ResolveAsk};
use super::post::Post;
use super::pressure::Pressure;
use super::questions::Questions;
use super::sort;
use super::start::{Engine, Outlets};
use super::stats::ShardStats;
use super::watch::Watch;
use crate::base::limits::{DATAGRAM_BYTES_MAX, LETTERS_A_TURN, RETURNED_BATCH};
use crate::io::mmsg::{ReceiveBatch, SendBatch};
use crate::io::udp::Flow;
use crate::io::udp::{UdpSocket, Undelivered};
use crate::proxy::{Answer, Input, Output, ShardId};

pub(super) struct Worker<E> {
    pub(super) shard: ShardId,
    pub(super) engine: E,
    pub(super) sockets: Vec<UdpSocket>,
    pub(super) watch: Watch,
    pub(super) inbox: Inbox,
    pub(super) post: Post,
    outlets: Outlets,
    send_batch: SendBatch,
    returned: Box<[u8]>,
    undelivered: Vec<Undelivered>,
    unresolved: VecDeque<u64>,
    /// When each message arrived whose consequences wait to be sent.
    caused: Vec<Instant>,
    questions: Questions,
    pub(super) pressure: Pressure,
    /// Until when the sockets stamp what comes in.
    pub(super) stamps_until: Option<Instant>,
    stats: ShardStats,
}

impl<E: Engine> Worker<E> {
    pub(super) fn new(
        shard: ShardId,
        engine: E,
        sockets: Vec<UdpSocket>,
        watch: Watch,
        inbox: Inbox,
        mailboxes: Vec<Arc<Mailbox>>,
        outlets: Outlets,
    ) -> Self {
        Worker {
            shard,
            engine,
            sockets,
            watch,
            inbox,
            post: Post::new(mailboxes),
            outlets,
            send_batch: SendBatch::new(),
            returned: vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice(),
            undelivered: Vec::new(),
            unresolved: VecDeque::new(),
            caused: Vec::new(),
            questions: Questions::default(),
            pressure: Pressure::default(),
            stamps_until: None,
            stats: ShardStats::default(),
        }
    }

    /// Turns until told to end, and gives the engine back. A turn takes a bounded share from each source, so none starves another.
    pub(super) fn run(mut self) -> E {
        let mut batch = ReceiveBatch::new();
        let (mut busy, mut post_waits) = (false, false);
        while !self.inbox.ended() {
            let look = busy || !self.undelivered.is_empty();
            let due = self.engine.poll_timeout();
            self.watch.wait(&self.sockets, look, due);
            let now = Instant::now();
            if self.inbox.silence() || post_waits {
                post_waits = self.take_orders(now);
                post_waits |= self.take_letters(now);
            }
            busy = post_waits;
            for number in 0..self.sockets.len() {
                busy |= self.take_from_socket(now, number, &mut batch);
            }
            if self.engine.poll_timeout().is_some_and(|at| at <= now) {
                self.engine.handle(now, Input::Timeout);
                self.drain(None);
            }
            busy |= self.take_failures(now);
            self.pressure.turn(now);
            self.flush();
        }
        self.engine
    }

    /// Takes what the kernel has for a socket, a share of it. True when more may wait.
    fn take_from_socket(&mut self, now: Instant, number: usize, batch: &mut ReceiveBatch) -> bool {
        let (mut came_back, mut came) = (false, false);
        if self.watch.failed(number) {
            came_back = self.take_returned(now, number);
            if !came_back {
                self.watch.mended(number);
            }
        }
        if self.watch.readable(number) {
            came = self.take_datagrams(now, number, batch);
        }
        came_back || came
    }

    /// Reads what came back. The kernel may give it to another shard than the one that sent it. True when more may wait.
    fn take_returned(&mut self, now: Instant, number: usize) -> bool {
        let mut more = true;
        for _ in 0..RETURNED_BATCH {
            let socket = self.sockets.get_mut(number);
            let Some((destination, bytes)) =
                socket.and_then(|socket| socket.returned(&mut self.returned))
            else {
                more = false;
                break;
            };
            let bytes = Bytes::copy_from_slice(bytes);
            let owner = sort::owner(&bytes, self.post.shards());
            for shard in (0..self.post.shards()).map(ShardId) {
                // A datagram that came back without its Call-ID goes to all; only its sender knows the branch.
                if owner.is_some_and(|owner| owner != shard) {
                    continue;
                }
                if shard == self.shard {
                    self.engine.handle(
                        now,
                        Input::Unreachable {
                            destination,
                            bytes: &bytes,
                        },
                    );
                    self.drain(None);
                } else {
                    self.post.unreachable(shard, destination, bytes.clone());
                }
            }
        }
        self.post.ring();
        more
    }

    /// Tells the core what the kernel refused to send. True when that made it send more.
    fn take_failures(&mut self, now: Instant) -> bool {
        for Undelivered { destination, bytes } in std::mem::take(&mut self.undelivered) {
            self.engine.handle(
                now,
                Input::Unreachable {
                    destination,
                    bytes: &bytes,
                },
            );
        }
        for token in std::mem::take(&mut self.unresolved) {
            self.engine.handle(
                now,
                Input::Resolved {
                    token,
                    addresses: Vec::new(),
                },
            );
        }
        self.drain(None);
        !self.unresolved.is_empty()
    }

    /// Takes a configuration and a few orders. True when more waits.
    fn take_orders(&mut self, now: Instant) -> bool {
        if let Some(setup) = self.inbox.setup() {
            self.engine.handle(now, Input::Setup(setup));
            self.drain(None);
        }
        for _ in 0..LETTERS_A_TURN {
            let Ok(order) = self.inbox.orders.try_recv() else {
                return false;
            };
            match order {
                Order::Ask(command, waiting) => {
                    let token = self.questions.open(waiting);
                    self.engine.handle(now, Input::Command { token, command });
                }
                Order::Resolved { token, addresses } => {
                    self.engine
                        .handle(now, Input::Resolved { token, addresses });
                }
            }
            self.drain(None);
        }
        true
    }

    /// Takes all outputs of the core. `cause`: when the message arrived that they follow from, and its flow.
    pub(super) fn drain(&mut self, cause: Option<(Instant, Option<Flow>)>) {
        let flow = cause.and_then(|(_, flow)| flow);
        let mut sent = false;
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    sent = true;
                    if let Some(socket) = self.sockets.get_mut(usize::from(transmit.listener.0)) {
                        socket.push(transmit.destination, transmit.payload, flow);
                    }
                }
                Output::Resolve {
                    token,
                    host,
                    port,
                    transport,
                } => {
                    let ask = ResolveAsk {
                        shard: self.shard,
                        token,
                        host,
                        port,
                        transport,
                    };
                    if self.outlets.resolve.try_send(ask).is_err() {
                        self.unresolved.push_back(token);
                    }
                }
                Output::Persist(rows) => self.outlets.store.calls(rows),
                Output::Notice(notice) => {
                    if self.outlets.notices.try_send(notice).is_err() {
                        self.stats.notices_lost += 1;
                    }
                }
                Output::Answer { token, answer } => self.answer(token, answer),
            }
        }
        if let (true, Some((arrived, _))) = (sent, cause) {
            self.caused.push(arrived);
        }
    }

    fn answer(&mut self, token: u64, answer: Answer) {
        let Worker {
            shard,
            sockets,
            post,
            inbox,
            stats,
            questions,
            ..
        } = self;
        questions.close(token, answer, |core| {
            let mut shard_stats = stats.clone();
            for socket in sockets.iter() {
                shard_stats.sockets.merge(socket.counters());
            }
            shard_stats.mailbox_full = post.refused;
            shard_stats.mailbox_depth = inbox.letters.len() as u64;
            Report {
                shard: *shard,
                core,
                shard_stats,
            }
        });
    }

    /// Sends what waits, and records how long its causes have been here.
    fn flush(&mut self) {
        for socket in self
            .sockets
            .iter_mut()
            .filter(|socket| socket.wants_write())
        {
            socket.flush(&mut self.send_batch, &mut self.undelivered);
        }
        if !self.caused.is_empty() {
            let now = Instant::now();
            for arrived in self.caused.drain(..) {
                let delay = now.saturating_duration_since(arrived);
                self.stats.added_delay.record(delay.as_secs_f64());
            }
        }
    }
}
