//! The balancer's process: the real core and ledger, what a store holds of its calls, crash and restart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{Book, FeedbackAnswer, Ledger, PeerId, PeerView, Report};
use tandem::base::transmit::ListenerId;
use tandem::call::{Call, CallFilter, CallRecord, CallView};
use tandem::config;
use tandem::proxy::{Answer, Census, Command, Core, Input, Output, Persist, Setup, ShardId};

use crate::clock::Micros;
use crate::plan::{Settings, pbx_number};

/// Milliseconds since 1970 when every run begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One process, and the store that outlives it.
pub struct Process {
    zero: Instant,
    core: Option<Core>,
    ledger: Arc<Ledger>,
    pub sends: Vec<(SocketAddr, Vec<u8>)>,
    answers: Vec<Answer>,
    /// Rows on their way to the store.
    pub writes: Vec<Vec<Persist>>,
    store: BTreeMap<u64, CallRecord>,
    starts: u64,
    seed: u64,
}

impl Process {
    pub fn new(seed: u64, settings: &Settings) -> Self {
        let zero = Instant::now();
        let ledger = Ledger::new(&topology(settings), seed, zero).expect("a valid topology");
        let mut process = Self {
            zero,
            core: None,
            ledger,
            sends: Vec::new(),
            answers: Vec::new(),
            writes: Vec::new(),
            store: BTreeMap::new(),
            starts: 0,
            seed,
        };
        process.start(0, settings);
        process
    }

    fn at(&self, now: Micros) -> Instant {
        self.zero + Duration::from_micros(now)
    }

    pub fn runs(&self) -> bool {
        self.core.is_some()
    }

    /// Starts with what the store holds; how many calls that is.
    pub fn start(&mut self, now: Micros, settings: &Settings) -> usize {
        self.starts += 1;
        let seed = self.seed ^ self.starts;
        let at = self.at(now);
        self.ledger = Ledger::new(&topology(settings), seed, at).expect("a valid topology");
        let setup = setup(settings, &self.ledger);
        let core = Core::new(
            at,
            EPOCH_MS + now / 1000,
            ShardId(0),
            seed,
            setup,
            self.ledger.clone(),
        );
        self.core = Some(core);
        let rows: Vec<CallRecord> = self.store.values().cloned().collect();
        match self.command(now, Command::Restore(rows.into())) {
            Some(Answer::Done(count)) => count,
            _ => 0,
        }
    }

    /// The process is killed: what was not written is lost. Of these calls the store has rows.
    pub fn crash(&mut self) -> BTreeSet<String> {
        if let Some(core) = self.core.take() {
            core.leave();
        }
        self.writes.clear();
        self.sends.clear();
        let text = |row: &CallRecord| String::from_utf8_lossy(row.texts.call_id()).into_owned();
        self.store.values().map(text).collect()
    }

    /// A batch reaches the store.
    pub fn write(&mut self, rows: Vec<Persist>) {
        for row in rows {
            match row {
                Persist::Call(record) => drop(self.store.insert(record.id, *record)),
                Persist::Gone(id) => drop(self.store.remove(&id.0)),
            }
        }
    }

    /// Rows that the store holds.
    pub fn rows(&self) -> usize {
        self.store.len()
    }

    pub fn reload(&mut self, now: Micros, settings: &Settings) {
        let at = self.at(now);
        self.ledger
            .apply(&topology(settings), at)
            .expect("a valid topology");
        let setup = setup(settings, &self.ledger);
        self.input(now, Input::Setup(setup));
    }

    pub fn deliver(&mut self, now: Micros, source: SocketAddr, bytes: &[u8]) {
        let listener = ListenerId(0);
        self.input(
            now,
            Input::Datagram {
                listener,
                source,
                bytes,
            },
        );
    }

    pub fn unreachable(&mut self, now: Micros, destination: SocketAddr, bytes: &[u8]) {
        self.input(now, Input::Unreachable { destination, bytes });
    }

    pub fn due(&self) -> Option<Micros> {
        let due = self.core.as_ref()?.poll_timeout()?;
        let after = due.saturating_duration_since(self.zero).as_nanos();
        // Rounded up, or the timer would not be due yet.
        Some(u64::try_from(after.div_ceil(1000)).expect("a run is short"))
    }

    pub fn time(&mut self, now: Micros) {
        self.input(now, Input::Timeout);
    }

    pub fn command(&mut self, now: Micros, command: Command) -> Option<Answer> {
        self.input(now, Input::Command { token: 1, command });
        self.answers.pop()
    }

    fn input(&mut self, now: Micros, input: Input<'_>) {
        let at = self.at(now);
        let Some(core) = &mut self.core else { return };
        core.handle(at, input);
        while let Some(output) = core.poll_output() {
            match output {
                Output::Transmit(send) => {
                    self.sends.push((send.destination, send.payload.to_vec()));
                }
                Output::Persist(rows) => self.writes.push(rows),
                Output::Answer { answer, .. } => self.answers.push(answer),
                Output::Resolve { .. } | Output::Notice(_) => {}
            }
        }
    }

    /// The calls that the core holds.
    pub fn calls(&mut self, now: Micros) -> Vec<CallView> {
        let filter = CallFilter {
            limit: usize::MAX,
            ..CallFilter::default()
        };
        match self.command(now, Command::Calls(filter)) {
            Some(Answer::Calls(calls)) => calls,
            _ => Vec::new(),
        }
    }

    /// The calls that the core holds, as it holds them.
    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.core.iter().flat_map(Core::live)
    }

    /// What nothing would ever end.
    pub fn stranded(&self) -> Option<String> {
        self.core.as_ref()?.stranded().next()
    }

    /// Every account in numbers.
    pub fn books(&self, now: Micros) -> Vec<Book> {
        self.ledger.books(self.at(now))
    }

    /// Which PBX a peer is, removed or not.
    pub fn pbx_of(&self, peer: PeerId) -> Option<usize> {
        let directory = self.ledger.directory();
        pbx_number(&directory.peer(peer)?.name)
    }

    /// All that the core holds, one by one.
    pub fn census(&self) -> Census {
        self.core.as_ref().map(Core::census).unwrap_or_default()
    }

    pub fn peers(&self, now: Micros) -> Vec<PeerView> {
        self.ledger.view(self.at(now))
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A report comes, as HTTP takes it; `None` when it was refused.
    pub fn report(
        &mut self,
        now: Micros,
        name: &str,
        report: &Report,
        list: Option<&BTreeSet<String>>,
    ) -> Option<FeedbackAnswer> {
        let peer = self.ledger.directory().peer_named(name)?;
        let answer = self.ledger.feedback(self.at(now), peer, report).ok()?;
        let calls: Option<Arc<HashSet<Vec<u8>>>> = list.map(|list| {
            let calls = list.iter().map(|call| call.as_bytes().to_vec());
            Arc::new(calls.collect())
        });
        if answer.restarted {
            let command = Command::PeerRestarted {
                peer,
                known_until: answer.known_until,
                calls: calls.clone(),
            };
            self.command(now, command);
        }
        if let Some(calls) = calls {
            self.command(now, Command::PeerCalls { peer, calls });
        }
        Some(answer)
    }
}

fn parsed(settings: &Settings) -> config::Config {
    let system = config::System { folder: "".into() };
    config::parse("sim.toml", settings.toml().as_bytes(), &system).expect("a valid configuration")
}

fn topology(settings: &Settings) -> tandem::balance::Topology {
    config::topology(&parsed(settings), &HashMap::new())
}

fn setup(settings: &Settings, ledger: &Ledger) -> Arc<Setup> {
    let config = parsed(settings);
    let listeners = config
        .listeners
        .iter()
        .map(|listen| config::listener(listen, listen.address))
        .collect();
    let mut setup = config::setup(&config, ledger.directory(), listeners);
    (setup.shards, setup.secret) = (1, [7; 16]);
    Arc::new(setup)
}
