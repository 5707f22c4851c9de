//! The process behind the API, played.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use serde_json::Value;
use tandem::balance::{Admin, Capacity, Drain, Ledger, Moment, PeerId, Topology};
use tandem::base::unix::unix_ms;
use tandem::http::model::{
    AdminState, Attempt, CallEntry, CallState, ExplainRequest, PeerPatch, ReloadAnswer, Units,
};
use tandem::http::{
    CallQuery, CallTotals, Calls, Control, PeerNews, Put, Readiness, Refused, Reply, RouteChoice,
    RouteOutcome,
};

use crate::server::peer;

fn moment() -> Moment {
    Moment {
        now: Instant::now(),
        unix_ms: unix_ms(SystemTime::now()),
    }
}

/// The operator's side: changes go to the ledger at once.
pub struct FakeControl {
    ledger: Arc<Ledger>,
    topology: Mutex<Topology>,
    admin: Option<Arc<str>>,
    /// What `reload` answers.
    pub reload: Mutex<Result<ReloadAnswer, Refused>>,
    /// Reloads never end while this is set.
    pub hang: AtomicBool,
    pub readiness: Mutex<Readiness>,
    pub route: Mutex<Result<RouteChoice, Refused>>,
    /// What was asked of the routes last.
    pub explained: Mutex<Option<ExplainRequest>>,
}

impl FakeControl {
    pub fn new(ledger: Arc<Ledger>, topology: Topology, admin: Option<&str>) -> Self {
        let to_group = RouteChoice {
            route: Some(2),
            action: RouteOutcome::Group {
                group: "pbx".to_owned(),
                demand: vec![("calls".to_owned(), 1)],
                overflow: false,
                hash_key: Vec::new(),
            },
        };
        Self {
            ledger,
            topology: Mutex::new(topology),
            admin: admin.map(Arc::from),
            reload: Mutex::new(Ok(ReloadAnswer::default())),
            hang: AtomicBool::new(false),
            readiness: Mutex::default(),
            route: Mutex::new(Ok(to_group)),
            explained: Mutex::default(),
        }
    }

    fn change(&self, name: &str, patch: &PeerPatch) -> Result<(), Refused> {
        let id = self.ledger.directory().peer_named(name);
        let id = id.ok_or_else(|| Refused::NotFound(name.to_owned()))?;
        let broken = |error: tandem::balance::TopologyError| Refused::Broken(error.to_string());
        let at = moment();
        let deadline = |seconds: f64| at.unix_ms + (seconds * 1e3) as u64;
        let drain = Drain {
            since_unix_ms: Some(at.unix_ms),
            deadline_unix_ms: patch.deadline_seconds.flatten().map(deadline),
        };
        if patch.deadline_seconds.is_some() {
            self.ledger.set_deadline(id, at, drain.deadline_unix_ms);
        }
        match patch.admin {
            Some(AdminState::Enabled) => self.ledger.set_admin(id, Admin::Enabled),
            Some(AdminState::Disabled) => self.ledger.set_admin(id, Admin::Disabled),
            Some(AdminState::Draining) => self.ledger.drain(id, at, drain),
            None => {}
        }
        if let Some(weight) = patch.weight {
            self.ledger.set_weight(id, weight).map_err(broken)?;
        }
        let capacity: Vec<(Arc<str>, Capacity)> = patch
            .capacity
            .iter()
            .flatten()
            .map(|(name, units)| match units {
                Units::Limited(units) => (Arc::from(name.as_str()), Capacity::Limited(*units)),
                Units::Unlimited => (Arc::from(name.as_str()), Capacity::Unlimited),
            })
            .collect();
        self.ledger.resize(id, &capacity).map_err(broken)
    }

    fn replace(&self, name: &str, spec: &Value) -> Result<Put, Refused> {
        if spec.get("uri").is_none() {
            return Err(Refused::Malformed("uri: is missing".to_owned()));
        }
        let weight = spec.get("weight").and_then(Value::as_u64).unwrap_or(1);
        if weight == 0 {
            return Err(Refused::Impossible("weight: must be at least 1".to_owned()));
        }
        let mut topology = self.topology.lock().expect("no test panicked with it");
        let before = topology.peers.len();
        topology.peers.retain(|known| &*known.name != name);
        let put = if topology.peers.len() < before {
            Put::Replaced
        } else {
            Put::Created
        };
        let mut added = peer(name, 99);
        added.weight = u32::try_from(weight).expect("a small weight");
        topology.peers.push(added);
        self.ledger
            .apply(&topology, Instant::now())
            .map_err(|error| Refused::Broken(error.to_string()))?;
        Ok(put)
    }
}

impl Control for FakeControl {
    fn admin_token(&self) -> Option<Arc<str>> {
        self.admin.clone()
    }

    fn reload(&self) -> Reply<'_, Result<ReloadAnswer, Refused>> {
        Box::pin(async {
            if self.hang.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            self.reload
                .lock()
                .expect("no test panicked with it")
                .clone()
        })
    }

    fn put_peer<'a>(&'a self, name: &'a str, spec: Value) -> Reply<'a, Result<Put, Refused>> {
        Box::pin(async move { self.replace(name, &spec) })
    }

    fn remove_peer<'a>(&'a self, name: &'a str) -> Reply<'a, Result<(), Refused>> {
        Box::pin(async move {
            let mut topology = self.topology.lock().expect("no test panicked with it");
            topology.peers.retain(|known| &*known.name != name);
            let applied = self.ledger.apply(&topology, Instant::now());
            applied
                .map(drop)
                .map_err(|error| Refused::Broken(error.to_string()))
        })
    }

    fn patch_peer<'a>(
        &'a self,
        name: &'a str,
        patch: &'a PeerPatch,
    ) -> Reply<'a, Result<(), Refused>> {
        Box::pin(async move { self.change(name, patch) })
    }

    fn route<'a>(&'a self, call: &'a ExplainRequest) -> Reply<'a, Result<RouteChoice, Refused>> {
        *self.explained.lock().expect("no test panicked with it") = Some(call.clone());
        Box::pin(async { self.route.lock().expect("no test panicked with it").clone() })
    }

    fn readiness(&self) -> Readiness {
        self.readiness
            .lock()
            .expect("no test panicked with it")
            .clone()
    }

    fn metrics(&self) -> Reply<'_, String> {
        Box::pin(async { "# TYPE played gauge\nplayed 1\n".to_owned() })
    }
}

/// A report: whose, restarted, the list of calls.
pub type News = (PeerId, bool, Option<Vec<String>>);

/// The shards: a list of calls.
#[derive(Default)]
pub struct FakeCalls {
    pub live: Mutex<Vec<CallEntry>>,
    /// Reports as they arrived.
    pub news: Mutex<Vec<News>>,
    /// Nothing is answered while this is set.
    pub busy: AtomicBool,
}

impl FakeCalls {
    fn ask<T>(&self, answer: impl FnOnce(&mut Vec<CallEntry>) -> T) -> Result<T, Refused> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(Refused::Unavailable("the shards are busy".to_owned()));
        }
        Ok(answer(
            &mut self.live.lock().expect("no test panicked with it"),
        ))
    }
}

impl Calls for FakeCalls {
    fn list<'a>(&'a self, query: &'a CallQuery) -> Reply<'a, Result<Vec<CallEntry>, Refused>> {
        let fits = |call: &CallEntry| {
            query
                .peer
                .as_ref()
                .is_none_or(|peer| call.peer.as_ref() == Some(peer))
                && query
                    .group
                    .as_ref()
                    .is_none_or(|group| call.group.as_ref() == Some(group))
                && query.state.is_none_or(|state| call.state == state)
                && query.after.as_ref().is_none_or(|after| call.id > *after)
        };
        let found = self.ask(|live| {
            let mut found: Vec<_> = live.iter().filter(|call| fits(call)).cloned().collect();
            found.sort_by(|left, right| left.id.cmp(&right.id));
            found.truncate(query.limit);
            found
        });
        Box::pin(async { found })
    }

    fn get<'a>(&'a self, id: &'a str) -> Reply<'a, Result<Option<CallEntry>, Refused>> {
        let found = self.ask(|live| live.iter().find(|call| call.id == id).cloned());
        Box::pin(async { found })
    }

    fn end<'a>(&'a self, id: &'a str) -> Reply<'a, Result<bool, Refused>> {
        let ended = self.ask(|live| {
            let before = live.len();
            live.retain(|call| call.id != id);
            live.len() < before
        });
        Box::pin(async move { ended })
    }

    fn reported<'a>(&'a self, peer: PeerId, news: PeerNews<'a>) -> Reply<'a, Result<(), Refused>> {
        let calls = news.calls.map(<[String]>::to_vec);
        let heard = self.ask(|_| {
            let mut known = self.news.lock().expect("no test panicked with it");
            known.push((peer, news.restarted, calls));
        });
        Box::pin(async move { heard })
    }

    fn totals(&self) -> Reply<'_, Result<CallTotals, Refused>> {
        let totals = self.ask(|live| {
            let count = |state| live.iter().filter(|call| call.state == state).count() as u64;
            CallTotals {
                ringing: count(CallState::Ringing),
                up: count(CallState::Up),
                ending: count(CallState::Ending),
            }
        });
        Box::pin(async move { totals })
    }
}

/// The call `c` + `number` on a peer.
pub fn call(number: usize, peer: &str, state: CallState) -> CallEntry {
    CallEntry {
        id: format!("c{number:03}"),
        call_id: format!("call-id-{number}"),
        from: "sip:alice@example.com".to_owned(),
        to: "sip:bob@example.com".to_owned(),
        peer: Some(peer.to_owned()),
        group: Some("pbx".to_owned()),
        route: Some(1),
        resources: BTreeMap::from([("calls".to_owned(), 1)]),
        state,
        since: "2026-01-01T12:00:00.000Z".to_owned(),
        attempts: vec![Attempt {
            peer: peer.to_owned(),
            outcome: "pending".to_owned(),
        }],
        others: Vec::new(),
    }
}
