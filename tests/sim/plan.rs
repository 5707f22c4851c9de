//! What one seed decides before the run: the configuration, the phones, the network, and when what goes wrong.

use std::collections::BTreeMap;

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
    pub end: Micros,
}

impl Scenario {
    pub fn new(rng: &mut Rng, calls: usize) -> Self {
        let (pbxes, callers) = (rng.usize(2..=4), 3);
        let call_max = [60 * SECOND, 150 * SECOND][rng.usize(..2)];
        let mut peers = BTreeMap::new();
        for number in 0..pbxes {
            let plan = PeerPlan {
                calls: rng.u32(1..4),
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
        let settings = Settings {
            select: selects[rng.usize(..selects.len())],
            exhausted: ["[]", "[]", "[\"dispatch\"]"][rng.usize(..3)],
            probe: ["off", "off", "when-down", "always"][rng.usize(..4)],
            call_max,
            peers,
        };
        // So many that capacity is scarce most of the time.
        let quiet_from = (calls as u64) * 2 * SECOND + 20 * SECOND;
        let place = |rng: &mut Rng| {
            let who = match rng.u8(..6) {
                0 => callers + rng.usize(..pbxes),
                _ => rng.usize(..callers),
            };
            (rng.u64(SECOND..quiet_from), who)
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
            // A ringing call, its longest life, our BYEs, and every transaction's own end.
            end: quiet_from + call_max + 250 * SECOND,
        };
        if soaks() {
            scenario.plan_soak(rng);
        } else {
            scenario.plan_faults(rng);
        }
        scenario
    }

    /// A reload a minute, a crash an hour.
    fn plan_soak(&mut self, rng: &mut Rng) {
        for minute in 1..self.quiet_from / (60 * SECOND) {
            let name = pbx_name(rng.usize(..self.pbxes));
            self.faults
                .push((minute * 60 * SECOND, Fault::Reload(name)));
        }
        let at = rng.u64(..3600 * SECOND);
        if at < self.quiet_from {
            self.faults.push((at, Fault::Crash(2 * SECOND)));
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
            let fault = match rng.u8(..14) {
                0..3 => Fault::Crash(while_),
                3 | 4 => Fault::PowerOff(self.callers + pbx, while_),
                5 => Fault::PowerOff(rng.usize(..self.callers), while_),
                6 => Fault::Apart(rng.usize(..self.callers + self.pbxes), while_),
                7 => Fault::Reload(name),
                8 => Fault::Admin(name, rng.u8(..3)),
                9 => Fault::Resize(name, rng.u32(..4)),
                10 | 11 => Fault::EndCall(rng.usize(..4)),
                12 => Fault::WrongList(pbx),
                _ => Fault::WrongReport(pbx),
            };
            self.faults.push((at, fault));
        }
    }
}

/// The long form: even faults, for long.
pub fn soaks() -> bool {
    std::env::var_os("SIM_SOAK").is_some()
}

pub fn pbx_name(number: usize) -> String {
    format!("pbx{number}")
}

impl Settings {
    /// As the configuration file says it.
    pub fn toml(&self) -> String {
        let mut text = format!(
            "[node]\nname = \"sim\"\n[[listen]]\nuri = \"sip:{}\"\n[timers]\ntry = \"2s\"\nring = \"20s\"\ncall_max = \"{}s\"\nsession_grace = \"5s\"\n\
             [probe]\nmode = \"{}\"\ninterval = \"20s\"\n\
             [[group]]\nname = \"pbx\"\nselect = \"{}\"\nexhausted = {}\n",
            crate::phone::PROXY,
            self.call_max / SECOND,
            self.probe,
            self.select,
            self.exhausted,
        );
        for (number, (name, peer)) in self.peers.iter().enumerate() {
            if peer.configured {
                text.push_str(&format!(
                    "[[peer]]\nname = \"{name}\"\nuri = \"sip:127.0.2.{}:5060\"\ncapacity = {{ calls = {} }}\n",
                    number + 1,
                    peer.calls
                ));
            }
        }
        text
    }
}
