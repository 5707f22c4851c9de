//! What one seed decides before the run: the configuration, the phones, the network, and when what goes wrong.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;

use crate::clock::{MS, Micros, SECOND};

/// A peer as its configuration has it.
#[derive(Clone, Debug)]
pub struct PeerPlan {
    pub calls: u32,
    pub configured: bool,
}

/// The configuration, as its operator changes it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub select: &'static str,
    pub exhausted: &'static str,
    pub probe: &'static str,
    pub call_max: Micros,
    /// Calls are asked about after so many seconds without a word; 0: restored ones alone are.
    pub check: u64,
    /// Some calls take two transcoders beside their place; then nobody but callers calls.
    pub transcoding: bool,
    pub peers: BTreeMap<String, PeerPlan>,
}

/// What goes wrong, or is done by an operator.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The balancer is killed, and starts again after so long.
    Crash(Micros),
    /// Back with the rows.
    Start,
    /// The PBX forgets everything, and is back after so long.
    PowerOff(usize, Micros),
    PowerOn(usize),
    /// Nothing passes between the balancer and this phone for so long.
    Apart(usize, Micros),
    /// What passes between the balancer and this phone queues up, and then arrives in a burst.
    Clog(usize, Micros),
    /// A reload: this peer is removed, added again, or has another capacity.
    Reload(String),
    Admin(String, u8),
    Resize(String, u32),
    /// The operator ends a call, if there is one.
    EndCall(usize),
    /// A list of calls that is not true.
    WrongList(usize),
    /// The PBX says something old, or impossible.
    WrongReport(usize),
    /// Nothing goes wrong: counts are compared.
    Quiet,
}

/// One run.
pub struct Scenario {
    pub settings: Settings,
    pub pbxes: usize,
    pub callers: usize,
    /// When which call begins: caller, or a PBX from `callers` on.
    pub calls: Vec<(Micros, usize)>,
    pub faults: Vec<(Micros, Fault)>,
    pub feedback: Vec<bool>,
    /// Faults have ended, and no call begins any more.
    pub quiet_from: Micros,
    /// Times in between without loss and without new calls.
    pub pauses: Vec<(Micros, Micros)>,
    pub end: Micros,
}

impl Scenario {
    pub fn new(rng: &mut Rng, calls: usize) -> Self {
        let (pbxes, callers) = (rng.usize(2..=4), 3);
        let settings = Settings::new(rng, pbxes);
        let call_max = settings.call_max;
        let transcoding = settings.transcoding;
        // So many that capacity is scarce most of the time.
        let placing = (calls as u64) * 2 * SECOND + 20 * SECOND;
        let (quiet_from, pauses) = if soaks() {
            (spread(placing), pauses(placing))
        } else {
            (placing, Vec::new())
        };
        let place = |rng: &mut Rng| {
            let who = match rng.u8(..6) {
                0 if !transcoding => callers + rng.usize(..pbxes),
                _ => rng.usize(..callers),
            };
            let at = rng.u64(SECOND..placing);
            (if soaks() { spread(at) } else { at }, who)
        };
        let placed = (0..calls).map(|_| place(rng)).collect();
        let mut scenario = Self {
            settings,
            pbxes,
            callers,
            calls: placed,
            faults: Vec::new(),
            feedback: (0..pbxes).map(|_| rng.bool()).collect(),
            quiet_from,
            pauses,
            // A ringing call, its longest life, our BYEs, and every transaction's own end.
            end: quiet_from + call_max + 250 * SECOND,
        };
        let ends = scenario.pauses.iter().map(|(_, to)| to - SECOND);
        let quiet: Vec<_> = ends.chain([quiet_from + SETTLED]).collect();
        let compared = quiet.into_iter().map(|at| (at, Fault::Quiet));
        scenario.faults.extend(compared);
        if soaks() {
            scenario.plan_soak(rng);
        } else {
            scenario.plan_faults(rng);
        }
        scenario
    }

    /// A reload a minute, a crash an hour.
    fn plan_soak(&mut self, rng: &mut Rng) {
        for minute in 1..=self.quiet_from / (60 * SECOND) {
            let name = pbx_name(rng.usize(..self.pbxes));
            self.faults
                .push((minute * 60 * SECOND, Fault::Reload(name)));
        }
        let mut at = rng.u64(..HOUR);
        while at < self.quiet_from {
            self.faults.push((at, Fault::Crash(2 * SECOND)));
            at += HOUR;
        }
    }

    fn plan_faults(&mut self, rng: &mut Rng) {
        if rng.u8(..4) == 0 {
            return;
        }
        for _ in 0..rng.usize(..6) {
            let at = rng.u64(SECOND..self.quiet_from - 6 * SECOND);
            let pbx = rng.usize(..self.pbxes);
            let name = pbx_name(pbx);
            let while_ = rng.u64(50 * MS..5 * SECOND);
            let fault = match rng.u8(..16) {
                0..3 => Fault::Crash(while_),
                3 | 4 => Fault::PowerOff(self.callers + pbx, while_),
                5 => Fault::PowerOff(rng.usize(..self.callers), while_),
                6 => Fault::Apart(rng.usize(..self.callers + self.pbxes), while_),
                7 => Fault::Reload(name),
                8 => Fault::Admin(name, rng.u8(..3)),
                9 => Fault::Resize(name, rng.u32(..4)),
                10 | 11 => Fault::EndCall(rng.usize(..4)),
                12 => Fault::WrongList(pbx),
                13 => Fault::WrongReport(pbx),
                _ => Fault::Clog(rng.usize(..self.callers + self.pbxes), while_),
            };
            self.faults.push((at, fault));
        }
    }
}

/// Of a soak's time with new calls, the part between two pauses.
const BUSY: Micros = 900 * SECOND;
/// What rings has been given up by then, and what is to be hung up has been.
const SETTLED: Micros = 110 * SECOND;
const PAUSE: Micros = 160 * SECOND;
const HOUR: Micros = 3600 * SECOND;

/// A moment of the time with new calls, as it comes to lie between the pauses.
fn spread(at: Micros) -> Micros {
    at + at / BUSY * PAUSE
}

fn pauses(placing: Micros) -> Vec<(Micros, Micros)> {
    let pause = |number: Micros| {
        let to = number * (BUSY + PAUSE);
        (to - PAUSE, to)
    };
    (1..=placing / BUSY).map(pause).collect()
}

/// The long form: even faults, for long.
pub fn soaks() -> bool {
    std::env::var_os("SIM_SOAK").is_some()
}

pub fn pbx_name(number: usize) -> String {
    format!("pbx{number}")
}

/// So many calls a peer has room for: few, so that room is scarce; in a soak enough for most.
pub fn room(rng: &mut Rng) -> u32 {
    1 + rng.u32(..if soaks() { 10 } else { 3 })
}

/// The other way round.
pub fn pbx_number(name: &str) -> Option<usize> {
    name.strip_prefix("pbx")?.parse().ok()
}

/// Which PBX has this address.
pub fn pbx_at(address: SocketAddr) -> Option<usize> {
    match address.ip() {
        IpAddr::V4(ip) if ip.octets()[2] == 2 => usize::from(ip.octets()[3]).checked_sub(1),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

impl Settings {
    fn new(rng: &mut Rng, pbxes: usize) -> Self {
        let mut call_max = [60 * SECOND, 150 * SECOND][rng.usize(..2)];
        if soaks() {
            call_max = [300 * SECOND, 900 * SECOND][rng.usize(..2)];
        }
        let mut peers = BTreeMap::new();
        for number in 0..pbxes {
            let plan = PeerPlan {
                calls: room(rng),
                configured: true,
            };
            peers.insert(pbx_name(number), plan);
        }
        let selects = [
            "least-loaded",
            "most-free",
            "weighted",
            "round-robin",
            "random",
            "priority",
            "hash",
        ];
        Self {
            select: selects[rng.usize(..selects.len())],
            exhausted: ["[]", "[]", "[\"dispatch\"]"][rng.usize(..3)],
            probe: ["off", "off", "when-down", "always"][rng.usize(..4)],
            call_max,
            transcoding: rng.u8(..4) == 0,
            check: [0, 0, 15][rng.usize(..3)],
            peers,
        }
    }

    /// As the configuration file says it.
    pub fn toml(&self) -> String {
        let mut text = format!(
            // The grace is 64*T1: so long the answer to a refresh may be on its way to who counts from it.
            "[node]\nname = \"sim\"\n[[listen]]\nuri = \"sip:{}\"\n[timers]\ntry = \"2s\"\nring = \"20s\"\ncall_max = \"{}s\"\nsession_grace = \"32s\"\n\
             [probe]\nmode = \"{}\"\ninterval = \"20s\"\n\
             [[group]]\nname = \"pbx\"\nselect = \"{}\"\nexhausted = {}\n",
            crate::phone::PROXY,
            self.call_max / SECOND,
            self.probe,
            self.select,
            self.exhausted,
        );
        if self.check > 0 {
            text.push_str(&format!("[check]\ninterval = \"{}s\"\n", self.check));
        }
        if self.transcoding {
            text.push_str(
                "[[route]]\nmatch = { user = \"^2\" }\ngroup = \"pbx\"\nresources = { calls = 1, transcoding = 2 }\n\
                 [[route]]\ngroup = \"pbx\"\n",
            );
        }
        for (number, (name, peer)) in self.peers.iter().enumerate() {
            if peer.configured {
                text.push_str(&format!(
                    "[[peer]]\nname = \"{name}\"\nuri = \"sip:127.0.2.{}:5060\"\ncapacity = {{ calls = {}, transcoding = {} }}\n",
                    number + 1,
                    peer.calls,
                    peer.calls + 1
                ));
            }
        }
        text
    }
}
