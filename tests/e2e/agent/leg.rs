//! One side of a dialog (RFC 3261 §12): what it must remember to write the next request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::text::{Msg, address_of, uri_of};

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A token that this process has not used before.
pub fn fresh(prefix: &str) -> String {
    format!(
        "{prefix}{:x}x{:x}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

/// A dialog, or a call that may become one.
#[derive(Clone, Debug)]
pub struct Leg {
    pub call_id: String,
    local: String,
    remote: String,
    me: SocketAddr,
    /// The Contact's URI.
    contact: String,
    target: String,
    routes: Vec<String>,
    hop: SocketAddr,
    cseq: u32,
    invite_cseq: u32,
    invite_branch: String,
}

impl Leg {
    /// A call from `me` to `user` by way of `hop`.
    pub fn calling(me: SocketAddr, hop: SocketAddr, user: &str) -> Self {
        let target = format!("sip:{user}@{hop}");
        Self {
            call_id: fresh("call-"),
            local: format!("\"Caller\" <sip:alice@{me}>;tag={}", fresh("f")),
            remote: format!("<{target}>"),
            me,
            contact: format!("sip:alice@{me}"),
            target,
            routes: Vec::new(),
            hop,
            cseq: 1,
            invite_cseq: 1,
            invite_branch: fresh("z9hG4bK"),
        }
    }

    /// The called side of `invite`.
    pub fn called(me: SocketAddr, invite: &Msg, to_tag: &str) -> Self {
        let routes = invite.values("Record-Route");
        let target = invite.contact().unwrap_or_default();
        Self {
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={to_tag}", invite.header("To").unwrap_or("")),
            remote: invite.header("From").unwrap_or("").to_owned(),
            me,
            contact: format!("sip:pbx@{me}"),
            target,
            routes,
            hop: invite.from,
            cseq: 100,
            invite_cseq: invite.cseq(),
            invite_branch: String::new(),
        }
    }

    /// The first INVITE, always the same bytes.
    pub fn invite(&self, extra: &[&str], body: &str) -> Vec<u8> {
        self.write("INVITE", self.invite_cseq, &self.invite_branch, extra, body)
    }

    /// The CANCEL of that INVITE (RFC 3261 §9.1).
    pub fn cancel(&self) -> Vec<u8> {
        self.write("CANCEL", self.invite_cseq, &self.invite_branch, &[], "")
    }

    /// The ACK of its refusal (RFC 3261 §17.1.1.3).
    pub fn ack_refusal(&self, response: &Msg) -> Vec<u8> {
        let mut leg = self.clone();
        leg.remote = response.header("To").unwrap_or("").to_owned();
        leg.write("ACK", self.invite_cseq, &self.invite_branch, &[], "")
    }

    /// The dialog that a response to our INVITE makes (RFC 3261 §12.1.2).
    pub fn dialog(&self, response: &Msg) -> Self {
        let mut leg = self.clone();
        leg.remote = response.header("To").unwrap_or("").to_owned();
        leg.routes = response.values("Record-Route");
        leg.routes.reverse();
        if let Some(contact) = response.contact() {
            leg.target = contact;
        }
        leg
    }

    /// The ACK of a 2xx to the request with this CSeq.
    pub fn ack(&self, cseq: u32) -> Vec<u8> {
        self.write("ACK", cseq, &fresh("z9hG4bK"), &[], "")
    }

    /// A new request in this dialog.
    pub fn request(&mut self, method: &str, extra: &[&str], body: &str) -> Vec<u8> {
        self.cseq += 1;
        self.write(method, self.cseq, &fresh("z9hG4bK"), extra, body)
    }

    /// Where its requests go.
    pub fn next_hop(&self) -> SocketAddr {
        match self.routes.first() {
            Some(route) => address_of(uri_of(route)),
            None if self.target.is_empty() || !self.remote.contains("tag=") => self.hop,
            None => address_of(&self.target),
        }
    }

    pub fn routes(&self) -> &[String] {
        &self.routes
    }

    /// Replaces the route set, for forgeries.
    pub fn with_routes(mut self, routes: Vec<String>) -> Self {
        self.routes = routes;
        self
    }

    /// Replaces the Call-ID, for forgeries.
    pub fn with_call_id(mut self, call_id: &str) -> Self {
        self.call_id = call_id.to_owned();
        self
    }

    /// Replaces the Request-URI, for forgeries.
    pub fn with_target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self
    }

    fn write(&self, method: &str, cseq: u32, branch: &str, extra: &[&str], body: &str) -> Vec<u8> {
        let mut out = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\nMax-Forwards: 70\r\n",
            self.target, self.me
        );
        for route in &self.routes {
            out += &format!("Route: {route}\r\n");
        }
        out += &format!(
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n",
            self.local, self.remote, self.call_id
        );
        if method != "CANCEL" && method != "ACK" && method != "BYE" {
            out += &format!("Contact: <{}>\r\n", self.contact);
        }
        for line in extra {
            out += line;
            out += "\r\n";
        }
        if !body.is_empty() {
            out += "Content-Type: application/sdp\r\n";
        }
        out += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        out.into_bytes()
    }
}
