//! Accounts copied out under the lock, and worded outside of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::Account;
use super::ask::{Admin, Ask, EndCause, Step};
use super::directory::{Directory, Peer};
use super::drain;
use super::eligibility::Reason;
use super::feedback::FeedbackOutcome;
use super::id::{GroupId, PeerId};
use super::intake::Row;
use super::reckon::Measure;
use super::state::State;
use super::topology::Select;
use super::view::{FeedbackView, Health, Overrides, PeerView, ProbeView, ResourceView, Verdict};

/// One account at one moment, before it is put into words.
#[derive(Debug)]
pub(super) struct Snapshot {
    weight: u32,
    admin: Admin,
    drain: Option<drain::Snapshot>,
    health: Health,
    accepting: bool,
    eligible: bool,
    reasons: Vec<Reason>,
    ramp: f64,
    resources: Vec<Row>,
    marked: u64,
    feedback: Option<FeedbackView>,
    probe: ProbeView,
    granted: u64,
    released: [u64; EndCause::ALL.len()],
    selections: Vec<(GroupId, [u64; Step::ALL.len()])>,
    reports: [u64; FeedbackOutcome::ALL.len()],
    drift: Option<i64>,
}

impl Account {
    /// Our count of its calls less that of its last complete list; none without a fresh list.
    pub(super) fn drift(&self) -> Option<i64> {
        let own = i64::try_from(self.slots).unwrap_or(i64::MAX);
        let listed = self.reports.calls?;
        Some(own - i64::from(listed.value))
    }
}

impl Snapshot {
    pub fn of(account: &Account, now: Instant) -> Self {
        let acceptance = account.reports.acceptance();
        let reasons = account.reasons(now);
        let offered = account.resources.iter();
        let offered = offered.filter(|r| r.capacity(account.capacity_mode).is_some());
        let full = offered.filter_map(|resource| account.lack(resource.id, 1));
        let since = |at: Instant| now.saturating_duration_since(at);
        let tally = &account.tally;
        Self {
            weight: account.weight(),
            admin: account.admin,
            drain: drain::Snapshot::of(account, now),
            health: account.vitals.health(),
            accepting: account.accepts(),
            eligible: account.eligible,
            reasons: reasons.into_iter().chain(full).collect(),
            ramp: account.share(now, false),
            resources: account.rows().collect(),
            marked: account.marked,
            feedback: account.reports.at.map(|at| FeedbackView {
                age: since(at),
                seq: account.reports.seq,
                boot_id: account.reports.boot_id.clone(),
                state: acceptance,
                fresh: account.reports.is_fresh(now),
            }),
            probe: ProbeView {
                last_status: tally.last_status,
                rtt: tally.last_rtt,
                next_in: tally.next_probe.map(|at| at.saturating_duration_since(now)),
                outcomes: tally.probes,
                rtts: tally.rtts.clone(),
            },
            granted: tally.granted,
            released: tally.released,
            selections: account
                .memberships
                .iter()
                .map(|known| (known.group, known.selections))
                .collect(),
            reports: tally.reports,
            drift: account.drift(),
        }
    }

    pub fn view(self, peer: &Peer, directory: &Directory) -> PeerView {
        let group_name = |id: GroupId| directory.group(id).map(|group| group.name.clone());
        let selections = self.selections.into_iter();
        PeerView {
            id: peer.id,
            name: peer.name.clone(),
            uri: peer.uri.clone(),
            groups: peer
                .groups
                .iter()
                .filter_map(|id| group_name(*id))
                .collect(),
            weight: self.weight,
            priority: peer.priority,
            removed: peer.removed,
            admin: self.admin,
            drain: self.drain.map(drain::Snapshot::view),
            health: self.health,
            accepting: self.accepting,
            eligible: self.eligible,
            why_not: self
                .reasons
                .into_iter()
                .map(|reason| reason.words(directory))
                .collect(),
            ramp: self.ramp,
            resources: resource_views(&self.resources, directory),
            marked: self.marked,
            feedback: self.feedback,
            probe: self.probe,
            granted: self.granted,
            released: self.released,
            selections: selections
                .filter_map(|(id, counts)| Some((id, group_name(id)?, counts)))
                .collect(),
            reports: self.reports,
            drift: self.drift,
        }
    }
}

/// Rows with their names.
pub(super) fn resource_views(rows: &[Row], directory: &Directory) -> Vec<ResourceView> {
    let view = |(id, standing): &Row| {
        Some(ResourceView {
            name: Arc::clone(directory.resources.get(usize::from(id.0))?),
            own: standing.own,
            foreign: standing.foreign,
            capacity: standing.shown_capacity(),
            free: standing.free(),
            utilisation: standing.utilisation(),
        })
    };
    rows.iter().filter_map(view).collect()
}

/// What the operator set for one peer; none when nothing.
pub(super) fn overrides(
    account: &Account,
    peer: &Peer,
    directory: &Directory,
) -> Option<Overrides> {
    let capacity: Vec<_> = account
        .resources
        .iter()
        .filter_map(|resource| {
            let name = directory.resources.get(usize::from(resource.id.0))?;
            Some((name.clone(), resource.resized?))
        })
        .collect();
    let untouched =
        account.admin == Admin::Enabled && account.weight_set.is_none() && capacity.is_empty();
    (!untouched).then(|| Overrides {
        peer: peer.name.clone(),
        admin: account.admin,
        drain: account.drain,
        weight: account.weight_set,
        capacity,
    })
}

/// What is said of one peer about one imagined call.
#[derive(Debug)]
pub(super) enum Judgement {
    Chosen,
    Unfit(Vec<Reason>),
    Able(Comparison),
}

/// Why of two that are able the other one is preferred.
#[derive(Clone, Copy, Debug)]
pub(super) enum Comparison {
    Load {
        its: f64,
        chosen: f64,
    },
    Free {
        its: Option<u64>,
        chosen: Option<u64>,
    },
    Priority {
        its: u32,
        chosen: u32,
    },
    Turn,
    Chance,
    Lighter,
    Hash,
    Recovering(Duration),
}

/// Judges every member of the group that is asked.
pub(super) fn judge(
    state: &State,
    ask: &Ask<'_>,
    directory: &Directory,
    chosen: Option<PeerId>,
) -> Vec<(PeerId, Judgement)> {
    let (Some(group), Some(pool)) = (directory.group(ask.group), state.pool(ask.group)) else {
        return Vec::new();
    };
    let (select, strict) = pool.manner(ask.step);
    let winner = chosen.and_then(|id| Some((state.account(id)?, directory.peer(id)?)));
    let judge = |id: &PeerId| {
        let (account, peer) = (state.account(*id)?, directory.peer(*id)?);
        if chosen == Some(*id) {
            return Some((*id, Judgement::Chosen));
        }
        let mut reasons = account.reasons(state.now);
        if ask.tried.contains(id) {
            reasons.push(Reason::Tried);
        }
        let lacks = ask.demand.items().iter();
        let lacks = lacks.filter_map(|(id, units)| account.lack(*id, *units));
        reasons.extend(lacks.filter(|lack| strict || matches!(lack, Reason::NotOffered(_))));
        let Some(winner) = winner.filter(|_| reasons.is_empty()) else {
            return Some((*id, Judgement::Unfit(reasons)));
        };
        let comparison = compare(select, ask, state.now, (account, peer), winner);
        Some((*id, Judgement::Able(comparison)))
    };
    group.members.iter().filter_map(judge).collect()
}

fn compare(
    select: Select,
    ask: &Ask<'_>,
    now: Instant,
    (its, it): (&Account, &Peer),
    (chosens, chosen): (&Account, &Peer),
) -> Comparison {
    let loads = || {
        let used = |account: &Account| account.load(ask.demand, Measure::Used);
        let (its, chosen) = (used(its), used(chosens));
        if its > chosen {
            Comparison::Load { its, chosen }
        } else {
            Comparison::Chance
        }
    };
    if let Some(since) = its.ramp_since {
        return Comparison::Recovering(now.saturating_duration_since(since));
    }
    match select {
        Select::LeastLoaded => loads(),
        Select::Priority if it.priority == chosen.priority => loads(),
        Select::Priority => Comparison::Priority {
            its: it.priority,
            chosen: chosen.priority,
        },
        Select::MostFree => {
            let free = |account: &Account| {
                let items = ask.demand.items().iter();
                items
                    .filter_map(|(id, _)| account.standing(*id).free())
                    .min()
            };
            match (free(its), free(chosens)) {
                (its, chosen) if its == chosen => Comparison::Chance,
                (its, chosen) => Comparison::Free { its, chosen },
            }
        }
        Select::Weighted | Select::RoundRobin => Comparison::Turn,
        Select::Random => Comparison::Chance,
        Select::Hash => Comparison::Hash,
    }
}

impl Judgement {
    /// Of a call that was placed a while ago, on what has changed since: who is equal or better now was not then.
    pub fn of_old(self) -> Self {
        match self {
            Self::Able(Comparison::Chance) => Self::Able(Comparison::Lighter),
            other @ (Self::Chosen | Self::Unfit(_) | Self::Able(_)) => other,
        }
    }

    pub fn verdict(self, directory: &Directory) -> Verdict {
        match self {
            Self::Chosen => Verdict::Chosen,
            Self::Unfit(reasons) => {
                let words = reasons.into_iter().map(|reason| reason.words(directory));
                Verdict::Unfit(words.collect())
            }
            Self::Able(comparison) => Verdict::PassedOver(comparison.words()),
        }
    }
}

impl Comparison {
    fn words(self) -> String {
        let units =
            |free: Option<u64>| free.map_or("unlimited".to_owned(), |free| free.to_string());
        match self {
            Self::Load { its, chosen } => format!("more loaded: {its:.3} against {chosen:.3}"),
            Self::Free { its, chosen } => {
                format!("less free: {} against {}", units(its), units(chosen))
            }
            Self::Priority { its, chosen } => format!("comes later: priority {its} after {chosen}"),
            Self::Turn => "not its turn".to_owned(),
            Self::Chance => "equal; decided by chance".to_owned(),
            Self::Lighter => {
                "could have it as well by now: less loaded, or equal by chance".to_owned()
            }
            Self::Hash => "the key's hash prefers another".to_owned(),
            Self::Recovering(since) => {
                format!(
                    "recovering since {} s: gets a share of its calls",
                    since.as_secs()
                )
            }
        }
    }
}
