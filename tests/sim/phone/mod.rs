//! A simulated phone, or PBX: it calls, answers, refuses, forks, hangs up, forgets, and repeats itself by RFC 3261's timers.

mod callee;
mod caller;
mod habits;
mod reliable;
mod tidy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use fastrand::Rng;

use crate::clock::{MS, Micros, SECOND};
use crate::text::{Request, Text};

pub use habits::{Answer, Habits, Plan};
pub use reliable::Counts;
use reliable::{Early, Reliable};

/// The proxy that every message goes to.
pub const PROXY: &str = "127.0.0.9:5060";

const T1: Micros = 500 * MS;
const T2: Micros = 4 * SECOND;
/// 64 × T1.
const GIVE_UP: Micros = 32 * SECOND;

/// Call-ID, own tag, other's tag.
pub type DialogKey = (String, String, String);

/// What a phone wants to be woken for.
#[derive(Clone, Debug)]
pub enum Alarm {
    /// To send the request of this branch and method again.
    Request(String),
    /// To send the final response of this server transaction again.
    Response(String),
    /// To send the reliable provisional response with this tag and RSeq again.
    Provisional(String, String, u32),
    /// To give up the call that rings.
    Cancel(String),
    /// To go on with an INVITE.
    Ring(String, u8),
    /// To do something within a dialog.
    Do(DialogKey, Deed),
}

/// Something done within a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Bye,
    /// With the credentials that the first one lacked.
    ByeAgain,
    Reinvite,
    Update,
    /// UPDATE every now and then, to keep the session alive.
    Refresh,
    /// The phone forgets the call without a word.
    Vanish,
}

/// What a phone does now and later.
#[derive(Default)]
pub struct Out {
    pub sends: Vec<(SocketAddr, String)>,
    /// After so long.
    pub alarms: Vec<(Micros, Alarm)>,
    /// Dialogs that the phone forgot without a word.
    pub vanished: Vec<DialogKey>,
}

struct Client {
    method: String,
    text: String,
    to: SocketAddr,
    started: Micros,
    interval: Micros,
    /// A provisional response came: an INVITE is not repeated any more.
    rings: bool,
    dialog: Option<DialogKey>,
}

struct Server {
    request: Text,
    /// All that was sent last, to be sent again.
    last: Vec<String>,
    answer: Answer,
    since: Micros,
    final_at: Option<Micros>,
    interval: Micros,
    /// Tags of 2xx without ACK; or one empty text for another final response.
    unacknowledged: BTreeSet<String>,
    /// Its early dialogs that were made known reliably.
    reliable: Vec<Reliable>,
    /// Goes on only when they have been acknowledged.
    patient: bool,
}

/// A call that the phone placed and that rings.
struct Outgoing {
    from: String,
    to: String,
    uri: String,
    cseq: u32,
    branch: String,
    since: Micros,
    plan: Plan,
    cancel: bool,
    cancelled: bool,
    challenged: bool,
    over: bool,
}

struct Dialog {
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    cseq: u32,
    /// The highest CSeq of the other side.
    heard: u32,
    session: bool,
    over: bool,
    /// By us.
    placed: bool,
    /// It was over already when the phone last looked.
    stale: bool,
}

/// One phone.
pub struct Phone {
    pub name: String,
    pub address: SocketAddr,
    pub on: bool,
    /// Grows with every restart; alarms of an earlier run are void.
    pub run: u32,
    pub habits: Habits,
    /// Sessions are refreshed no longer than that: everything has an end.
    pub refreshes_until: Micros,
    /// No phone talks much longer than the balancer lets it.
    pub call_max: Micros,
    pub counts: Counts,
    tidied: Micros,
    rng: Rng,
    number: u64,
    clients: BTreeMap<String, Client>,
    servers: BTreeMap<String, Server>,
    outgoing: BTreeMap<String, Outgoing>,
    dialogs: BTreeMap<DialogKey, Dialog>,
    /// Of calls that the phone placed.
    early: BTreeMap<DialogKey, Early>,
}

impl Phone {
    pub fn new(name: &str, address: SocketAddr, rng: Rng, habits: Habits) -> Self {
        Self {
            name: name.into(),
            address,
            on: true,
            run: 0,
            habits,
            refreshes_until: 0,
            call_max: 0,
            counts: Counts::default(),
            tidied: 0,
            rng,
            number: 0,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            early: BTreeMap::new(),
        }
    }

    /// The power fails: nothing is remembered.
    pub fn forget(&mut self) {
        self.run += 1;
        self.clients.clear();
        self.servers.clear();
        self.outgoing.clear();
        self.dialogs.clear();
        self.early.clear();
    }

    /// Call-IDs that the phone holds: ringing and up.
    pub fn calls(&self) -> BTreeSet<String> {
        let up = self.dialogs.iter().filter(|(_, dialog)| !dialog.over);
        let rings = self
            .servers
            .values()
            .filter(|server| server.final_at.is_none() && server.request.method() == "INVITE");
        let placed = self.outgoing.iter().filter(|(_, call)| !call.over);
        up.map(|(key, _)| key.0.clone())
            .chain(placed.map(|(call, _)| call.clone()))
            .chain(rings.map(|server| server.request.call_id().to_string()))
            .collect()
    }

    /// The dialogs that the phone holds to be up, and whether it placed their calls.
    pub fn up(&self) -> impl Iterator<Item = (&DialogKey, bool)> {
        let up = self.dialogs.iter().filter(|(_, dialog)| !dialog.over);
        up.map(|(key, dialog)| (key, dialog.placed))
    }

    pub fn receive(&mut self, now: Micros, from: SocketAddr, message: &Text, out: &mut Out) {
        self.tidy(now);
        if message.status().is_some() {
            self.response(now, message, out);
        } else {
            self.request(now, from, message, out);
        }
    }

    pub fn wake(&mut self, now: Micros, alarm: Alarm, out: &mut Out) {
        match alarm {
            Alarm::Request(key) => self.repeat_request(now, &key, out),
            Alarm::Response(key) => self.repeat_response(now, &key, out),
            Alarm::Provisional(key, tag, rseq) => {
                self.repeat_provisional(now, &key, &tag, rseq, out);
            }
            Alarm::Cancel(call) => self.give_up(now, &call, out),
            Alarm::Ring(key, step) => self.ring_on(now, &key, step, out),
            Alarm::Do(key, deed) => self.act(now, &key, deed, out),
        }
    }

    fn token(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{what}{}x{}x{}", self.name, self.run, self.number)
    }

    fn contact(&self) -> String {
        format!("Contact: <sip:{}@{}>\r\n", self.name, self.address)
    }

    /// Sends a request and arms its repetition.
    fn start(
        &mut self,
        now: Micros,
        request: &Request<'_>,
        dialog: Option<DialogKey>,
        out: &mut Out,
    ) {
        let to = PROXY.parse().expect("an address");
        let text = request.write();
        let key = format!("{} {}", request.branch, request.method);
        out.sends.push((to, text.clone()));
        out.alarms.push((T1, Alarm::Request(key.clone())));
        let client = Client {
            method: request.method.into(),
            text,
            to,
            started: now,
            interval: T1,
            rings: false,
            dialog,
        };
        self.clients.insert(key, client);
    }

    fn repeat_request(&mut self, now: Micros, key: &str, out: &mut Out) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        if client.rings {
            return;
        }
        if now >= client.started + GIVE_UP {
            return self.nobody_answered(key);
        }
        client.interval *= 2;
        if client.method != "INVITE" {
            client.interval = client.interval.min(T2);
        }
        out.sends.push((client.to, client.text.clone()));
        out.alarms
            .push((client.interval, Alarm::Request(key.to_string())));
    }

    fn nobody_answered(&mut self, key: &str) {
        let Some(client) = self.clients.remove(key) else {
            return;
        };
        match (client.method.as_str(), client.dialog) {
            ("BYE", Some(dialog)) => self.hung_up(&dialog),
            ("INVITE", None) => {
                let call = Text::parse(client.text.as_bytes());
                if let Some(call) = call
                    && let Some(outgoing) = self.outgoing.get_mut(call.call_id())
                {
                    outgoing.over = true;
                }
            }
            _ => {}
        }
    }

    fn hung_up(&mut self, key: &DialogKey) {
        if let Some(dialog) = self.dialogs.get_mut(key) {
            dialog.over = true;
        }
    }

    /// Does something within a dialog that is up.
    fn act(&mut self, now: Micros, key: &DialogKey, deed: Deed, out: &mut Out) {
        let Some(dialog) = self.dialogs.get(key).filter(|dialog| !dialog.over) else {
            return;
        };
        let session = dialog.session;
        // RFC 3261 §13.3.1.4, §15: nothing is said in the dialog before the ACK has come.
        let waits = |server: &Server| {
            server.request.call_id() == key.0 && server.unacknowledged.contains(&key.1)
        };
        if deed != Deed::Vanish && self.servers.values().any(waits) {
            return out.alarms.push((SECOND, Alarm::Do(key.clone(), deed)));
        }
        let supported = "Supported: timer\r\n";
        match deed {
            Deed::Vanish => {
                self.dialogs.remove(key);
                self.outgoing.remove(&key.0);
                self.servers
                    .retain(|_, server| server.request.call_id() != key.0);
                out.vanished.push(key.clone());
            }
            Deed::Bye => self.say(now, key, "BYE", "", out),
            Deed::ByeAgain => self.say(now, key, "BYE", "Authorization: Digest x\r\n", out),
            Deed::Reinvite => {
                let extra = format!("{}{supported}", self.contact());
                self.say(now, key, "INVITE", &extra, out);
            }
            Deed::Update | Deed::Refresh => {
                let extra = format!("{}{supported}", self.contact());
                self.say(now, key, "UPDATE", &extra, out);
                if deed == Deed::Refresh && session && now < self.refreshes_until {
                    let again = Alarm::Do(key.clone(), Deed::Refresh);
                    out.alarms.push((45 * SECOND, again));
                }
            }
        }
    }

    /// A request within a dialog.
    fn say(&mut self, now: Micros, key: &DialogKey, method: &str, extra: &str, out: &mut Out) {
        let branch = self.token("z9hG4bK");
        let via = self.address;
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        dialog.cseq += 1;
        if method == "BYE" {
            dialog.over = true;
        }
        let (local, remote) = (dialog.local.clone(), dialog.remote.clone());
        let (target, routes, cseq) = (dialog.target.clone(), dialog.routes.clone(), dialog.cseq);
        let request = Request {
            method,
            uri: &target,
            via,
            branch: &branch,
            from: &local,
            to: &remote,
            call_id: &key.0,
            cseq,
            routes: &routes,
            extra,
        };
        self.start(now, &request, Some(key.clone()), out);
    }
}
