//! One run: phones, network, balancer and oracle, from one seed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fastrand::Rng;
use tandem::proxy::Persist;

use crate::checkers::{Books, ERRORS, Violation, at_the_end};
use crate::clock::{Clock, MS, Micros, SECOND};
use crate::feedback::Reporter;
use crate::net::Net;
use crate::oracle::Oracle;
use crate::phone::{Alarm, Counts, Habits, Out, PROXY, Phone, Plan};
use crate::plan::{Fault, Scenario, pbx_name};
use crate::process::Process;
use crate::quiet::Quiet;
use crate::text::Text;
use crate::trace::Trace;

pub enum Event {
    /// A datagram arrives at the balancer.
    In {
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    /// One arrives at a phone.
    Out {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// One comes back: nobody listens there.
    Back {
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Alarm {
        phone: usize,
        run: u32,
        alarm: Alarm,
    },
    Call(usize),
    Fault(Fault),
    /// A PBX writes a report.
    Report(usize),
    /// It arrives.
    Reported(usize, Box<crate::feedback::Letter>),
    /// A batch of rows reaches the store, unless the process that wrote it was killed before.
    Write(u32, Vec<Persist>),
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub placed: usize,
    pub answered: usize,
    pub steps: u64,
    pub crashes: u64,
    pub reloads: u64,
    pub simulated: Micros,
    pub quiet: Quiet,
    pub counts: Counts,
    pub released: [u64; tandem::balance::EndCause::ALL.len()],
}

pub struct Sim {
    pub now: Micros,
    pub rng: Rng,
    pub clock: Clock<Event>,
    pub process: Process,
    pub scenario: Scenario,
    pub phones: Vec<Phone>,
    pub reporters: Vec<Reporter>,
    pub places: BTreeMap<SocketAddr, usize>,
    pub net: Net,
    pub oracle: Oracle,
    pub books: Books,
    pub trace: Trace,
    pub crashes: u32,
    /// When the process began.
    pub started: Micros,
    /// Datagrams.
    pub on_the_way: usize,
    pub tally: Tally,
    /// The core has had an input, or the oracle a message, since the last check.
    touched: bool,
    /// What a step itself has found not to hold.
    pub found: Option<Violation>,
}

impl Sim {
    pub fn new(seed: u64, calls: usize, traced: bool) -> Self {
        ERRORS.set(0);
        let mut rng = Rng::with_seed(seed);
        let scenario = Scenario::new(&mut rng, calls);
        let net = Net::new(&mut rng, scenario.quiet_from, &scenario.pauses);
        let (mut phones, mut places) = (Vec::new(), BTreeMap::new());
        for number in 0..scenario.callers + scenario.pbxes {
            let caller = number < scenario.callers;
            let (name, address, habits) = if caller {
                let address = format!("127.0.1.{}:5060", number + 1);
                (format!("phone{number}"), address, Habits::caller(&mut rng))
            } else {
                let pbx = number - scenario.callers;
                let address = format!("127.0.2.{}:5060", pbx + 1);
                (pbx_name(pbx), address, Habits::pbx(&mut rng))
            };
            let address: SocketAddr = address.parse().expect("an address");
            places.insert(address, number);
            let mut phone = Phone::new(&name, address, rng.fork(), habits);
            phone.refreshes_until = scenario.quiet_from + scenario.settings.call_max;
            phone.call_max = scenario.settings.call_max;
            phones.push(phone);
        }
        let reporters = (0..scenario.pbxes).map(|_| Reporter::default()).collect();
        let mut sim = Self {
            now: 0,
            process: Process::new(seed, &scenario.settings),
            oracle: Oracle::new(scenario.settings.call_max),
            clock: Clock::new(),
            trace: Trace::new(traced),
            books: Books::default(),
            crashes: 0,
            started: 0,
            on_the_way: 0,
            tally: Tally::default(),
            touched: false,
            found: None,
            rng,
            scenario,
            phones,
            reporters,
            places,
            net,
        };
        sim.fill();
        sim
    }

    fn fill(&mut self) {
        for (number, (at, _)) in self.scenario.calls.iter().enumerate() {
            self.clock.at(*at, Event::Call(number));
        }
        for (at, fault) in self.scenario.faults.clone() {
            self.clock.at(at, Event::Fault(fault));
        }
        for (pbx, reports) in self.scenario.feedback.iter().enumerate() {
            if *reports {
                self.clock
                    .at(SECOND + self.rng.u64(..SECOND), Event::Report(pbx));
            }
        }
    }

    /// Runs to the end, or to the first truth that does not hold.
    pub fn run(&mut self) -> Result<Tally, Violation> {
        while self.step() {
            self.tally.steps += 1;
            if let Some(found) = self.found.take() {
                return Err(found);
            }
            if self.process.runs() && std::mem::take(&mut self.touched) {
                self.books.check(self.now, &self.process, &self.oracle)?;
            }
        }
        let probed = self.scenario.settings.probe != "off";
        at_the_end(self.now, &mut self.process, probed)?;
        self.tally.answered = self.oracle.answered;
        self.tally.crashes = u64::from(self.crashes);
        self.tally.simulated = self.now;
        for phone in &self.phones {
            self.tally.counts.add(&phone.counts);
        }
        self.count_releases();
        Ok(self.tally)
    }

    pub fn count_releases(&mut self) {
        for peer in self.process.peers(self.now) {
            for (sum, count) in self.tally.released.iter_mut().zip(peer.released) {
                *sum += count;
            }
        }
    }

    /// One event, or one moment of the core's timers; false at the end.
    fn step(&mut self) -> bool {
        let due = self.process.due().unwrap_or(Micros::MAX);
        let next = self.clock.due().unwrap_or(Micros::MAX);
        let at = due.min(next);
        if at > self.scenario.end {
            self.now = self.scenario.end;
            return false;
        }
        self.now = self.now.max(at);
        if due <= next {
            self.process.time(self.now);
            self.touched = true;
        } else if let Some((_, event)) = self.clock.pop() {
            self.happen(event);
        }
        self.drain();
        true
    }

    fn happen(&mut self, event: Event) {
        let datagram = matches!(
            event,
            Event::In { .. } | Event::Out { .. } | Event::Back { .. }
        );
        self.on_the_way -= usize::from(datagram);
        self.touched |= match &event {
            Event::In { .. } | Event::Out { .. } | Event::Back { .. } => true,
            Event::Fault(_) | Event::Reported(..) => true,
            Event::Alarm { .. } | Event::Call(_) | Event::Report(_) | Event::Write(..) => false,
        };
        match event {
            Event::In { from, bytes } => self.process.deliver(self.now, from, &bytes),
            Event::Out { to, bytes } => self.arrive(to, bytes),
            Event::Back { to, bytes } => self.process.unreachable(self.now, to, &bytes),
            Event::Alarm { phone, run, alarm } => {
                if self.phones[phone].run == run && self.phones[phone].on {
                    self.with_phone(phone, |phone, now, out| phone.wake(now, alarm, out));
                }
            }
            Event::Call(number) => self.place(number),
            Event::Fault(fault) => self.fault(fault),
            Event::Report(pbx) => self.write_report(pbx),
            Event::Reported(pbx, letter) => self.take_report(pbx, &letter),
            Event::Write(run, rows) => {
                if run == self.crashes {
                    self.process.write(rows);
                }
            }
        }
    }

    /// What the core wants sent and written, on its way.
    pub fn drain(&mut self) {
        for (to, bytes) in std::mem::take(&mut self.process.sends) {
            let now = self.now;
            self.trace.say(now, || {
                let brief = Text::parse(&bytes).map(|text| text.brief());
                format!("   tandem -> {to} {}", brief.unwrap_or_default())
            });
            for at in self.net.send(&mut self.rng, now, to) {
                let bytes = bytes.clone();
                self.fly(at, Event::Out { to, bytes });
            }
        }
        for rows in std::mem::take(&mut self.process.writes) {
            let at = self.now + self.rng.u64(..60) * MS;
            // One writer: what was handed out first is written first.
            let at = at.max(
                self.reporters
                    .iter()
                    .map(|it| it.written)
                    .max()
                    .unwrap_or(0),
            );
            if let Some(first) = self.reporters.first_mut() {
                first.written = at;
            }
            self.clock.at(at, Event::Write(self.crashes, rows));
        }
    }

    /// A datagram, on its way.
    fn fly(&mut self, at: Micros, datagram: Event) {
        self.on_the_way += 1;
        self.clock.at(at, datagram);
    }

    fn arrive(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        let (Some(&place), Some(text)) = (self.places.get(&to), Text::parse(&bytes)) else {
            return;
        };
        let now = self.now;
        if !self.phones[place].on {
            // A machine that is up, without its PBX: the port is closed.
            if self.phones[place].run % 2 == 1 {
                self.fly(now + MS, Event::Back { to, bytes });
            }
            return;
        }
        let name = self.phones[place].name.clone();
        self.trace
            .say(now, || format!("{name} gets {}", text.brief()));
        self.oracle.delivered(now, to, &text);
        let from = PROXY.parse().expect("an address");
        self.with_phone(place, |phone, now, out| {
            phone.receive(now, from, &text, out)
        });
    }

    /// Lets a phone act, and carries out what it wants.
    pub fn with_phone(&mut self, place: usize, act: impl FnOnce(&mut Phone, Micros, &mut Out)) {
        let (mut out, now) = (Out::default(), self.now);
        act(&mut self.phones[place], now, &mut out);
        let (from, run) = (self.phones[place].address, self.phones[place].run);
        for key in out.vanished {
            self.trace.say(now, || format!("{from} forgets {key:?}"));
            self.oracle.vanished(&key);
        }
        for (_, text) in out.sends {
            if let Some(text) = Text::parse(text.as_bytes()) {
                let name = &self.phones[place].name;
                self.trace
                    .say(now, || format!("{name} sends {}", text.brief()));
                self.oracle.sent(now, from, &text);
            }
            for at in self.net.send(&mut self.rng, now, from) {
                let bytes = text.clone().into_bytes();
                self.fly(at, Event::In { from, bytes });
            }
        }
        for (after, alarm) in out.alarms {
            let phone = place;
            self.clock
                .at(now + after, Event::Alarm { phone, run, alarm });
        }
    }

    fn place(&mut self, number: usize) {
        let (_, who) = self.scenario.calls[number];
        let (call_id, plan) = (format!("call{number}"), Plan::new(&mut self.rng));
        let callee = &self.phones[self.rng.usize(..self.scenario.callers)];
        let pbx = who.checked_sub(self.scenario.callers).map(pbx_name);
        let configured = |name: &String| self.scenario.settings.peers[name].configured;
        let (who, uri) = match &pbx {
            Some(name) if configured(name) => {
                (who, format!("sip:{}@{}", callee.name, callee.address))
            }
            // One that is no peer now has nothing to say: somebody else calls.
            Some(_) => (number % self.scenario.callers, format!("sip:100@{PROXY}")),
            None => (who, format!("sip:{}@{PROXY}", [100, 200][number % 2])),
        };
        if self.phones[who].on {
            self.tally.placed += 1;
            let call =
                |phone: &mut Phone, now, out: &mut Out| phone.call(now, &call_id, &uri, plan, out);
            self.with_phone(who, call);
        }
    }
}
