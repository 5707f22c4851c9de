//! The shards' calls, as the HTTP API wants them.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use smallvec::SmallVec;

use crate::balance::{Ask, Directory, Ledger, PeerId, Step, Verdict};
use crate::call::{CallFilter, CallId, CallStage, CallView};
use crate::http::model::{Attempt, CallEntry, CallState, ExplainOther};
use crate::http::{CallQuery, CallTotals, Calls, PeerNews, Refused, Reply};
use crate::proxy::{Answer, Command, ShardId};
use crate::shard::Handles;

/// Asks the shards.
pub struct ShardCalls {
    handles: Handles,
    ledger: Arc<Ledger>,
}

impl ShardCalls {
    pub fn new(handles: Handles, ledger: Arc<Ledger>) -> Self {
        ShardCalls { handles, ledger }
    }

    async fn listed(&self, query: &CallQuery) -> Result<Vec<CallEntry>, Refused> {
        let directory = self.ledger.directory();
        let Some(mut filter) = filter(query, &directory)? else {
            return Ok(Vec::new());
        };
        let first = filter.after.map_or(0, CallId::shard);
        let mut entries = Vec::new();
        // Ids ascend with the shards, so that a page is filled from one after the other.
        for shard in (first..self.handles.shards()).map(ShardId) {
            filter.limit = query.limit - entries.len();
            if filter.limit == 0 {
                break;
            }
            let answer = self.ask(shard, Command::Calls(filter.clone())).await?;
            let Answer::Calls(views) = answer else {
                return Err(unexpected(&answer));
            };
            entries.extend(views.iter().map(|view| entry(view, &directory)));
        }
        Ok(entries)
    }

    async fn ask(&self, shard: ShardId, command: Command) -> Result<Answer, Refused> {
        let answer = self.handles.ask(shard, command).await;
        answer.map_err(|gone| Refused::Unavailable(gone.to_string()))
    }

    /// Why the call is with its peer, and with no other of the group.
    fn others(&self, view: &CallView, directory: &Directory) -> Vec<ExplainOther> {
        let (Some(group), Some(chosen)) = (view.group, view.peer) else {
            return Vec::new();
        };
        let tried: SmallVec<[PeerId; 2]> = view.attempts.iter().filter_map(|it| it.peer).collect();
        let ask = Ask {
            group,
            demand: &view.demand,
            step: Step::Balance,
            tried: &tried,
            hash_key: &[],
        };
        let verdicts = self.ledger.explain_call(Instant::now(), &ask, chosen);
        let other = |(id, verdict)| {
            let why_not = match verdict {
                Verdict::Chosen => return None,
                Verdict::PassedOver(words) => vec![words],
                Verdict::Unfit(words) => words,
            };
            let peer = directory.peer(id)?.name.to_string();
            Some(ExplainOther { peer, why_not })
        };
        verdicts.into_iter().filter_map(other).collect()
    }

    /// Tells all shards.
    async fn tell(&self, command: impl Fn() -> Command) -> Result<(), Refused> {
        let answers = self.handles.ask_all(|_| command()).await;
        answers
            .map(|_| ())
            .map_err(|gone| Refused::Unavailable(gone.to_string()))
    }

    /// The call's id with the shard it lives on, when there is such a shard.
    fn place(&self, id: &str) -> Option<(ShardId, CallId)> {
        let id = CallId::parse(id)?;
        (id.shard() < self.handles.shards()).then_some((ShardId(id.shard()), id))
    }
}

impl Calls for ShardCalls {
    fn list<'a>(&'a self, query: &'a CallQuery) -> Reply<'a, Result<Vec<CallEntry>, Refused>> {
        Box::pin(self.listed(query))
    }

    fn get<'a>(&'a self, id: &'a str) -> Reply<'a, Result<Option<CallEntry>, Refused>> {
        Box::pin(async move {
            let Some((shard, id)) = self.place(id) else {
                return Ok(None);
            };
            let answer = self.ask(shard, Command::Call(id)).await?;
            let Answer::Call(view) = answer else {
                return Err(unexpected(&answer));
            };
            Ok(view.map(|view| {
                let directory = self.ledger.directory();
                let mut entry = entry(&view, &directory);
                entry.others = self.others(&view, &directory);
                entry
            }))
        })
    }

    fn end<'a>(&'a self, id: &'a str) -> Reply<'a, Result<bool, Refused>> {
        Box::pin(async move {
            let Some((shard, id)) = self.place(id) else {
                return Ok(false);
            };
            let answer = self.ask(shard, Command::EndCall(id)).await?;
            let Answer::Ended(ended) = answer else {
                return Err(unexpected(&answer));
            };
            Ok(ended)
        })
    }

    fn reported<'a>(&'a self, peer: PeerId, news: PeerNews<'a>) -> Reply<'a, Result<(), Refused>> {
        Box::pin(async move {
            let calls: Option<Arc<HashSet<Vec<u8>>>> = news.calls.map(|listed| {
                let listed = listed.iter().map(|call_id| call_id.as_bytes().to_vec());
                Arc::new(listed.collect())
            });
            if news.restarted {
                self.tell(|| Command::PeerRestarted {
                    peer,
                    known_until: news.known_until,
                    calls: calls.clone(),
                })
                .await?;
            }
            if let Some(calls) = calls {
                self.tell(|| Command::PeerCalls {
                    peer,
                    calls: calls.clone(),
                })
                .await?;
            }
            Ok(())
        })
    }

    fn totals(&self) -> Reply<'_, Result<CallTotals, Refused>> {
        Box::pin(async {
            let mut totals = CallTotals::default();
            for report in self.handles.reports().await {
                for group in report.core.groups.values() {
                    totals.ringing += group.active[CallStage::Ringing.index()];
                    totals.up += group.active[CallStage::Up.index()];
                    totals.ending += group.active[CallStage::Ending.index()];
                }
            }
            Ok(totals)
        })
    }
}

/// The query in the core's terms; `None` when it names something that no call can have.
fn filter(query: &CallQuery, directory: &Directory) -> Result<Option<CallFilter>, Refused> {
    let after = match query.after.as_deref().map(CallId::parse) {
        Some(None) => {
            return Err(Refused::Malformed(
                "the query: this cursor is not one of ours".into(),
            ));
        }
        Some(after) => after,
        None => None,
    };
    let peer = query.peer.as_deref().map(|name| directory.peer_named(name));
    let group = query
        .group
        .as_deref()
        .map(|name| directory.group_named(name));
    if peer == Some(None) || group == Some(None) {
        return Ok(None);
    }
    let stage = query.state.map(|state| match state {
        CallState::Ringing => CallStage::Ringing,
        CallState::Up => CallStage::Up,
        CallState::Ending => CallStage::Ending,
    });
    let (peer, group) = (peer.flatten(), group.flatten());
    Ok(Some(CallFilter {
        peer,
        group,
        stage,
        after,
        limit: query.limit,
    }))
}

fn entry(view: &CallView, directory: &Directory) -> CallEntry {
    let peer = |id: PeerId| directory.peer(id).map(|peer| peer.name.to_string());
    let resources = view.demand.items().iter().filter_map(|(resource, units)| {
        directory
            .resource_name(*resource)
            .map(|name| (name.to_string(), *units))
    });
    CallEntry {
        id: view.id.to_string(),
        call_id: view.call_id.clone(),
        from: view.from.clone(),
        to: view.to.clone(),
        peer: view.peer.and_then(peer),
        group: view
            .group
            .and_then(|id| directory.group(id))
            .map(|group| group.name.to_string()),
        route: Some(view.route).filter(|route| *route > 0),
        resources: resources.collect::<BTreeMap<_, _>>(),
        state: match view.stage {
            CallStage::Ringing => CallState::Ringing,
            CallStage::Up => CallState::Up,
            CallStage::Ending => CallState::Ending,
        },
        since: super::clock::rfc3339(
            SystemTime::UNIX_EPOCH + Duration::from_millis(view.since_unix_ms),
        ),
        attempts: view
            .attempts
            .iter()
            .map(|attempt| Attempt {
                peer: attempt.peer.and_then(peer).unwrap_or_default(),
                outcome: attempt.outcome.to_text(),
            })
            .collect(),
        others: Vec::new(),
    }
}

fn unexpected(answer: &Answer) -> Refused {
    Refused::Broken(format!(
        "a shard gave another answer than was asked for: {answer:?}"
    ))
}
