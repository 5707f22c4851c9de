//! The real binary between SIPp's callers and PBXes that run for hours: one BYE in twenty is lost, and every so often the
//! process is killed. In the end nothing may be left, and the memory is what it was.

mod life;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::exchange::{Exchange, Kind};
use crate::harness::lock;
use crate::harness::rows;
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::Tandem;
use life::{Crash, Life, unix_seconds};
use report::Report;

const TOKEN: &str = "soak";
/// A caller to whom nothing is said for so long gives up.
const CALLER_PATIENCE: Duration = Duration::from_secs(6);
/// How often what is due is looked for.
const STEP: Duration = Duration::from_millis(50);

/// How long, how much.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seconds: u64,
    pub cps: u32,
    pub hold: Duration,
    pub kill_every: Duration,
    /// Without a voice for so long, the PBX that sends lists gives a call up.
    pub voiceless: Duration,
    pub lists_every: Duration,
    pub call_max: Duration,
    pub sample_every: Duration,
}

impl Plan {
    /// What is shown: by default an hour at 300 calls a second.
    fn long(seconds: u64, cps: u32) -> Self {
        Plan {
            seconds,
            cps,
            hold: Duration::from_secs(7),
            kill_every: Duration::from_secs(600),
            voiceless: Duration::from_secs(20),
            lists_every: Duration::from_secs(2),
            call_max: Duration::from_secs(150),
            sample_every: Duration::from_secs(10),
        }
    }

    /// The same in little.
    fn short() -> Self {
        Plan {
            seconds: 12,
            cps: 50,
            hold: Duration::from_secs(2),
            kill_every: Duration::from_secs(6),
            voiceless: Duration::from_secs(3),
            lists_every: Duration::from_millis(500),
            call_max: Duration::from_secs(10),
            sample_every: Duration::from_secs(1),
        }
    }

    fn config(&self, exchanges: &[Exchange]) -> String {
        let mut config = format!(
            "[trust]\nrate = {{ per_source_cps = {0}, burst = {0} }}\n\
             [timers]\ncall_max = \"{1}s\"\nsession_grace = \"10s\"\n[[group]]\nname = \"pbx\"\n",
            self.cps * 4,
            self.call_max.as_secs(),
        );
        for exchange in exchanges {
            // Room for every call that lives or was forgotten.
            let room = u64::from(self.cps) * (self.hold + self.call_max).as_secs();
            let feedback = format!(
                "capacity = {{ calls = {room} }}\nfeedback = {{ token = \"{TOKEN}\", ttl = \"30s\" }}"
            );
            config += &exchange.config(&feedback);
        }
        config
    }
}

/// Everything that runs.
struct Soak {
    plan: Plan,
    exchanges: [Exchange; 3],
    seq: u64,
    listed: Instant,
    tandem: Tandem,
    life: Life,
    lives: Vec<Life>,
    crashes: Vec<Crash>,
}

impl Soak {
    fn start(plan: Plan) -> Self {
        let exchanges = [
            Exchange::start("a", Kind::Lists(plan.voiceless)),
            Exchange::start("b", Kind::Sessions),
            Exchange::start("c", Kind::Trusting),
        ];
        let tandem = Tandem::start_kept(&plan.config(&exchanges), "sqlite://tandem.db");
        let life = Life::begin(&tandem);
        Soak {
            plan,
            exchanges,
            seq: 0,
            listed: Instant::now(),
            tandem,
            life,
            lives: Vec::new(),
            crashes: Vec::new(),
        }
    }

    fn run(mut self) -> Report {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
        let stranger = scenarios.join("stranger.xml");
        let load = Load {
            scenario: "forgetful.xml",
            service: "1001",
            calls: u32::try_from(self.plan.seconds).expect("not for years") * self.plan.cps,
            cps: self.plan.cps,
            hold: self.plan.hold,
        };
        let patience = CALLER_PATIENCE.as_millis().to_string();
        let more = [
            "-recv_timeout",
            &patience,
            "-oocsf",
            &stranger.display().to_string(),
        ];
        let begun = Instant::now();
        let mut callers = Sipp::caller_with("callers", self.tandem.sip, &load, &more);
        let mut kill_at = begun + self.plan.kill_every;
        let last_kill = begun + Duration::from_secs(self.plan.seconds);
        let late = last_kill + 3 * CALLER_PATIENCE + self.plan.hold + Duration::from_secs(60);
        while !callers.has_ended() {
            assert!(Instant::now() < late, "the callers do not come to an end");
            self.step(true);
            if Instant::now() >= kill_at && kill_at < last_kill {
                kill_at += self.plan.kill_every;
                self = self.crash();
            }
        }
        let loaded = begun.elapsed();
        self.drain();
        self.finish(&callers, loaded)
    }

    fn step(&mut self, sampling: bool) {
        std::thread::sleep(STEP);
        if self.listed.elapsed() >= self.plan.lists_every {
            self.listed = Instant::now();
            self.send_lists();
        }
        if sampling && self.life.sample_is_due(self.plan.sample_every) {
            self.life.sample();
        }
    }

    fn send_lists(&mut self) {
        self.seq += 1;
        for exchange in &self.exchanges {
            if let Kind::Lists(_) = exchange.kind {
                let report = json!({ "seq": self.seq, "boot_id": "1", "calls": exchange.list() });
                let answer = self.tandem.feedback(exchange.name, TOKEN, &report);
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
        }
    }

    fn crash(mut self) -> Self {
        self.life.end(&self.tandem);
        let before = self.tandem.live();
        let at = unix_seconds();
        let killed = Instant::now();
        self.tandem = Tandem::start_again(self.tandem.crash());
        let (away, ready) = (killed.elapsed(), unix_seconds());
        self.crashes.push(Crash {
            at,
            ready,
            away,
            before,
            after: self.tandem.live(),
        });
        let life = Life::begin(&self.tandem);
        self.lives.push(std::mem::replace(&mut self.life, life));
        self
    }

    /// Until nothing lives any more, or what is left should long have been found.
    fn drain(&mut self) {
        let patience = self.plan.call_max + Duration::from_secs(80);
        let begun = Instant::now();
        while self.tandem.live() > 0 && begun.elapsed() < patience {
            self.step(false);
        }
    }

    fn finish(mut self, callers: &Sipp, loaded: Duration) -> Report {
        self.life.end(&self.tandem);
        let scrape = self.tandem.metrics();
        let left = self.exchanges.each_ref().map(|exchange| {
            let own = self.tandem.own(exchange.name);
            (exchange.name, own)
        });
        let listed = self.tandem.calls().len();
        let database = self.tandem.folder().join("tandem.db");
        let dropped = scrape.sum("tandem_slots_released_total", &[("cause", "dropped")]);
        let violations = scrape.sum("tandem_invariant_violations_total", &[]);
        let folder = self.tandem.stop();
        let rows = rows::in_sqlite(&database).len();
        drop(folder);
        self.lives.push(self.life);
        Report {
            plan: self.plan,
            loaded,
            count: callers.count(),
            failures: callers.failures(),
            lives: self.lives,
            crashes: self.crashes,
            left,
            listed,
            rows,
            dropped: dropped + violations,
            forgotten: self.exchanges.each_ref().map(Exchange::forgotten),
            unacknowledged: self
                .exchanges
                .iter()
                .map(Exchange::never_acknowledged)
                .sum(),
        }
    }
}

fn soak(plan: Plan) {
    let report = Soak::start(plan).run();
    println!("{report}");
    let complaints = report.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn calls_whose_bye_was_lost_leave_nothing_behind_though_the_process_was_killed() {
    let _turn = lock::alone();
    soak(Plan::short());
}

#[test]
#[ignore = "an hour: scripts/soak-calls"]
fn soak_for_as_long_as_it_is_told() {
    let number = |name, otherwise: u64| {
        let said = std::env::var(name).ok();
        said.map_or(otherwise, |said| said.parse().expect("a whole number"))
    };
    let cps = number("SOAK_CPS", 300);
    let mut plan = Plan::long(number("SOAK_SECONDS", 3600), cps as u32);
    plan.kill_every = Duration::from_secs(number("SOAK_KILL_EVERY", 600));
    soak(plan);
}
