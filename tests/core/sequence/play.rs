//! One sequence: its steps, and what must hold after each.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem::balance::{Admin, Capacity, EndCause};
use tandem::base::invariant;
use tandem::call::{CallFilter, CallId};
use tandem::proxy::{Answer, Command, Persist};

use super::setups::setups;
use super::words::{self, CALLERS, SOURCES, of};
use crate::text::{Text, cancel_of};
use crate::world::{World, address};

/// What to do, and five choices about it.
pub type Step = [u8; 6];

/// The steps that bytes are; a rest is left out.
pub fn steps(bytes: &[u8]) -> &[Step] {
    bytes.as_chunks().0
}

/// The most that is remembered of each kind.
const KEPT: usize = 24;

struct Play {
    world: World,
    /// Requests and responses that the core sent, newest last.
    requests: Vec<(SocketAddr, Text)>,
    responses: Vec<(SocketAddr, Text)>,
    /// What was handed to it.
    delivered: Vec<(SocketAddr, Vec<u8>)>,
    opened: Vec<(SocketAddr, Text)>,
    number: u32,
}

/// Takes every step, and lets the rest of time pass.
pub fn run(steps: &[Step]) {
    let setups = setups();
    let mut play = Play {
        world: World::new(&setups[0]),
        requests: Vec::new(),
        responses: Vec::new(),
        delivered: Vec::new(),
        opened: Vec::new(),
        number: 0,
    };
    for step in steps {
        play.step(*step, &setups);
        play.look();
    }
    play.fall_silent(&setups[0]);
}

impl Play {
    fn step(&mut self, [what, a, b, c, d, e]: Step, setups: &[String]) {
        match what % 32 {
            0..=4 => self.open("INVITE", a, [b, c, d]),
            5 => {
                let request = words::outside(of(&CALLERS, a), b, [c, d, e]);
                self.deliver(address(of(&CALLERS, a)), request.0.as_bytes());
            }
            6..=14 => self.answer(a, [b, c, d]),
            15 => self.cancel(a),
            16 => self.acknowledge(a),
            17..=20 => self.onward(a, [b, c, d]),
            21 => self.backward(a, [b, c, d]),
            22 => self.again(a, None),
            23 => self.again(a, Some([b, c, d])),
            24 => self.bounce(a),
            25 => self.resolve(a, b),
            26 => self.world.pass(Duration::from_millis(u64::from(a) * 16)),
            27 => self
                .world
                .pass(Duration::from_secs(u64::from(a) * u64::from(b) / 512)),
            28 => self.pass_until_due(),
            29 if a < 64 => self.reload(b, c, setups),
            29 => self.come_round(a, [b, c, d]),
            30 => self.command(a, b),
            _ => self.operate(a, b),
        }
    }

    fn pass_until_due(&mut self) {
        if let Some(due) = self.world.due() {
            let left = due.saturating_duration_since(self.world.now);
            self.world.pass(left);
        }
    }

    fn deliver(&mut self, source: SocketAddr, bytes: &[u8]) {
        keep(&mut self.delivered, (source, bytes.to_vec()));
        let second = source.ip().to_string().starts_with("127.0.1.");
        self.world.deliver_to(u16::from(second), source, bytes);
        for (to, text) in self.world.take_sent() {
            let response = text.0.starts_with("SIP/2.0 ");
            let list = match response {
                true => &mut self.responses,
                false => &mut self.requests,
            };
            keep(list, (to, text));
        }
    }

    fn open(&mut self, method: &str, from: u8, [shape, target, number]: [u8; 3]) {
        let from = of(&CALLERS, from);
        // Mostly a new call, sometimes one that was there before.
        let number = if number < 230 {
            self.number += 1;
            (self.number % 200) as u8
        } else {
            number % 4
        };
        let request = words::opening(method, from, [shape, target, number]);
        keep(&mut self.opened, (address(from), request.clone()));
        self.deliver(address(from), request.0.as_bytes());
    }

    fn answer(&mut self, which: u8, choice: [u8; 3]) {
        // Mostly it is an INVITE that is answered, and the newest.
        let wanted = match which % 4 {
            0 => "BYE",
            1 => "",
            _ => "INVITE",
        };
        let fits = |(_, request): &&(SocketAddr, Text)| request.kind().starts_with(wanted);
        let fitting: Vec<_> = self.requests.iter().filter(fits).cloned().collect();
        let Some((at, request)) = recent(&fitting, which / 4 % 4) else {
            return;
        };
        let text = words::answer(&request, &at.to_string(), choice);
        self.deliver(at, text.as_bytes());
    }

    fn cancel(&mut self, which: u8) {
        if let Some((from, invite)) = recent(&self.opened, which) {
            self.deliver(from, cancel_of(&invite).as_bytes());
        }
    }

    fn acknowledge(&mut self, which: u8) {
        let Some((to, response)) = recent(&self.responses, which) else {
            return;
        };
        let same = |(_, invite): &&(SocketAddr, Text)| {
            invite.first("Call-ID") == response.first("Call-ID")
        };
        if let Some((_, invite)) = self.opened.iter().rfind(same) {
            let ack = response.ack(&invite.0);
            self.deliver(to, ack.as_bytes());
        }
    }

    fn onward(&mut self, which: u8, choice: [u8; 3]) {
        let up = |(_, response): &&(SocketAddr, Text)| {
            response.kind().starts_with('2') && !response.all("Record-Route").is_empty()
        };
        let answers: Vec<_> = self.responses.iter().filter(up).cloned().collect();
        if let Some((from, response)) = recent(&answers, which) {
            let text = words::onward(&response, &from.to_string(), choice);
            self.deliver(from, text.as_bytes());
        }
    }

    fn backward(&mut self, which: u8, choice: [u8; 3]) {
        let invites = |(_, request): &&(SocketAddr, Text)| request.kind() == "INVITE";
        let invites: Vec<_> = self.requests.iter().filter(invites).cloned().collect();
        if let Some((at, request)) = recent(&invites, which) {
            let text = words::backward(&request, &at.to_string(), choice);
            self.deliver(at, text.as_bytes());
        }
    }

    /// Something that came before comes again, as it was or another from somewhere else.
    fn again(&mut self, which: u8, mutation: Option<[u8; 3]>) {
        let Some((source, bytes)) = recent(&self.delivered, which) else {
            return;
        };
        match mutation {
            None => self.deliver(source, &bytes),
            Some(choice) => {
                let source = address(of(&SOURCES, choice[2]));
                self.deliver(source, &words::mutated(&bytes, choice));
            }
        }
    }

    fn bounce(&mut self, which: u8) {
        if let Some((to, request)) = recent(&self.requests, which) {
            self.world.unreachable(&to.to_string(), &request);
        }
    }

    fn resolve(&mut self, which: u8, count: u8) {
        let token = match self.world.resolves.len() {
            0 => u64::from(which),
            open => self.world.resolves.remove(usize::from(which) % open).0,
        };
        let addresses = ["127.0.0.66:5060", "127.0.0.67:5060", "127.0.0.68:5060"];
        self.world
            .resolve(token, &addresses[..usize::from(count % 4)]);
    }

    fn reload(&mut self, which: u8, half: u8, setups: &[String]) {
        let setup = &setups[usize::from(which) % setups.len()];
        match half % 4 {
            0 => self.world.apply_to_ledger(setup),
            _ => self.world.reload(setup),
        }
    }

    fn command(&mut self, what: u8, which: u8) {
        let calls = self.ids();
        let peers = self.world.ledger.view(self.world.now);
        let peer = peers[usize::from(which) % peers.len()].id;
        let command = match what % 16 {
            0..=5 => match recent(&calls, which) {
                Some(id) => Command::EndCall(id),
                None => Command::EndCall(CallId(u64::from(which))),
            },
            6 | 7 => Command::PeerRestarted {
                peer,
                known_until: Some(self.world.now),
                calls: None,
            },
            8..=11 => Command::PeerCalls {
                peer,
                calls: Arc::new(HashSet::from([format!("c{which}").into_bytes()])),
            },
            12 => Command::PersistAll,
            13 | 14 => {
                let rows = self.world.rows.drain(..);
                let calls = rows.filter_map(|row| match row {
                    Persist::Call(record) => Some(*record),
                    Persist::Gone(_) => None,
                });
                Command::Restore(calls.collect())
            }
            _ if which == 0 => Command::Stop,
            _ => Command::Stats,
        };
        self.world.command(command);
    }

    fn ids(&mut self) -> Vec<CallId> {
        let all = CallFilter {
            limit: 1000,
            ..CallFilter::default()
        };
        match self.world.command(Command::Calls(all)) {
            Answer::Calls(calls) => calls.iter().map(|call| call.id).collect(),
            other => panic!("not calls: {other:?}"),
        }
    }

    fn operate(&mut self, what: u8, which: u8) {
        let peers = self.world.ledger.view(self.world.now);
        let peer = peers[usize::from(which) % peers.len()].id;
        let ledger = &self.world.ledger;
        match what % 16 {
            0 => ledger.set_admin(peer, Admin::Disabled),
            1 => ledger.set_admin(peer, Admin::Draining),
            2..=9 => ledger.set_admin(peer, Admin::Enabled),
            _ => {
                let calls = Capacity::Limited(u32::from(which / 16));
                let resized = ledger.resize(peer, &[("calls".into(), calls)]);
                resized.expect("a name that is known");
            }
        }
    }

    fn come_round(&mut self, which: u8, choice: [u8; 3]) {
        if let Some((_, request)) = recent(&self.requests, which) {
            let text = words::looped(&request, choice);
            let source = address(of(&SOURCES, choice[2]));
            self.deliver(source, text.as_bytes());
        }
    }

    /// What must hold at any time.
    fn look(&self) {
        let census = self.world.census();
        assert!(census.stranded.is_empty(), "{:#?}", census.stranded);
        let directory = self.world.ledger.directory();
        let mut held: BTreeMap<_, u64> = BTreeMap::new();
        let mut slots: BTreeMap<_, u64> = BTreeMap::new();
        for (peer, demand) in &census.held {
            *slots.entry(*peer).or_default() += 1;
            for (resource, units) in demand.items() {
                let name = directory
                    .resource_name(*resource)
                    .expect("a known name")
                    .to_string();
                *held.entry((*peer, name)).or_default() += u64::from(*units);
            }
        }
        for peer in self.world.ledger.view(self.world.now) {
            let out = peer.granted - peer.released.iter().sum::<u64>();
            let live = slots.remove(&peer.id).unwrap_or(0);
            assert_eq!(out, live, "{}: granted less released", peer.name);
            assert_eq!(peer.released[EndCause::Dropped.index()], 0);
            for resource in &peer.resources {
                let units = held
                    .remove(&(peer.id, resource.name.to_string()))
                    .unwrap_or(0);
                assert_eq!(resource.own, units, "{} {}", peer.name, resource.name);
            }
        }
        assert!(slots.is_empty(), "slots on peers unseen: {slots:?}");
        // Slots dropped are known above, for this ledger: other tests let calls go with their world.
        let dropped = invariant::Invariant::SlotDropped.name();
        for (name, count) in invariant::counts().filter(|(name, _)| *name != dropped) {
            assert_eq!(count, 0, "{name}");
        }
    }

    /// Nobody says anything any more: everything ends by itself.
    fn fall_silent(&mut self, last_setup: &str) {
        self.world.reload(last_setup);
        for _ in 0..12 {
            self.world.pass(Duration::from_secs(60));
            self.look();
        }
        let census = self.world.census();
        let left = (census.calls, census.contexts, census.transactions);
        assert_eq!(left, (0, 0, 0), "calls, contexts, transactions");
        let left = (census.waiting, census.own, census.probes, census.timers);
        assert_eq!(left, (0, 0, 0, 0), "waiting, own, probes, timers");
        assert_eq!(self.world.due(), None);
    }
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= KEPT {
        list.remove(0);
    }
    list.push(item);
}

/// One of the list, the newest for small numbers.
fn recent<T: Clone>(list: &[T], which: u8) -> Option<T> {
    let back = usize::from(which % 16) % list.len().max(1);
    list.iter().rev().nth(back).cloned()
}
