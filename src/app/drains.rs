//! Looks after peers that are being emptied: how old their calls are, and their end once the deadline is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::clock::unix_ms;
use crate::balance::{DrainedBy, Draining, Ledger, PeerId};
use crate::base::limits::DRAIN_LOOK_EVERY;
use crate::proxy::{Answer, Command};
use crate::shard::{Gone, Handles};

/// Until the process ends. What a shard did not hear is said again with the next look.
pub async fn look_after(ledger: Arc<Ledger>, handles: Handles) {
    let mut look = interval(DRAIN_LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        for drain in ledger.drains(Instant::now()) {
            if let Err(error) = look_at(&ledger, &handles, &drain).await {
                tracing::warn!(%error, "a drain is not looked after");
            }
        }
    }
}

async fn look_at(ledger: &Ledger, handles: &Handles, drain: &Draining) -> Result<(), Gone> {
    let now = unix_ms();
    let (began, deadline) = match drain.by {
        DrainedBy::Operator(times) => (times.since_unix_ms.unwrap_or(now), times.deadline_unix_ms),
        DrainedBy::Peer(time) => (now.saturating_sub(millis(time)), None),
    };
    if drain.ages_wanted {
        tell_ages(ledger, handles, drain.peer, began).await?;
    }
    if deadline.is_some_and(|deadline| deadline <= now) {
        let mut calls = 0;
        for answer in handles.ask_all(|_| Command::Empty(drain.peer)).await? {
            if let Answer::Done(count) = answer {
                calls += count;
            }
        }
        if calls > 0 {
            let directory = ledger.directory();
            let peer = directory.peer(drain.peer).map(|peer| &*peer.name);
            tracing::info!(peer, calls, "a drain's deadline is over: calls are ended");
        }
    }
    Ok(())
}

/// A call that came after the beginning, placed by the peer or found again, is no part of the sample.
async fn tell_ages(
    ledger: &Ledger,
    handles: &Handles,
    peer: PeerId,
    began: u64,
) -> Result<(), Gone> {
    let answers = handles.ask_all(|_| Command::Begun(peer)).await?;
    let mut ages = Vec::new();
    for answer in answers {
        if let Answer::Begun(begun) = answer {
            ages.extend(begun.iter().filter_map(|begun| began.checked_sub(*begun)));
        }
    }
    let ages = ages.into_iter().map(Duration::from_millis).collect();
    let ran = Duration::from_millis(unix_ms().saturating_sub(began));
    ledger.tell_ages(Instant::now(), peer, ran, ages);
    Ok(())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
