//! The balancer's process: the real core and ledger, what a store holds of its calls, crash and restart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem::balance::{Book, FeedbackAnswer, Ledger, PeerId, PeerView, Report};
use tandem::base::transmit::ListenerId;
use tandem::call::{Call, CallFilter, CallRecord, CallView};
use tandem::config;
use tandem::proxy::{
    Answer, Census, Command, Core, Input, Output, Persist, Setup, ShardId, shard_of,
};

use crate::clock::Micros;
use crate::plan::{Settings, pbx_number};
use crate::text::Text;

/// Milliseconds since 1970 when every run begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One process, and the store that outlives it.
pub struct Process {
    zero: Instant,
    /// One a shard; none while it is down.
    cores: Vec<Core>,
    shards: u16,
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
            cores: Vec::new(),
            // From the seed itself, so that the rest of its story stays as it is.
            shards: 1 + (seed % 3) as u16,
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
        !self.cores.is_empty()
    }

    /// Starts with what the store holds; how many calls that is.
    pub fn start(&mut self, now: Micros, settings: &Settings) -> usize {
        self.starts += 1;
        let seed = self.seed ^ self.starts;
        let at = self.at(now);
        self.ledger = Ledger::new(&topology(settings), seed, at).expect("a valid topology");
        let setup = setup(settings, &self.ledger, self.shards);
        let start = |shard: u16| {
            Core::new(
                at,
                EPOCH_MS + now / 1000,
                ShardId(shard),
                seed ^ (u64::from(shard) << 32),
                setup.clone(),
                self.ledger.clone(),
            )
        };
        self.cores = (0..self.shards).map(start).collect();
        let rows: Arc<[CallRecord]> = self.store.values().cloned().collect();
        let restored = self.command(now, || Command::Restore(rows.clone()));
        let counts = restored.iter().map(|answer| match answer {
            Answer::Done(count) => *count,
            _ => 0,
        });
        counts.sum()
    }

    /// The process is killed: what was not written is lost. Of these calls the store has rows.
    pub fn crash(&mut self) -> BTreeSet<String> {
        for core in self.cores.drain(..) {
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
        let setup = setup(settings, &self.ledger, self.shards);
        for shard in 0..self.cores.len() {
            self.input(now, shard, Input::Setup(setup.clone()));
        }
    }

    /// The shard that a datagram's call lives on.
    fn shard(&self, bytes: &[u8]) -> usize {
        let text = Text::parse(bytes);
        let call_id = text.as_ref().map_or("", Text::call_id);
        usize::from(shard_of(call_id.as_bytes(), self.shards).0)
    }

    pub fn deliver(&mut self, now: Micros, source: SocketAddr, bytes: &[u8]) {
        let (listener, shard) = (ListenerId(0), self.shard(bytes));
        self.input(
            now,
            shard,
            Input::Datagram {
                listener,
                source,
                bytes,
            },
        );
    }

    pub fn unreachable(&mut self, now: Micros, destination: SocketAddr, bytes: &[u8]) {
        let shard = self.shard(bytes);
        self.input(now, shard, Input::Unreachable { destination, bytes });
    }

    pub fn due(&self) -> Option<Micros> {
        let due = self.cores.iter().filter_map(Core::poll_timeout).min()?;
        let after = due.saturating_duration_since(self.zero).as_nanos();
        // Rounded up, or the timer would not be due yet.
        Some(u64::try_from(after.div_ceil(1000)).expect("a run is short"))
    }

    pub fn time(&mut self, now: Micros) {
        for shard in 0..self.cores.len() {
            let due = self.cores[shard].poll_timeout();
            if due.is_some_and(|due| due <= self.at(now)) {
                self.input(now, shard, Input::Timeout);
            }
        }
    }

    /// Tells every shard; what they answer, in their order.
    pub fn command(&mut self, now: Micros, command: impl Fn() -> Command) -> Vec<Answer> {
        for shard in 0..self.cores.len() {
            let command = command();
            self.input(now, shard, Input::Command { token: 1, command });
        }
        std::mem::take(&mut self.answers)
    }

    fn input(&mut self, now: Micros, shard: usize, input: Input<'_>) {
        let at = self.at(now);
        let Some(core) = self.cores.get_mut(shard) else {
            return;
        };
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
        let answers = self.command(now, || Command::Calls(filter.clone()));
        let calls = answers.into_iter().flat_map(|answer| match answer {
            Answer::Calls(calls) => calls,
            _ => Vec::new(),
        });
        calls.collect()
    }

    /// The calls that the core holds, as it holds them.
    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.cores.iter().flat_map(Core::live)
    }

    /// What nothing would ever end.
    pub fn stranded(&self) -> Option<String> {
        self.cores.iter().find_map(|core| core.stranded().next())
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

    /// All that the cores hold, one by one.
    pub fn census(&self) -> impl Iterator<Item = Census> {
        self.cores.iter().map(Core::census)
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
            let command = || Command::PeerRestarted {
                peer,
                known_until: answer.known_until,
                calls: calls.clone(),
            };
            self.command(now, command);
            self.ledger.restart_told(peer);
        }
        if let Some(calls) = calls {
            let listed = || Command::PeerCalls {
                peer,
                calls: calls.clone(),
            };
            self.command(now, listed);
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

fn setup(settings: &Settings, ledger: &Ledger, shards: u16) -> Arc<Setup> {
    let config = parsed(settings);
    let listeners = config
        .listeners
        .iter()
        .map(|listen| config::listener(listen, listen.address))
        .collect();
    let mut setup = config::setup(&config, ledger.directory(), listeners);
    (setup.shards, setup.secret) = (shards, [7; 16]);
    Arc::new(setup)
}
