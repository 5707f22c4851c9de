//! Alive? One of the four questions: what probes and traffic say of a peer, apart from everything else.
//!
//! ```text
//! unknown ──sign of life──► up ◄──────────── a call was answered ───────────────┐
//!    │                      │ ▲                                                 │
//!    └──── silence, ────────┤ └─ calls answered again (silence without setback) │
//!          failures,        ▼                                                   │
//!          probes         down ── signs of life, or rest over without probes ► trial
//!                           ▲                                                   │
//!                           └───────────────── the trial call failed ───────────┘
//! ```
//!
//! In trial one call at a time is let through. Each trial that fails doubles the next rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::directory::Group;
use super::topology::{Disable, Failure, ProbeMode, ProbeSpec};
use super::view::Health;

/// How long a trial call may keep others away, where nobody says what became of it.
const TRIAL_PATIENCE: Duration = Duration::from_secs(8);
/// How long a peer that is down must have been silent to be dead.
const DEAD_AFTER: Duration = Duration::from_secs(32);
/// The rest doubles this often, at most.
const DOUBLINGS_MAX: u32 = 4;
/// The shortest rest.
const REST_MIN: Duration = Duration::from_secs(1);

/// The rules of the group whose health rules are the peer's.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub disable: Disable,
    pub probe: ProbeSpec,
}

impl Rules {
    pub fn of(group: &Group) -> Arc<Self> {
        Arc::new(Self {
            disable: group.disable,
            probe: group.probe.clone(),
        })
    }
}

/// What a peer's life looks like from here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Life {
    Unknown,
    Up,
    Down(Down),
    Trial(Trial),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Down {
    pub since: Instant,
    pub cause: DownCause,
    /// Before this moment a peer that has failed a trial is not tried again.
    pub rest_until: Instant,
    /// Signs of life in a row.
    pub signs: u32,
    /// Calls answered in a row.
    pub answers: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trial {
    /// A sign of life led here; without one, only the rest was over.
    pub proven: bool,
    /// When the trial call went out; none: it is awaited.
    pub out: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DownCause {
    /// Calls that it left unanswered.
    Silence(u32),
    /// The transport failed.
    Transport,
    /// Calls that it failed, and the last status.
    Failures(u32, Option<u16>),
    /// Probes that it left unanswered or answered wrongly.
    Probes(u32),
    /// A call that tried whether it is back failed.
    Trial(Failure),
}

impl DownCause {
    /// Whether it said nothing, so that any word of it is news.
    fn is_silence(self) -> bool {
        match self {
            Self::Silence(_) | Self::Transport | Self::Probes(_) => true,
            Self::Trial(Failure::Timeout | Failure::Transport) => true,
            Self::Trial(Failure::Status(_)) | Self::Failures(..) => false,
        }
    }
}

/// What a change of life means for the rest of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing that others need to know.
    Same,
    /// Another state; who is eligible may have changed.
    Changed,
    /// Back up after having been down: from now on it gets more calls little by little.
    Recovered,
}

/// One peer's life, with what leads to its next turn.
#[derive(Clone, Debug)]
pub(super) struct Vitals {
    pub life: Life,
    pub last_sign: Option<Instant>,
    /// When it last said anything, be it refusal.
    last_word: Option<Instant>,
    silences: u32,
    failures: u32,
    missed_probes: u32,
    /// Trials failed in a row.
    setbacks: u32,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            life: Life::Unknown,
            last_sign: None,
            last_word: None,
            silences: 0,
            failures: 0,
            missed_probes: 0,
            setbacks: 0,
        }
    }
}

impl Vitals {
    pub fn health(&self) -> Health {
        match self.life {
            Life::Unknown | Life::Trial(Trial { proven: false, .. }) => Health::Unknown,
            Life::Up | Life::Trial(Trial { proven: true, .. }) => Health::Up,
            Life::Down(_) => Health::Down,
        }
    }

    pub fn is_down(&self) -> bool {
        self.health() == Health::Down
    }

    /// Whether it has died: it went down in silence, its probes go unanswered, and nothing was heard of it since for
    /// as long as a request may take (64*T1).
    pub fn is_dead(&self, now: Instant, rules: &Rules) -> bool {
        let Life::Down(down) = self.life else {
            return false;
        };
        let silent_since = self
            .last_word
            .map_or(down.since, |word| word.max(down.since));
        let unanswered = self.missed_probes >= rules.probe.down_after.max(1);
        unanswered && down.cause.is_silence() && now >= silent_since + DEAD_AFTER
    }

    /// A call got a response that is no covered failure.
    pub fn answered(&mut self, now: Instant, status: u16, rules: &Rules) -> Turn {
        self.silences = 0;
        if status >= 200 {
            self.failures = 0;
        }
        if let Life::Trial(Trial { out: Some(_), .. }) = self.life
            && status > 100
        {
            self.last_sign = Some(now);
            self.missed_probes = 0;
            self.setbacks = 0;
            self.life = Life::Up;
            return Turn::Recovered;
        }
        if let Life::Down(down) = &mut self.life {
            down.answers += u32::from(status > 100);
        }
        self.sign(now, rules)
    }

    /// A call failed, in a way that the group's failover rules cover.
    pub fn failed(&mut self, now: Instant, failure: Failure, rules: &Rules) -> Turn {
        self.failures += 1;
        let turn = match failure {
            Failure::Timeout | Failure::Transport => {
                self.silences += 1;
                Turn::Same
            }
            Failure::Status(_) => {
                self.silences = 0;
                self.sign(now, rules)
            }
        };
        let cause = match (self.life, failure) {
            (Life::Trial(Trial { out: Some(_), .. }), _) => {
                self.setbacks += 1;
                Some(DownCause::Trial(failure))
            }
            (Life::Down(_), _) => None,
            (_, Failure::Timeout) if reached(self.silences, rules.disable.after_timeouts) => {
                Some(DownCause::Silence(self.silences))
            }
            (_, Failure::Transport) if reached(self.silences, rules.disable.after_timeouts) => {
                Some(DownCause::Transport)
            }
            (_, failure) if reached(self.failures, rules.disable.after_failures) => {
                let status = match failure {
                    Failure::Status(status) => Some(status),
                    Failure::Timeout | Failure::Transport => None,
                };
                Some(DownCause::Failures(self.failures, status))
            }
            (Life::Unknown | Life::Up | Life::Trial(_), _) => None,
        };
        cause.map_or(turn, |cause| self.go_down(now, cause, rules))
    }

    /// Any other sign of life.
    pub fn sign(&mut self, now: Instant, rules: &Rules) -> Turn {
        (self.last_sign, self.last_word) = (Some(now), Some(now));
        self.missed_probes = 0;
        match &mut self.life {
            Life::Up | Life::Trial(_) => Turn::Same,
            Life::Unknown => {
                self.life = Life::Up;
                Turn::Changed
            }
            Life::Down(down) if down.cause.is_silence() => {
                down.signs += 1;
                self.come_back(now, rules)
            }
            Life::Down(_) => Turn::Same,
        }
    }

    /// A probe was answered as it should be.
    pub fn probe_answered(&mut self, now: Instant, rules: &Rules) -> Turn {
        match &mut self.life {
            Life::Down(down) if !down.cause.is_silence() => {
                down.signs += 1;
                (self.last_sign, self.last_word) = (Some(now), Some(now));
                self.missed_probes = 0;
                self.come_back(now, rules)
            }
            Life::Unknown | Life::Up | Life::Down(_) | Life::Trial(_) => self.sign(now, rules),
        }
    }

    /// A probe that was sent at `sent` has failed; `None`: it was answered, wrongly. `None`: the peer said something else since, which
    /// excuses it.
    pub fn probe_failed(
        &mut self,
        now: Instant,
        sent: Option<Instant>,
        rules: &Rules,
    ) -> Option<Turn> {
        if let (Some(sign), Some(sent)) = (self.last_sign, sent)
            && sign >= sent
        {
            return None;
        }
        if sent.is_none() {
            self.last_word = Some(now);
        }
        self.missed_probes += 1;
        if let Life::Down(down) = &mut self.life {
            (down.signs, down.answers) = (0, 0);
            return Some(Turn::Same);
        }
        if self.missed_probes < rules.probe.down_after.max(1) {
            return Some(Turn::Same);
        }
        Some(self.go_down(now, DownCause::Probes(self.missed_probes), rules))
    }

    /// What time alone changes.
    pub fn pass_time(&mut self, now: Instant, rules: &Rules) {
        match &mut self.life {
            Life::Down(down) if unprobed(rules) && now >= down.rest_until => {
                self.life = Life::Trial(Trial {
                    proven: false,
                    out: None,
                });
            }
            Life::Trial(trial) if trial.out.is_some_and(|out| now >= out + TRIAL_PATIENCE) => {
                trial.out = None;
            }
            Life::Unknown | Life::Up | Life::Down(_) | Life::Trial(_) => {}
        }
    }

    /// When time alone will change something.
    pub fn next_change(&self, rules: &Rules) -> Option<Instant> {
        match self.life {
            Life::Down(down) if unprobed(rules) => Some(down.rest_until),
            Life::Trial(Trial { out: Some(out), .. }) => Some(out + TRIAL_PATIENCE),
            Life::Unknown | Life::Up | Life::Down(_) | Life::Trial(_) => None,
        }
    }

    /// A call is sent there; true when it is the trial.
    pub fn send(&mut self, now: Instant) -> bool {
        match &mut self.life {
            Life::Trial(trial) if trial.out.is_none() => {
                trial.out = Some(now);
                true
            }
            Life::Unknown | Life::Up | Life::Down(_) | Life::Trial(_) => false,
        }
    }

    /// A call ended with BYE: it had been answered.
    pub fn completed(&mut self) -> Turn {
        (self.silences, self.failures) = (0, 0);
        match self.life {
            Life::Trial(Trial { out: Some(_), .. }) => {
                self.setbacks = 0;
                self.life = Life::Up;
                Turn::Recovered
            }
            Life::Unknown | Life::Up | Life::Down(_) | Life::Trial(_) => Turn::Same,
        }
    }

    /// The trial call is over, and nobody said how: the next one tries.
    pub fn trial_over(&mut self) {
        if let Life::Trial(trial) = &mut self.life {
            trial.out = None;
        }
    }

    fn come_back(&mut self, now: Instant, rules: &Rules) -> Turn {
        let Life::Down(down) = self.life else {
            return Turn::Same;
        };
        let wanted = rules.probe.up_after.max(1);
        if down.signs < wanted || (self.setbacks > 0 && now < down.rest_until) {
            return Turn::Same;
        }
        if self.setbacks == 0 && down.answers >= wanted {
            self.life = Life::Up;
            return Turn::Recovered;
        }
        self.life = Life::Trial(Trial {
            proven: true,
            out: None,
        });
        Turn::Changed
    }

    fn go_down(&mut self, now: Instant, cause: DownCause, rules: &Rules) -> Turn {
        let rest = rules.disable.retry_after_cap.max(REST_MIN);
        self.life = Life::Down(Down {
            since: now,
            cause,
            rest_until: now + rest * (1 << self.setbacks.min(DOUBLINGS_MAX)),
            signs: 0,
            answers: 0,
        });
        (self.silences, self.failures) = (0, 0);
        Turn::Changed
    }
}

/// A threshold of 0 is never reached.
fn reached(count: u32, threshold: u32) -> bool {
    threshold > 0 && count >= threshold
}

fn unprobed(rules: &Rules) -> bool {
    match rules.probe.mode {
        ProbeMode::Off => true,
        ProbeMode::Always | ProbeMode::WhenDown => false,
    }
}
