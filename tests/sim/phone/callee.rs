//! The side of a phone that is asked.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{Alarm, Answer, Deed, Dialog, DialogKey, GIVE_UP, Out, PROXY, Phone, Server, T1, T2};

use crate::clock::{MS, Micros, SECOND};
use crate::text::{Text, response};

/// Session-Expires where the caller asks for none.
const SESSION: u32 = 90;

impl Phone {
    pub(super) fn request(&mut self, now: Micros, from: SocketAddr, message: &Text, out: &mut Out) {
        let method = message.method().to_string();
        let key = format!("{} {method}", message.branch());
        if method == "ACK" {
            return self.acknowledged(message);
        }
        if let Some(server) = self.servers.get(&key) {
            let again = server.last.iter().map(|text| (from, text.clone()));
            return out.sends.extend(again);
        }
        let server = Server {
            request: message.clone(),
            last: Vec::new(),
            answer: Answer::Ok,
            since: now,
            final_at: None,
            interval: T1,
            unacknowledged: BTreeSet::new(),
            reliable: Vec::new(),
            patient: false,
        };
        self.servers.insert(key.clone(), server);
        if method == "CANCEL" {
            return self.cancelled(now, &key, message, out);
        }
        if message.tag_of_to().is_empty() {
            match method.as_str() {
                "INVITE" => self.invited(&key, out),
                _ => self.respond(now, &key, 200, "x", "", out),
            }
            return;
        }
        if method == "PRACK" {
            return self.pracked(now, &key, message, out);
        }
        self.asked_in_dialog(now, &key, message, out);
    }

    fn asked_in_dialog(&mut self, now: Micros, key: &str, message: &Text, out: &mut Out) {
        let dialog_key = (
            message.call_id().to_string(),
            message.tag_of_to().to_string(),
            message.tag_of_from().to_string(),
        );
        let challenges = self.rng.u32(..100) < self.habits.challenges_bye;
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&dialog_key) else {
            return self.respond(now, key, 481, "", "", out);
        };
        // RFC 3261 §12.2.2: in a dialog that lives, what is lower than what came before is out of order.
        if message.cseq() < dialog.heard && !dialog.over {
            return self.respond(now, key, 500, "", "", out);
        }
        dialog.heard = dialog.heard.max(message.cseq());
        match message.method() {
            "BYE" if challenges && !dialog.over && message.header("authorization").is_empty() => {
                let extra = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n";
                self.respond(now, key, 401, "", extra, out);
            }
            "BYE" => {
                dialog.over = true;
                self.respond(now, key, 200, "", "", out);
            }
            _ if dialog.over => self.respond(now, key, 481, "", "", out),
            "INVITE" | "UPDATE" => {
                if !message.contact().is_empty() {
                    dialog.target = message.contact().into();
                }
                let session = if dialog.session {
                    "Session-Expires: 90;refresher=uac\r\n"
                } else {
                    ""
                };
                let extra = format!("{contact}{session}");
                self.respond(now, key, 200, "", &extra, out);
            }
            _ => self.respond(now, key, 200, "", "", out),
        }
    }

    /// A new call.
    fn invited(&mut self, key: &str, out: &mut Out) {
        let mut answer = self.habits.answer(&mut self.rng);
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let again = !server.request.header("cseq").starts_with("1 ");
        if again && answer == Answer::Challenge {
            answer = Answer::Ok;
        }
        let wanted = server.request.session().unwrap_or(SESSION);
        if self.habits.least_session > wanted {
            answer = Answer::TooShort;
        }
        server.answer = answer;
        let after = self.rng.u64(..30) * MS;
        out.alarms.push((after, Alarm::Ring(key.into(), 0)));
    }

    /// The next step of a call that rings: provisional, then final.
    pub(super) fn ring_on(&mut self, now: Micros, key: &str, step: u8, out: &mut Out) {
        let Some(server) = self.servers.get(key).filter(|it| it.final_at.is_none()) else {
            return;
        };
        let answer = server.answer;
        let later = (100 + self.rng.u64(..6000)) * MS;
        let next = |out: &mut Out, after| out.alarms.push((after, Alarm::Ring(key.into(), 1)));
        match (answer, step) {
            (Answer::Silent, _) | (Answer::Rings | Answer::Trying, 1..) => {}
            (Answer::Trying, 0) => self.respond(now, key, 100, "", "", out),
            (Answer::Ok | Answer::Fork | Answer::Deaf, 1..) if self.puts_off(key, step, out) => {}
            (Answer::AtOnce, _) | (Answer::Ok | Answer::Fork | Answer::Deaf, 1..) => {
                self.answer_call(now, key, answer == Answer::Fork, out);
            }
            (Answer::Late, 0) => next(out, (1500 + self.rng.u64(..4000)) * MS),
            (Answer::Late, _) => self.answer_call(now, key, false, out),
            (Answer::Refuse(status), _) | (Answer::RingRefuse(status), 1..) => {
                let tag = self.token("r");
                self.respond(now, key, status, &tag, "", out);
            }
            (Answer::Busy, _) => {
                self.respond(now, key, 503, "busy", "Retry-After: 3\r\n", out);
            }
            (Answer::Challenge, 0) => {
                let extra = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n";
                self.respond(now, key, 401, "who", extra, out);
            }
            (Answer::TooShort, _) => {
                let extra = format!("Min-SE: {}\r\n", self.habits.least_session);
                self.respond(now, key, 422, "short", &extra, out);
            }
            (Answer::Ok | Answer::Fork | Answer::Deaf | Answer::RingRefuse(_), 0) => {
                self.ring(now, key, answer, out);
                next(out, later);
            }
            (Answer::Rings, 0) => self.ring(now, key, answer, out),
            (Answer::Challenge, 1..) => {}
        }
    }

    /// 200, once or, by a fork, twice; each opens a dialog.
    fn answer_call(&mut self, now: Micros, key: &str, fork: bool, out: &mut Out) {
        for number in 0..=usize::from(fork) {
            let token = self.token("a");
            let Some(server) = self.servers.get(key) else {
                return;
            };
            let early = server.reliable.get(number);
            let tag = early.map_or(token, |early| early.tag.clone());
            let timer = server.request.header("supported").contains("timer");
            let session = self.habits.sessions && timer;
            let granted = server.request.session().unwrap_or(SESSION);
            let expires = if session {
                format!("Session-Expires: {granted};refresher=uac\r\n")
            } else {
                String::new()
            };
            let extra = format!("{}{expires}", self.contact());
            self.respond(now, key, 200, &tag, &extra, out);
            let Some(dialog_key) = self.open_answered(key, &tag, session) else {
                return;
            };
            let hangs_up = self.rng.u8(..10) < 5;
            out.alarms.push(self.at_last(&dialog_key));
            for (after, deed) in self.habits.deeds(&mut self.rng, hangs_up) {
                // Nothing is said before the ACK can have come.
                let alarm = Alarm::Do(dialog_key.clone(), deed);
                out.alarms.push((after + SECOND, alarm));
            }
        }
    }

    fn open_answered(&mut self, key: &str, tag: &str, session: bool) -> Option<DialogKey> {
        let server = self.servers.get(key)?;
        let (request, early) = (&server.request, server.reliable.iter());
        let early = early.filter(|early| early.tag == tag).map(|it| it.heard);
        let heard = early.fold(request.cseq(), u32::max);
        let dialog_key = (
            request.call_id().to_string(),
            tag.to_string(),
            request.tag_of_from().to_string(),
        );
        let dialog = Dialog {
            local: format!("{};tag={tag}", request.header("to")),
            remote: request.header("from").into(),
            target: request.contact().into(),
            routes: request.all("record-route").map(String::from).collect(),
            cseq: 0,
            heard,
            session,
            over: false,
            placed: false,
            stale: false,
        };
        self.dialogs.insert(dialog_key.clone(), dialog);
        Some(dialog_key)
    }

    fn cancelled(&mut self, now: Micros, key: &str, message: &Text, out: &mut Out) {
        let invite = format!("{} INVITE", message.branch());
        let Some(server) = self.servers.get(&invite) else {
            return self.respond(now, key, 481, "", "", out);
        };
        let obeys = server.final_at.is_none() && server.answer != Answer::Deaf;
        self.respond(now, key, 200, "", "", out);
        if obeys {
            let tag = self.token("r");
            self.respond(now, &invite, 487, &tag, "", out);
        }
    }

    pub(super) fn respond(
        &mut self,
        now: Micros,
        key: &str,
        status: u16,
        tag: &str,
        extra: &str,
        out: &mut Out,
    ) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let text = response(&server.request, status, tag, extra);
        out.sends
            .push((PROXY.parse().expect("an address"), text.clone()));
        let forked = server.final_at.is_some();
        if !forked {
            server.last.clear();
        }
        server.last.push(text);
        if status < 200 {
            return;
        }
        if server.request.method() == "INVITE" {
            let of_dialog = server.request.tag_of_to().to_string();
            let tag = if of_dialog.is_empty() {
                tag.to_string()
            } else {
                of_dialog
            };
            server
                .unacknowledged
                .insert(if status < 300 { tag } else { String::new() });
            if !forked {
                out.alarms.push((T1, Alarm::Response(key.into())));
            }
        }
        server.final_at = Some(now);
    }

    fn acknowledged(&mut self, message: &Text) {
        let same = |server: &&mut Server| {
            let request = &server.request;
            request.method() == "INVITE"
                && request.call_id() == message.call_id()
                && request.cseq() == message.cseq()
                && request.tag_of_from() == message.tag_of_from()
        };
        for server in self.servers.values_mut().filter(same) {
            server.unacknowledged.remove(message.tag_of_to());
            if server.request.branch() == message.branch() {
                server.unacknowledged.remove("");
            }
        }
    }

    /// The final response again until its ACK; a call that nobody acknowledges is hung up (RFC 3261 §13.3.1.4).
    pub(super) fn repeat_response(&mut self, now: Micros, key: &str, out: &mut Out) {
        let Some(server) = self.servers.get_mut(key) else {
            return;
        };
        let Some(since) = server.final_at else {
            return;
        };
        if server.unacknowledged.is_empty() {
            return;
        }
        if now < since + GIVE_UP {
            server.interval = (server.interval * 2).min(T2);
            let proxy: SocketAddr = PROXY.parse().expect("an address");
            let of = |text: &&String| {
                let tag = Text::parse(text.as_bytes());
                let tag = tag
                    .map(|text| text.tag_of_to().to_string())
                    .unwrap_or_default();
                server.unacknowledged.contains(&tag) || server.unacknowledged.contains("")
            };
            let again: Vec<_> = server
                .last
                .iter()
                .filter(of)
                .map(|text| (proxy, text.clone()))
                .collect();
            out.sends.extend(again);
            return out
                .alarms
                .push((server.interval, Alarm::Response(key.into())));
        }
        let tags = std::mem::take(&mut server.unacknowledged);
        let (call, other) = (
            server.request.call_id().to_string(),
            server.request.tag_of_from().to_string(),
        );
        for tag in tags.into_iter().filter(|tag| !tag.is_empty()) {
            self.act(now, &(call.clone(), tag, other.clone()), Deed::Bye, out);
        }
    }
}
