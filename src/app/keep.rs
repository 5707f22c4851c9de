//! What is kept over a restart: how the store's writer learns what there is, and how what was saved comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::clock::moment;
use super::force::Force;
use crate::balance::{Admin, Ledger};
use crate::base::limits::STORE_RESTORE_BATCH;
use crate::call::CallRecord;
use crate::config::{self, Config};
use crate::http::Events;
use crate::proxy::Command;
use crate::shard::{Gone, Handles};
use crate::store::{History, Identity, Saved, Source, Target, Wait, Words};

/// Where the configuration has the store.
pub fn target(config: &Config) -> Target {
    match &config.store {
        config::Store::Sqlite(path) => Target::Sqlite(path.clone()),
        config::Store::SqliteMemory => Target::SqliteMemory,
        config::Store::Postgres(url) => Target::Postgres(url.expose().to_owned()),
    }
}

/// Takes up the peers that were removed and have calls still: those are counted until they end.
pub fn remember(ledger: &Ledger, calls: &[CallRecord]) {
    let now = Instant::now();
    let names = calls.iter().flat_map(|call| [&call.peer, &call.placed_by]);
    let names: BTreeSet<&Arc<str>> = names.flatten().collect();
    for name in names {
        if let Err(error) = ledger.remember(name, now) {
            tracing::warn!(peer = %name, %error, "the calls of a peer that was removed are not counted");
        }
    }
}

/// Says again what the operator had set, and which run each peer had been in. What names a peer that is no more, and has no
/// calls, is passed over.
pub fn say_again(ledger: &Ledger, words: &Words) {
    let directory = ledger.directory();
    let at = moment();
    for set in &words.overrides {
        let Some(peer) = directory.known_peer(&set.peer) else {
            continue;
        };
        match set.admin {
            Admin::Draining => ledger.drain(peer, at, set.drain),
            Admin::Enabled | Admin::Disabled => ledger.set_admin(peer, set.admin),
        }
        let weighed = set
            .weight
            .map_or(Ok(()), |weight| ledger.set_weight(peer, weight));
        let resized = ledger.resize(peer, &set.capacity);
        if let Err(error) = weighed.and(resized) {
            tracing::warn!(peer = %set.peer, %error, "what was set for this peer cannot be");
        }
    }
    let identities = words.identities.iter();
    identities.for_each(|said| ledger.recall(at.now, said));
}

/// Has the shards take up calls; those that they know already stay as they are.
pub async fn restore(handles: &Handles, mut calls: Vec<CallRecord>) -> Result<(), Gone> {
    let all = calls.len();
    while !calls.is_empty() {
        let rest = calls.split_off(calls.len().min(STORE_RESTORE_BATCH));
        let batch: Arc<[CallRecord]> = std::mem::replace(&mut calls, rest).into();
        handles.ask_all(|_| Command::Restore(batch.clone())).await?;
    }
    tracing::info!(calls = all, "saved calls are taken up");
    Ok(())
}

/// The process, as the store's writer asks it.
pub struct Keeper {
    pub force: Arc<Force>,
    pub ledger: Arc<Ledger>,
    pub handles: Handles,
    pub events: Arc<Events>,
}

impl Source for Keeper {
    fn words(&self) -> Words {
        Words {
            peers: self.force.peer_words(),
            overrides: self.ledger.overrides(),
            identities: self.identities(),
        }
    }

    fn identities(&self) -> Vec<Identity> {
        self.ledger.identities()
    }

    fn history(&self, after: u64) -> History {
        self.events.history(after)
    }

    fn hand_over(&self) -> Wait<'_, Result<(), String>> {
        Box::pin(async {
            let handed_over = self.handles.ask_all(|_| Command::PersistAll).await;
            handed_over.map(drop).map_err(|gone| gone.to_string())
        })
    }

    fn restore(&self, mut saved: Saved) -> Wait<'_, Result<(), String>> {
        Box::pin(async move {
            self.events.restore(std::mem::take(&mut saved.events));
            remember(&self.ledger, &saved.calls);
            self.force.adopt(&saved.words.peers).await;
            // What was set since we run is newer.
            let set = self.ledger.overrides();
            let words = &mut saved.words.overrides;
            words.retain(|word| !set.iter().any(|newer| newer.peer == word.peer));
            say_again(&self.ledger, &saved.words);
            let restored = restore(&self.handles, saved.calls).await;
            restored.map_err(|gone| gone.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock::unix_ms;
    use crate::balance::{Drain, Overrides, Topology};

    #[test]
    fn the_deadline_of_a_peer_that_was_removed_is_said_again_while_it_has_calls() {
        let ledger = Ledger::new(&Topology::default(), 1, Instant::now()).expect("sound");
        let drains = |name: &str| Overrides {
            peer: name.into(),
            admin: Admin::Draining,
            drain: Drain {
                since_unix_ms: Some(1),
                deadline_unix_ms: Some(unix_ms() + 60_000),
            },
            weight: None,
            capacity: Vec::new(),
        };
        let words = Words {
            overrides: ["removed", "forgotten"].map(drains).into(),
            ..Words::default()
        };
        let name = "removed".into();
        ledger.remember(&name, Instant::now()).expect("a name more");
        say_again(&ledger, &words);
        let removed = ledger.directory().known_peer("removed").expect("known");
        let left = ledger.deadline(removed).expect("a deadline") - Instant::now();
        assert!(left.as_secs() >= 50, "{left:?}");
        assert_eq!(ledger.directory().known_peer("forgotten"), None);
    }
}
