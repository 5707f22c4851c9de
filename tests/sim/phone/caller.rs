//! The side of a phone that asks: INVITE, ACK, CANCEL, and what comes back.

use super::{Alarm, Deed, Dialog, DialogKey, Out, Outgoing, PROXY, Phone, Plan};
use crate::clock::{MS, Micros, SECOND};
use crate::text::{Request, Text, uri_of};

impl Phone {
    /// Places a call.
    pub fn call(&mut self, now: Micros, call_id: &str, uri: &str, plan: Plan, out: &mut Out) {
        let tag = self.token("t");
        let from = format!("<sip:{}@{}>;tag={tag}", self.name, self.address.ip());
        if let Some(after) = plan.cancel_after {
            out.alarms.push((after, Alarm::Cancel(call_id.into())));
        }
        let outgoing = Outgoing {
            from,
            to: format!("<{uri}>"),
            uri: uri.into(),
            cseq: 0,
            branch: String::new(),
            since: now,
            plan,
            cancel: false,
            cancelled: false,
            challenged: false,
            over: false,
        };
        self.outgoing.insert(call_id.into(), outgoing);
        self.invite(now, call_id, out);
    }

    fn invite(&mut self, now: Micros, call_id: &str, out: &mut Out) {
        let branch = self.token("z9hG4bK");
        let (via, contact) = (self.address, self.contact());
        let Some(outgoing) = self.outgoing.get_mut(call_id) else {
            return;
        };
        outgoing.cseq += 1;
        outgoing.branch.clone_from(&branch);
        let (uri, from, to) = (
            outgoing.uri.clone(),
            outgoing.from.clone(),
            outgoing.to.clone(),
        );
        let extra = format!("{contact}{}", outgoing.plan.wishes());
        let request = Request {
            method: "INVITE",
            uri: &uri,
            via,
            branch: &branch,
            from: &from,
            to: &to,
            call_id,
            cseq: outgoing.cseq,
            routes: &[],
            extra: &extra,
        };
        self.start(now, &request, None, out);
    }

    /// The caller hangs up before the answer; CANCEL waits for a provisional response (RFC 3261 §9.1).
    pub(super) fn give_up(&mut self, now: Micros, call_id: &str, out: &mut Out) {
        let Some(outgoing) = self.outgoing.get_mut(call_id).filter(|call| !call.over) else {
            return;
        };
        outgoing.cancel = true;
        let key = format!("{} INVITE", outgoing.branch);
        let rings = self.clients.get(&key).is_some_and(|client| client.rings);
        if !rings || outgoing.cancelled {
            return;
        }
        outgoing.cancelled = true;
        let (uri, from, to) = (
            outgoing.uri.clone(),
            outgoing.from.clone(),
            outgoing.to.clone(),
        );
        let (branch, cseq) = (outgoing.branch.clone(), outgoing.cseq);
        let request = Request {
            method: "CANCEL",
            uri: &uri,
            via: self.address,
            branch: &branch,
            from: &from,
            to: &to,
            call_id,
            cseq,
            routes: &[],
            extra: "",
        };
        self.start(now, &request, None, out);
    }

    pub(super) fn response(&mut self, now: Micros, message: &Text, out: &mut Out) {
        let key = format!("{} {}", message.branch(), message.method());
        let status = message.status().unwrap_or(0);
        if message.method() == "INVITE" && (200..300).contains(&status) {
            self.clients.remove(&key);
            return self.answered(now, message, out);
        }
        let Some(client) = self.clients.get_mut(&key) else {
            // Its final response came before: a repeated one is acknowledged again.
            if message.method() == "INVITE" && status >= 300 {
                self.acknowledge_refusal(message, out);
            }
            return;
        };
        if status < 200 {
            if client.method == "INVITE" {
                client.rings = true;
                self.acknowledge_early(now, message, out);
                self.rings(now, message.call_id(), out);
            }
            return;
        }
        let dialog = client.dialog.clone();
        self.clients.remove(&key);
        match (message.method(), dialog) {
            ("INVITE", None) => self.refused(now, message, status, out),
            ("INVITE", Some(dialog)) => {
                self.acknowledge_refusal(message, out);
                self.request_failed(now, &dialog, status, out);
            }
            ("BYE", Some(dialog)) if matches!(status, 401 | 407) => {
                self.bye_challenged(&dialog, out)
            }
            ("PRACK", _) => self.counts.pracked += u64::from(status == 200),
            ("BYE", Some(dialog)) => self.hung_up(&dialog),
            (_, Some(dialog)) => self.request_failed(now, &dialog, status, out),
            (_, None) => {}
        }
    }

    fn rings(&mut self, now: Micros, call_id: &str, out: &mut Out) {
        if self.outgoing.get(call_id).is_some_and(|call| call.cancel) {
            self.give_up(now, call_id, out);
        }
    }

    fn refused(&mut self, now: Micros, message: &Text, status: u16, out: &mut Out) {
        self.acknowledge_refusal(message, out);
        let call_id = message.call_id().to_string();
        let Some(outgoing) = self.outgoing.get_mut(&call_id) else {
            return;
        };
        if matches!(status, 401 | 407) && !outgoing.challenged && !outgoing.cancel {
            outgoing.challenged = true;
            return self.invite(now, &call_id, out);
        }
        let least = message.header("min-se").parse().unwrap_or(0);
        let wanted = &mut outgoing.plan.session;
        if status == 422 && !outgoing.cancel && wanted.is_some_and(|it| it < least) {
            *wanted = Some(least);
            self.counts.lengthened += 1;
            return self.invite(now, &call_id, out);
        }
        outgoing.over = true;
    }

    fn acknowledge_refusal(&mut self, message: &Text, out: &mut Out) {
        let ack = Request {
            method: "ACK",
            uri: uri_of(message.header("to")),
            via: self.address,
            branch: message.branch(),
            from: message.header("from"),
            to: message.header("to"),
            call_id: message.call_id(),
            cseq: message.cseq(),
            routes: &[],
            extra: "",
        };
        out.sends
            .push((PROXY.parse().expect("an address"), ack.write()));
    }

    /// RFC 3261 §12.2.1.2: 481 and 408 end the dialog.
    fn request_failed(&mut self, now: Micros, key: &DialogKey, status: u16, out: &mut Out) {
        if matches!(status, 408 | 481) {
            self.act(now, key, Deed::Bye, out);
        }
    }

    /// The call is up again, until the user has found the password.
    fn bye_challenged(&mut self, key: &DialogKey, out: &mut Out) {
        if let Some(dialog) = self.dialogs.get_mut(key) {
            dialog.over = false;
            let after = self.rng.u64(..4000) * MS;
            out.alarms
                .push((after, Alarm::Do(key.clone(), Deed::ByeAgain)));
        }
    }

    /// A 2xx to an INVITE: ACK, every time that it comes.
    fn answered(&mut self, now: Micros, message: &Text, out: &mut Out) {
        let key = (
            message.call_id().to_string(),
            message.tag_of_from().to_string(),
            message.tag_of_to().to_string(),
        );
        if !self.dialogs.contains_key(&key) {
            let Some(outgoing) = self.outgoing.get(&key.0) else {
                return;
            };
            let (from, plan) = (outgoing.from.clone(), outgoing.plan.clone());
            let unwanted = outgoing.cancel || self.dialogs.keys().any(|other| other.0 == key.0);
            self.open(message, key.clone(), from);
            let deeds = self.plan_call(message, &plan, unwanted);
            let deeds = deeds
                .into_iter()
                .map(|(after, deed)| (after, Alarm::Do(key.clone(), deed)));
            out.alarms.extend(deeds);
            out.alarms.push(self.at_last(&key));
            if let Some(outgoing) = self.outgoing.get_mut(&key.0) {
                outgoing.over = true;
            }
        }
        self.acknowledge(now, &key, message, out);
    }

    fn plan_call(&mut self, message: &Text, plan: &Plan, unwanted: bool) -> Vec<(Micros, Deed)> {
        if unwanted {
            return vec![(self.rng.u64(..200) * MS, Deed::Bye)];
        }
        let mut deeds = self.habits.deeds(&mut self.rng, plan.hangs_up);
        if !message.header("session-expires").is_empty() && plan.refreshes {
            deeds.push((45 * SECOND, Deed::Refresh));
        }
        deeds
    }

    fn open(&mut self, message: &Text, key: DialogKey, local: String) {
        let mut dialog = Dialog::placed(message, local);
        if let Some(early) = self.early.remove(&key) {
            dialog.cseq = dialog.cseq.max(early.dialog.cseq);
        }
        self.dialogs.insert(key, dialog);
    }

    fn acknowledge(&mut self, _now: Micros, key: &DialogKey, message: &Text, out: &mut Out) {
        let branch = self.token("z9hG4bK");
        let Some(dialog) = self.dialogs.get(key) else {
            return;
        };
        let ack = Request {
            method: "ACK",
            uri: &dialog.target,
            via: self.address,
            branch: &branch,
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &key.0,
            cseq: message.cseq(),
            routes: &dialog.routes,
            extra: "",
        };
        out.sends
            .push((PROXY.parse().expect("an address"), ack.write()));
    }
}

impl Dialog {
    /// As a response to our INVITE has it.
    pub(super) fn placed(message: &Text, local: String) -> Self {
        let mut routes: Vec<String> = message.all("record-route").map(String::from).collect();
        routes.reverse();
        Self {
            local,
            remote: message.header("to").into(),
            target: message.contact().into(),
            routes,
            cseq: message.cseq(),
            heard: 0,
            session: !message.header("session-expires").is_empty(),
            over: false,
            placed: true,
            stale: false,
        }
    }
}
