//! Decisions that did not succeed at the first try, in words.

use super::{group, now, peer};
use crate::balance::Directory;
use crate::call::{Attempt, AttemptOutcome};
use crate::http::model::{DecisionAttempt, DecisionEntry, DecisionOutcome, ExplainOther};
use crate::proxy::{Decided, Outcome};

/// As the API shows it.
pub fn entry(decided: &Decided, directory: &Directory) -> DecisionEntry {
    let attempts = decided.attempts.iter();
    let attempts = attempts.map(|attempt| self::attempt(*attempt, directory));
    let others = decided.others.iter().map(|(id, why_not)| ExplainOther {
        peer: peer(directory, *id),
        why_not: why_not.clone(),
    });
    let mut entry = DecisionEntry {
        at: now(),
        call: decided.call.map(|call| call.to_string()),
        call_id: decided.call_id.clone(),
        group: decided.group.map(|id| group(directory, id)),
        route: Some(decided.route).filter(|route| *route > 0),
        outcome: match decided.outcome {
            Outcome::Answered => DecisionOutcome::FailedOver,
            Outcome::Rejected => DecisionOutcome::Rejected,
            Outcome::Cancelled => DecisionOutcome::Cancelled,
            Outcome::Failed => DecisionOutcome::Failed,
            Outcome::Exhausted => DecisionOutcome::Exhausted,
        },
        status: decided.status,
        attempts: attempts.collect(),
        others: others.collect(),
        unseen: decided.unseen,
        words: String::new(),
    };
    entry.words = words(&entry);
    entry
}

fn attempt(attempt: Attempt, directory: &Directory) -> DecisionAttempt {
    let words = match attempt.outcome {
        AttemptOutcome::Pending => "gave no final answer".to_owned(),
        AttemptOutcome::Answered => "answered the call".to_owned(),
        AttemptOutcome::Status(status) => format!("said {status}"),
        AttemptOutcome::Timeout => "said nothing in time".to_owned(),
        AttemptOutcome::Transport => "could not be reached".to_owned(),
        AttemptOutcome::Cancelled => "was cancelled".to_owned(),
    };
    let peer = attempt.peer.map(|id| peer(directory, id));
    DecisionAttempt {
        peer: peer.unwrap_or_default(),
        outcome: attempt.outcome.to_text(),
        words,
    }
}

fn words(entry: &DecisionEntry) -> String {
    let head = match (entry.outcome, entry.route) {
        (DecisionOutcome::FailedOver, _) => "placed after a failure",
        (DecisionOutcome::Rejected, Some(_)) if entry.call.is_none() => "refused by its route",
        (DecisionOutcome::Rejected, None) if entry.call.is_none() => "no route took it",
        (DecisionOutcome::Rejected, _) => "refused after more than one try",
        (DecisionOutcome::Cancelled, _) => "given up by the caller after more than one try",
        (DecisionOutcome::Failed, _) => "failed",
        (DecisionOutcome::Exhausted, _) => "found no peer",
    };
    let tries = entry.attempts.iter().map(|one| match one.peer.as_str() {
        "" => format!("its target {}", one.words),
        peer => format!("{peer} {}", one.words),
    });
    let others = entry.others.iter();
    let others = others.map(|other| format!("{}: {}", other.peer, other.why_not.join(", ")));
    let told: Vec<String> = tries.chain(others).collect();
    match told.is_empty() {
        true => format!("{head}; the caller got {}", entry.status),
        false => format!(
            "{head}; {}; the caller got {}",
            told.join("; "),
            entry.status
        ),
    }
}
