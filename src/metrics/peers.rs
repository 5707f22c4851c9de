//! The peers' metrics, derived from the ledger's view when somebody looks; nothing here is counted apart.

use super::names;
use super::text::Encoder;
use crate::balance::{Admin, EndCause, FeedbackOutcome, PeerView, ProbeOutcome, Step};

/// Writes all families of the peers. Every configured peer stands in each gauge that it can have.
pub fn encode(encoder: &mut Encoder, peers: &[PeerView]) {
    resources(encoder, peers);
    conditions(encoder, peers);
    slots(encoder, peers);
    feedback(encoder, peers);
    probes(encoder, peers);
}

fn resources(encoder: &mut Encoder, peers: &[PeerView]) {
    let pairs = || {
        peers
            .iter()
            .flat_map(|peer| peer.resources.iter().map(move |held| (&*peer.name, held)))
    };
    let mut samples = encoder.family(names::PEER_OWN);
    for (peer, held) in pairs() {
        samples.whole(&[peer, &held.name], held.own);
    }
    let mut samples = encoder.family(names::PEER_FOREIGN);
    for (peer, held) in pairs() {
        samples.whole(&[peer, &held.name], held.foreign);
    }
    let mut samples = encoder.family(names::PEER_CAPACITY);
    for (peer, held) in pairs() {
        if let Some(capacity) = held.capacity {
            samples.whole(&[peer, &held.name], u64::from(capacity));
        }
    }
    let mut samples = encoder.family(names::PEER_FREE);
    for (peer, held) in pairs() {
        if let Some(free) = held.free {
            samples.whole(&[peer, &held.name], free);
        }
    }
}

fn conditions(encoder: &mut Encoder, peers: &[PeerView]) {
    let mut samples = encoder.family(names::PEER_UP);
    for peer in peers {
        samples.truth(&[&peer.name], peer.health.is_up());
    }
    let mut samples = encoder.family(names::PEER_INFO);
    for peer in peers {
        for group in &peer.groups {
            for held in &peer.resources {
                samples.whole(&[&peer.name, group, &held.name], 1);
            }
        }
    }
    let mut samples = encoder.family(names::PEER_ELIGIBLE);
    for peer in peers {
        samples.truth(&[&peer.name], peer.eligible);
    }
    let mut samples = encoder.family(names::PEER_ADMIN);
    for peer in peers {
        for state in [Admin::Enabled, Admin::Disabled, Admin::Draining] {
            samples.truth(&[&peer.name, state.as_str()], peer.admin == state);
        }
    }
    let mut samples = encoder.family(names::PEER_RAMP);
    for peer in peers {
        samples.float(&[&peer.name], peer.ramp);
    }
    let mut samples = encoder.family(names::PEER_MARKED);
    for peer in peers {
        samples.whole(&[&peer.name], peer.marked);
    }
}

fn slots(encoder: &mut Encoder, peers: &[PeerView]) {
    let mut samples = encoder.family(names::SELECTIONS);
    for peer in peers {
        for (_, group, steps) in &peer.selections {
            for step in Step::ALL {
                samples.whole(&[group, &peer.name, step.as_str()], steps[step.index()]);
            }
        }
    }
    let mut samples = encoder.family(names::SLOTS_GRANTED);
    for peer in peers {
        samples.whole(&[&peer.name], peer.granted);
    }
    let mut samples = encoder.family(names::SLOTS_RELEASED);
    for peer in peers {
        for cause in EndCause::ALL {
            samples.whole(&[&peer.name, cause.as_str()], peer.released[cause.index()]);
        }
    }
    let mut samples = encoder.family(names::LEDGER_DRIFT);
    for peer in peers {
        if let Some(drift) = peer.drift {
            samples.float(&[&peer.name], drift as f64);
        }
    }
}

fn feedback(encoder: &mut Encoder, peers: &[PeerView]) {
    let mut samples = encoder.family(names::FEEDBACK_REPORTS);
    for peer in peers {
        for outcome in FeedbackOutcome::ALL {
            samples.whole(
                &[&peer.name, outcome.as_str()],
                peer.reports[outcome.index()],
            );
        }
    }
    let mut samples = encoder.family(names::FEEDBACK_AGE);
    for peer in peers {
        if let Some(feedback) = &peer.feedback {
            samples.float(&[&peer.name], feedback.age.as_secs_f64());
        }
    }
    let mut samples = encoder.family(names::FEEDBACK_FRESH);
    for peer in peers {
        if let Some(feedback) = &peer.feedback {
            samples.truth(&[&peer.name], feedback.fresh);
        }
    }
}

fn probes(encoder: &mut Encoder, peers: &[PeerView]) {
    let mut samples = encoder.family(names::PROBE_RTT);
    for peer in peers {
        samples.histogram(&[&peer.name], &peer.probe.rtts);
    }
    let mut samples = encoder.family(names::PROBES);
    for peer in peers {
        for outcome in ProbeOutcome::ALL {
            samples.whole(
                &[&peer.name, outcome.as_str()],
                peer.probe.outcomes[outcome.index()],
            );
        }
    }
}
