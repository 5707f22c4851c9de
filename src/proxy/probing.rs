//! Health probes: the schedule is the balance's, the sending is done here, on the first shard alone.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Instant;

use super::core::{Core, CoreTimer};
use super::port::Notice;
use super::setup::Setup;
use super::shards::{ShardId, shard_of};
use crate::balance::{Observation, PeerId, Prober, Transport};
use crate::base::limits::PROBE_CALL_ID_TRIES;
use crate::base::timers::TimerId;
use crate::base::transmit::ListenerId;
use crate::sip::{Method, options_probe};
use crate::transaction::{ClientKey, ClientRequest, Owner};

/// The probes of the process.
pub(super) struct Probing {
    prober: Prober,
    chance: fastrand::Rng,
    number: u32,
    under_way: BTreeMap<u32, UnderWay>,
}

struct UnderWay {
    peer: PeerId,
    sent: Instant,
    client: ClientKey,
    timer: TimerId,
}

impl Probing {
    pub fn new(now: Instant, seed: u64, setup: &Setup) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut probing = Self {
            prober: Prober::new(chance.u64(..)),
            chance,
            number: 0,
            under_way: BTreeMap::new(),
        };
        probing.apply(now, setup);
        probing
    }

    pub fn apply(&mut self, now: Instant, setup: &Setup) {
        self.prober.apply(now, &setup.directory);
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.prober.next_timeout()
    }

    /// Probes without an answer.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// A Call-ID whose responses come to this shard.
    fn call_id(&mut self, setup: &Setup, shard: ShardId) -> String {
        let mut call_id = String::new();
        for _ in 0..PROBE_CALL_ID_TRIES {
            call_id = format!("{:016x}@{}", self.chance.u64(..), setup.node_name);
            if shard_of(call_id.as_bytes(), setup.shards) == shard {
                break;
            }
        }
        call_id
    }
}

impl Core {
    /// Sends the probes that are due.
    pub(super) fn probe(&mut self, now: Instant) {
        let (setup, shard) = (self.setup.clone(), self.shard);
        loop {
            let Some(probing) = &mut self.probing else {
                return;
            };
            let Some(due) = probing.prober.poll(now, &self.ledger) else {
                return;
            };
            let Some(peer) = setup.directory.peer(due.peer) else {
                continue;
            };
            let listener = setup.listener_towards(due.destination, ListenerId(0));
            let Some(out) = setup.listeners.get(usize::from(listener.0)) else {
                continue;
            };
            let call_id = probing.call_id(&setup, shard);
            let tag = format!("{:08x}", probing.chance.u32(..));
            probing.number = probing.number.wrapping_add(1);
            let number = probing.number;
            let Some(template) = options_probe(
                &due.method,
                &peer.uri,
                out.transport.via_str(),
                &out.advertise,
            ) else {
                continue;
            };
            let branch = self.transactions.mint_branch();
            let mut text = Vec::new();
            template.write(
                branch.as_bytes(),
                tag.as_bytes(),
                call_id.as_bytes(),
                number & 0x7fff_ffff,
                &mut text,
            );
            let request = ClientRequest {
                listener,
                destination: due.destination,
                branch,
                method: Method::of(due.method.as_bytes()),
                payload: Bytes::from(text),
                reliable: out.transport != Transport::Udp,
            };
            let Ok(client) = self
                .transactions
                .open_client(now, request, Owner::Probe(number))
            else {
                continue;
            };
            let timer = self.timers.arm(now + due.timeout, CoreTimer::Probe(number));
            if let Some(probing) = &mut self.probing {
                probing.under_way.insert(
                    number,
                    UnderWay {
                        peer: due.peer,
                        sent: now,
                        client,
                        timer,
                    },
                );
            }
        }
    }

    pub(super) fn probe_answered(&mut self, now: Instant, number: u32, status: u16) {
        if status < 200 {
            return;
        }
        let probe = self
            .probing
            .as_mut()
            .and_then(|probing| probing.under_way.remove(&number));
        if let Some(probe) = probe {
            self.timers.cancel(probe.timer);
            let rtt = now.saturating_duration_since(probe.sent);
            self.ledger
                .report(now, probe.peer, Observation::ProbeOk { rtt, status });
        }
    }

    /// No answer in time, or the port is closed.
    pub(super) fn probe_unanswered(&mut self, now: Instant, number: u32) {
        let probe = self
            .probing
            .as_mut()
            .and_then(|probing| probing.under_way.remove(&number));
        if let Some(probe) = probe {
            self.timers.cancel(probe.timer);
            self.transactions.abandon(probe.client);
            self.ledger.report(
                now,
                probe.peer,
                Observation::ProbeFailed { sent: probe.sent },
            );
            if self.setup.directory.ends_calls_of_dead(probe.peer)
                && self.ledger.is_dead(now, probe.peer)
            {
                self.peer_died(now, probe.peer);
                self.notice(Notice::PeerDied(probe.peer));
            }
        }
    }
}
