//! Provisional responses that are sent until their PRACK comes (RFC 3262), on both sides.

use super::{Alarm, Answer, Dialog, DialogKey, GIVE_UP, Out, PROXY, Phone, Server, T1};
use crate::clock::{MS, Micros};
use crate::text::{Request, Text};

/// One early dialog of a callee's, by the last reliable response in it.
pub(super) struct Reliable {
    pub tag: String,
    rseq: u32,
    text: String,
    since: Micros,
    interval: Micros,
    acknowledged: bool,
    /// The highest CSeq of a PRACK in it.
    pub heard: u32,
}

/// One early dialog of a caller's.
pub(super) struct Early {
    pub dialog: Dialog,
    /// The last that was acknowledged.
    rseq: u32,
}

/// What the phones of a run have done of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Reliable provisional responses, each once.
    pub reliable: u64,
    /// PRACKs whose 200 came.
    pub pracked: u64,
    /// INVITEs sent again with a longer session, after 422.
    pub lengthened: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.reliable += other.reliable;
        self.pracked += other.pracked;
        self.lengthened += other.lengthened;
    }
}

impl Server {
    /// The caller has to know of every early dialog before this call goes on.
    pub(super) fn waits_for_prack(&self) -> bool {
        self.patient && self.reliable.iter().any(|it| !it.acknowledged)
    }
}

impl Phone {
    /// Rings: reliably where the caller knows how to, and by its habits where the caller does not insist.
    pub(super) fn ring(&mut self, now: Micros, key: &str, answer: Answer, out: &mut Out) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let knows = |name| server.request.all(name).any(|it| it == "100rel");
        let (insists, may) = (knows("require"), knows("supported"));
        let likes = may && self.rng.u32(..100) < self.habits.reliable;
        if !insists && !likes {
            let (tag, contact) = (format!("c{}", self.number), self.contact());
            return self.respond(now, key, 180, &tag, &contact, out);
        }
        server.patient = self.rng.bool();
        for _ in 0..=u8::from(answer == Answer::Fork) {
            let (tag, rseq) = (self.token("a"), self.rng.u32(1..1000));
            self.say_reliably(now, key, &tag, rseq, out);
        }
    }

    fn say_reliably(&mut self, now: Micros, key: &str, tag: &str, rseq: u32, out: &mut Out) {
        let status = if self.rng.bool() { 180 } else { 183 };
        let contact = self.contact();
        let extra = format!("{contact}Require: 100rel\r\nRSeq: {rseq}\r\n");
        self.respond(now, key, status, tag, &extra, out);
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let old = server.reliable.iter().position(|it| it.tag == tag);
        let heard = old.map_or(0, |at| server.reliable.remove(at).heard);
        server.reliable.push(Reliable {
            tag: tag.into(),
            rseq,
            text: server.last.last().cloned().unwrap_or_default(),
            since: now,
            interval: T1,
            acknowledged: false,
            heard,
        });
        self.counts.reliable += 1;
        let again = Alarm::Provisional(key.into(), tag.into(), rseq);
        out.alarms.push((T1, again));
    }

    /// Again until the PRACK or the final response; without a PRACK the call is refused in the end (RFC 3262 §3).
    pub(super) fn repeat_provisional(
        &mut self,
        now: Micros,
        key: &str,
        tag: &str,
        rseq: u32,
        out: &mut Out,
    ) {
        let server = self.servers.get_mut(key);
        let Some(server) = server.filter(|it| it.final_at.is_none()) else {
            return;
        };
        let mut early = server.reliable.iter_mut();
        let waits = |it: &&mut Reliable| it.tag == tag && it.rseq == rseq && !it.acknowledged;
        let Some(early) = early.find(waits) else {
            return;
        };
        if now >= early.since + GIVE_UP {
            let tag = self.token("r");
            return self.respond(now, key, 504, &tag, "", out);
        }
        early.interval *= 2;
        let proxy = PROXY.parse().expect("an address");
        out.sends.push((proxy, early.text.clone()));
        let again = Alarm::Provisional(key.into(), tag.into(), rseq);
        out.alarms.push((early.interval, again));
    }

    /// A PRACK: before the final response or after it, of a response that waits for it or of none.
    pub(super) fn pracked(&mut self, now: Micros, key: &str, message: &Text, out: &mut Out) {
        let (tag, cseq) = (message.tag_of_to().to_string(), message.cseq());
        let caller = message.tag_of_from().to_string();
        let dialog_key = (message.call_id().to_string(), tag.clone(), caller);
        if let Some(dialog) = self.dialogs.get_mut(&dialog_key) {
            if cseq < dialog.heard && !dialog.over {
                return self.respond(now, key, 500, "", "", out);
            }
            dialog.heard = dialog.heard.max(cseq);
        }
        let mut found = None;
        for (invite, server) in &mut self.servers {
            let asked = format!("{} INVITE", server.request.cseq());
            let early = server.reliable.iter_mut().find(|it| {
                it.tag == tag && message.header("rack") == format!("{} {asked}", it.rseq)
            });
            if let Some(early) = early.filter(|it| !it.acknowledged) {
                early.acknowledged = true;
                early.heard = early.heard.max(cseq);
                found = Some((invite.clone(), early.rseq, server.final_at.is_none()));
            }
        }
        let Some((invite, rseq, rings)) = found else {
            return self.respond(now, key, 481, "", "", out);
        };
        self.respond(now, key, 200, "", "", out);
        if rings && self.rng.u8(..4) == 0 {
            self.say_reliably(now, &invite, &tag, rseq + 1, out);
        }
    }

    /// The caller acknowledges a reliable response, each once and in their order (RFC 3262 §4).
    pub(super) fn acknowledge_early(&mut self, now: Micros, message: &Text, out: &mut Out) {
        let rseq = message.header("rseq").parse::<u32>();
        let Some(rseq) = rseq.ok().filter(|_| message.header("require") == "100rel") else {
            return;
        };
        let key: DialogKey = (
            message.call_id().to_string(),
            message.tag_of_from().to_string(),
            message.tag_of_to().to_string(),
        );
        let Some(outgoing) = self.outgoing.get(&key.0) else {
            return;
        };
        let dialog = Dialog::placed(message, outgoing.from.clone());
        let branch = self.token("z9hG4bK");
        let known = self.early.contains_key(&key);
        let early = self
            .early
            .entry(key.clone())
            .or_insert(Early { dialog, rseq });
        if known && rseq != early.rseq + 1 {
            return;
        }
        early.rseq = rseq;
        early.dialog.cseq += 1;
        let dialog = &early.dialog;
        let (local, remote) = (dialog.local.clone(), dialog.remote.clone());
        let (target, routes, cseq) = (dialog.target.clone(), dialog.routes.clone(), dialog.cseq);
        let request = Request {
            method: "PRACK",
            uri: &target,
            via: self.address,
            branch: &branch,
            from: &local,
            to: &remote,
            call_id: &key.0,
            cseq,
            routes: &routes,
            extra: &format!("RAck: {rseq} {} INVITE\r\n", message.cseq()),
        };
        self.start(now, &request, Some(key.clone()), out);
    }

    /// When the callee goes on: it may wait for the PRACK first.
    pub(super) fn puts_off(&self, key: &str, step: u8, out: &mut Out) -> bool {
        let waits = self.servers.get(key).is_some_and(Server::waits_for_prack);
        if waits {
            out.alarms.push((200 * MS, Alarm::Ring(key.into(), step)));
        }
        waits
    }
}
