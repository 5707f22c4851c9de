//! Whether a peer may be given a call, and in words why not.

use std::time::{Duration, Instant};

use super::account::Account;
use super::ask::Admin;
use super::directory::Directory;
use super::feedback::Acceptance;
use super::health::{DownCause, Life, Trial};
use super::id::ResourceId;
use super::topology::{Capacity, Failure};

/// One thing that stands between a peer and a call. Copied out of the account, worded elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reason {
    Removed,
    Unresolved,
    Disabled,
    Draining,
    Down {
        cause: DownCause,
        since: Duration,
    },
    TrialOut,
    Reported(Acceptance),
    Penalty(Duration),
    OverRate(u32),
    NotOffered(ResourceId),
    Full {
        resource: ResourceId,
        own: u64,
        foreign: u64,
        capacity: u32,
    },
    Busy {
        resource: ResourceId,
        needed: u32,
        free: u64,
    },
    NoIdle,
    Tried,
}

impl Account {
    /// Eligible = wanted by the operator, and up by health, and accepting by its reports, and not under
    /// penalty, and within `cps`.
    pub(super) fn is_eligible(&self) -> bool {
        self.configured
            && self.resolved
            && self.admin == Admin::Enabled
            && match self.vitals.life {
                Life::Unknown | Life::Up => true,
                Life::Trial(trial) => trial.out.is_none(),
                Life::Down(_) => false,
            }
            && self.accepts()
            && self.bucket.is_none_or(|bucket| bucket.has_token())
    }

    /// Accepting, by its own word, and not under penalty.
    pub(super) fn accepts(&self) -> bool {
        self.reports.acceptance() == Acceptance::Accepting && self.penalty.until().is_none()
    }

    /// Why it is not eligible; none when it is.
    pub(super) fn reasons(&self, now: Instant) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if !self.configured {
            reasons.push(Reason::Removed);
        }
        if !self.resolved {
            reasons.push(Reason::Unresolved);
        }
        match self.admin {
            Admin::Enabled => {}
            Admin::Disabled => reasons.push(Reason::Disabled),
            Admin::Draining => reasons.push(Reason::Draining),
        }
        match self.vitals.life {
            Life::Unknown | Life::Up | Life::Trial(Trial { out: None, .. }) => {}
            Life::Down(down) => reasons.push(Reason::Down {
                cause: down.cause,
                since: now.saturating_duration_since(down.since),
            }),
            Life::Trial(Trial { out: Some(_), .. }) => reasons.push(Reason::TrialOut),
        }
        if let Some(until) = self.penalty.until() {
            reasons.push(Reason::Penalty(until.saturating_duration_since(now)));
        }
        match self.reports.acceptance() {
            Acceptance::Accepting => {}
            other @ (Acceptance::Draining | Acceptance::Paused) => {
                reasons.push(Reason::Reported(other));
            }
        }
        if let Some(bucket) = self.bucket.filter(|bucket| !bucket.has_token()) {
            reasons.push(Reason::OverRate(bucket.per_second()));
        }
        reasons
    }

    /// Why so many units of a resource have no room; none when they have.
    pub(super) fn lack(&self, resource: ResourceId, needed: u32) -> Option<Reason> {
        let standing = self.standing(resource);
        if standing.fits(needed) {
            return None;
        }
        Some(match (standing.capacity, standing.free()) {
            (None | Some(Capacity::Limited(0)), _) => Reason::NotOffered(resource),
            (Some(Capacity::Unlimited), _) => Reason::NoIdle,
            (Some(Capacity::Limited(capacity)), free) => {
                let (own, foreign) = (standing.own, standing.foreign);
                let free = free.unwrap_or(0);
                if own.saturating_add(foreign) >= u64::from(capacity) {
                    Reason::Full {
                        resource,
                        own,
                        foreign,
                        capacity,
                    }
                } else {
                    Reason::Busy {
                        resource,
                        needed,
                        free,
                    }
                }
            }
        })
    }
}

impl Reason {
    /// As an operator reads it.
    pub(super) fn words(self, directory: &Directory) -> String {
        let name = |id| directory.resource_name(id).map_or("?", |name| name);
        match self {
            Self::Removed => "removed from the configuration".to_owned(),
            Self::Unresolved => "unresolved: no address is known for its name".to_owned(),
            Self::Disabled => "disabled by operator".to_owned(),
            Self::Draining => "draining by operator".to_owned(),
            Self::Down { cause, since } => {
                format!("down: {}, {} ago", cause_words(cause), brief(since))
            }
            Self::TrialOut => "recovering: a trial call is out".to_owned(),
            Self::Reported(state) => format!("{} by its own report", state.as_str()),
            Self::Penalty(left) => format!("penalty for {} after 503", brief(left)),
            Self::OverRate(limit) => format!("cps limit {limit}/s"),
            Self::NotOffered(id) => format!("does not offer {}", name(id)),
            Self::Full {
                resource,
                own,
                foreign: 0,
                capacity,
            } => format!("full: {} {own}/{capacity}", name(resource)),
            Self::Full {
                resource,
                own,
                foreign,
                capacity,
            } => {
                let name = name(resource);
                format!(
                    "full: {name} {}/{capacity}, {foreign} of them foreign",
                    own + foreign
                )
            }
            Self::Busy {
                resource,
                needed,
                free,
            } => format!("no room: {free} {} free, {needed} needed", name(resource)),
            Self::NoIdle => "no room: its processors have no idle time".to_owned(),
            Self::Tried => "tried before for this call".to_owned(),
        }
    }
}

fn cause_words(cause: DownCause) -> String {
    let times = |count: u32, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {what}{plural}")
    };
    match cause {
        DownCause::Silence(count) => format!("{} unanswered", times(count, "call")),
        DownCause::Transport => "transport failed".to_owned(),
        DownCause::Failures(count, Some(status)) => {
            format!("{} failed, last with {status}", times(count, "call"))
        }
        DownCause::Failures(count, None) => format!("{} failed", times(count, "call")),
        DownCause::Probes(count) => format!("{} unanswered", times(count, "probe")),
        DownCause::Trial(Failure::Timeout) => "trial call unanswered".to_owned(),
        DownCause::Trial(Failure::Transport) => "trial call: transport failed".to_owned(),
        DownCause::Trial(Failure::Status(status)) => format!("trial call failed with {status}"),
    }
}

/// Milliseconds below a second, else whole seconds, rounded up: what is left is never 0.
fn brief(time: Duration) -> String {
    let millis = time.as_nanos().div_ceil(1_000_000);
    if millis < 1000 {
        format!("{millis} ms")
    } else {
        format!("{} s", millis.div_ceil(1000))
    }
}
