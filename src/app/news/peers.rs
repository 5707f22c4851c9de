//! Peers, compared with what they were.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::drift::Drift;
use super::now;
use crate::balance::{Acceptance, DrainView, FeedbackOutcome, Ledger, PeerId, PeerView, Sign};
use crate::base::limits::EVENTS_ELIGIBLE_LOOKS;
use crate::http::Event;
use crate::http::model::{Change, FeedbackEvent, PeerEvent};
use crate::http::views as shown;

/// All configured peers as they were told last.
#[derive(Default)]
pub struct Peers {
    known: HashMap<PeerId, Seen>,
    looks: u64,
}

/// What is compared of one peer: words by what they are about.
struct Seen {
    /// As it was when it was put into words; while that stays, nothing of it is looked at again.
    sign: Sign,
    facts: BTreeMap<String, String>,
    eligible: bool,
    /// Looks in a row at which it was otherwise.
    otherwise: u32,
    drift: Drift,
    /// Whether reports are in force, and what they say; none while there never was one.
    report: Option<(bool, Acceptance)>,
    refused: u64,
    /// The last look that met it.
    look: u64,
}

impl Peers {
    /// As they are now; that is no news.
    pub fn new(ledger: &Ledger, now: Instant) -> Self {
        let mut peers = Peers::default();
        for (sign, view) in ledger.look(now, |_, sign| !sign.removed) {
            peers.known.insert(view.id, Seen::of(sign, &view, 0));
        }
        peers
    }

    /// What has changed since.
    pub fn look(&mut self, ledger: &Ledger, now: Instant) -> Vec<Event> {
        let changed = self.changed(ledger, now);
        let mut events = Vec::new();
        for (sign, view) in changed {
            if view.removed {
                self.known.remove(&view.id);
                events.push(peer(&view, vec![configured("yes", "no")]));
            } else if let Some(seen) = self.known.get_mut(&view.id) {
                events.extend(
                    seen.changes(&view, sign.adrift, now)
                        .map(|changes| peer(&view, changes)),
                );
                events.extend(seen.reports(&view));
                seen.sign = sign;
            } else {
                events.push(peer(&view, vec![configured("no", "yes")]));
                self.known
                    .insert(view.id, Seen::of(sign, &view, self.looks));
            }
        }
        // One that was removed without calls is met no more.
        self.known.retain(|_, seen| seen.look == self.looks);
        events
    }

    /// Those that may be news.
    fn changed(&mut self, ledger: &Ledger, now: Instant) -> Vec<(Sign, PeerView)> {
        self.looks += 1;
        let (look, known) = (self.looks, &mut self.known);
        ledger.look(now, |id, sign| match known.get_mut(&id) {
            Some(seen) => seen.is_news(sign, look, now),
            // A removed peer is viewed until its last call has ended.
            None => !sign.removed,
        })
    }
}

impl Seen {
    fn of(sign: Sign, view: &PeerView, look: u64) -> Self {
        Seen {
            sign,
            facts: facts(view),
            eligible: view.eligible,
            otherwise: 0,
            drift: Drift::default(),
            report: report(view),
            refused: refused(view),
            look,
        }
    }

    /// Whether the peer is to be compared word by word.
    fn is_news(&mut self, sign: &Sign, look: u64, now: Instant) -> bool {
        self.look = look;
        let same = *sign == self.sign && sign.eligible == self.eligible;
        if same {
            self.otherwise = 0;
        }
        self.drift.is_news(sign.adrift, now) || !same
    }

    fn changes(&mut self, view: &PeerView, adrift: bool, now: Instant) -> Option<Vec<Change>> {
        let facts = facts(view);
        let mut changes = Vec::new();
        for (what, to) in &facts {
            let from = self.facts.get(what);
            if from != Some(to) {
                let from = from.map_or("none", String::as_str);
                changes.push(change(what, from, to));
            }
        }
        self.facts = facts;
        let drift = self.drift.change(adrift, view.drift, now);
        changes.extend(drift.map(|(from, to)| change("drift", &from, &to)));
        self.otherwise = match view.eligible == self.eligible {
            true => 0,
            false => self.otherwise + 1,
        };
        let lasting = self.otherwise >= EVENTS_ELIGIBLE_LOOKS;
        if self.otherwise > 0 && (lasting || !changes.is_empty()) {
            changes.push(change(
                "eligible",
                yes_no(self.eligible),
                yes_no(view.eligible),
            ));
            self.eligible = view.eligible;
            self.otherwise = 0;
        }
        (!changes.is_empty()).then_some(changes)
    }

    fn reports(&mut self, view: &PeerView) -> Option<Event> {
        let (report, refused) = (report(view), refused(view));
        let more = refused - self.refused.min(refused);
        if report == self.report && more == 0 {
            return None;
        }
        let name = &view.name;
        let words = match (self.report, report) {
            (_, None) => format!("{name} never reported"),
            (None | Some((false, _)), Some((true, state))) => {
                format!("{name} reports, and is {}", state_word(state))
            }
            (Some((true, _)), Some((false, _))) => {
                format!("the reports of {name} are stale: they have no effect any more")
            }
            (_, Some((_, state))) => format!("{name} says that it is {}", state_word(state)),
        };
        let words = match (report == self.report, more) {
            (true, _) => format!("{more} reports of {name} were refused"),
            (false, 0) => words,
            (false, _) => format!("{words}; {more} reports were refused"),
        };
        (self.report, self.refused) = (report, refused);
        Some(Event::Feedback(FeedbackEvent {
            at: now(),
            peer: name.to_string(),
            fresh: report.is_some_and(|(fresh, _)| fresh),
            state: report.map(|(_, state)| shown::feedback_state(state)),
            refused: more,
            words,
        }))
    }
}

fn peer(view: &PeerView, changes: Vec<Change>) -> Event {
    let told = changes
        .iter()
        .map(|change| format!("{} {} \u{2192} {}", change.what, change.from, change.to));
    let mut words = format!("{}: {}", view.name, told.collect::<Vec<_>>().join(", "));
    if !view.why_not.is_empty() {
        words.push_str(&format!(" ({})", view.why_not.join("; ")));
    }
    Event::Peer(PeerEvent {
        at: now(),
        peer: view.name.to_string(),
        changes,
        admin: shown::admin_state(view.admin),
        drain: view.drain.as_ref().map(shown::drain),
        health: shown::health_state(view.health),
        accepting: view.accepting,
        eligible: view.eligible,
        why_not: view.why_not.clone(),
        words,
    })
}

fn facts(view: &PeerView) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([
        ("admin".to_owned(), view.admin.as_str().to_owned()),
        ("drain".to_owned(), drain_word(view).to_owned()),
        ("health".to_owned(), view.health.as_str().to_owned()),
        ("accepting".to_owned(), yes_no(view.accepting).to_owned()),
        ("weight".to_owned(), view.weight.to_string()),
    ]);
    for room in &view.resources {
        let capacity = room.capacity.map(|units| units.to_string());
        facts.insert(
            format!("capacity {}", room.name),
            capacity.unwrap_or_else(|| "unlimited".to_owned()),
        );
    }
    facts
}

fn drain_word(view: &PeerView) -> &'static str {
    view.drain.as_ref().map_or("none", DrainView::as_str)
}

fn report(view: &PeerView) -> Option<(bool, Acceptance)> {
    let report = view.feedback.as_ref();
    report.map(|report| (report.fresh, report.state))
}

fn refused(view: &PeerView) -> u64 {
    view.reports.iter().sum::<u64>() - view.reports[FeedbackOutcome::Accepted.index()]
}

fn configured(from: &str, to: &str) -> Change {
    change("configured", from, to)
}

fn change(what: &str, from: &str, to: &str) -> Change {
    Change {
        what: what.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn state_word(state: Acceptance) -> &'static str {
    match state {
        Acceptance::Accepting => "accepting",
        Acceptance::Draining => "draining",
        Acceptance::Paused => "paused",
    }
}

#[cfg(test)]
mod tests;
