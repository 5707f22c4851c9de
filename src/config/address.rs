//! SIP URIs and host:port pairs as configuration writes them.

use std::net::{IpAddr, SocketAddr};

use super::nearest::nearest;
use super::node::Node;
use super::problem::quoted;
use super::reader::{Reader, Text};
use crate::base::transport::Transport;
use crate::sip::{Host, Scheme, Uri};

/// Where a SIP URI of the configuration leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// As a URI writes it, IPv6 without brackets.
    pub(super) host: String,
    /// The host, when it is numeric.
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) transport: Transport,
}

impl Destination {
    /// The address, when the host is numeric.
    pub(super) fn socket_addr(&self) -> Option<SocketAddr> {
        let port = self.port.unwrap_or_else(|| self.transport.default_port());
        self.ip.map(|ip| SocketAddr::new(ip, port))
    }
}

const EXAMPLE: &str = "write it as \"sip:10.0.0.11:5060;transport=udp\"";

impl Reader<'_> {
    /// `sip:host[:port][;transport=udp]`: no user, no other parameters, UDP.
    pub(super) fn sip_place(&mut self, node: &Node) -> Option<Destination> {
        let text = self.text(
            node,
            "a SIP URI such as \"sip:10.0.0.11:5060;transport=udp\"",
        )?;
        match place(&text.value) {
            Ok(place) => Some(place),
            Err(wrong) => {
                self.raise(&text.spot, format!("{} {wrong}", shown(&text)));
                None
            }
        }
    }

    /// Any `sip:`, `sips:` or `tel:` URI, for a redirect.
    pub(super) fn contact_uri(&mut self, text: &Text, uri: &str) -> Option<String> {
        let parsed = Uri::parse(uri.as_bytes());
        let good = parsed.is_some_and(|uri| match uri.scheme {
            Scheme::Sip | Scheme::Sips | Scheme::Tel => true,
            Scheme::Other => false,
        });
        if good {
            return Some(uri.to_owned());
        }
        let right = "write it as \"sip:overflow@198.51.100.9\"";
        self.raise(
            &text.spot,
            format!("{} is not a SIP URI, {right}", shown(text)),
        );
        None
    }

    /// `address:port`, both numeric.
    pub(super) fn socket_addr(&mut self, node: &Node, example: &str) -> Option<SocketAddr> {
        let text = self.text(node, &format!("an address such as \"{example}\""))?;
        let address = text.value.parse().ok();
        if address.is_none() {
            let wrong = format!("{} is {}", node.label, text.shown);
            let right = format!(
                "must be an address and a port such as \"{example}\" (IPv6: \"[::1]:8080\")"
            );
            self.raise(&text.spot, format!("{wrong}, {right}"));
        }
        address
    }
}

/// A URI with a user part may hold a password: it is not shown.
fn shown(text: &Text) -> String {
    if text.value.contains('@') {
        "this URI".to_owned()
    } else {
        text.shown.clone()
    }
}

/// What stands in a URI, or what is wrong with it and what would be right.
pub(super) fn place(text: &str) -> Result<Destination, String> {
    // Port 0 asks the system for a free one; as a URI it would be malformed.
    let (asked, any_port) = without_port_zero(text);
    let not_a_uri = || format!("is not a SIP URI, {EXAMPLE}");
    let uri = Uri::parse(asked.as_bytes()).ok_or_else(not_a_uri)?;
    match uri.scheme {
        Scheme::Sip => {}
        Scheme::Sips => {
            return Err(format!(
                "asks for TLS, which comes with a later version, for now {EXAMPLE}"
            ));
        }
        Scheme::Tel | Scheme::Other => return Err(not_a_uri()),
    }
    if uri.user.is_some() {
        return Err(format!("names a user, must name a host alone; {EXAMPLE}"));
    }
    if !uri.headers.is_empty() {
        return Err(format!(
            "has headers behind \"?\", must have none; {EXAMPLE}"
        ));
    }
    let transport = transport(uri.params)?;
    if let Host::Name(name) = uri.host
        && name.iter().all(|b| b.is_ascii_digit() || *b == b'.')
    {
        return Err(format!("holds no address that there is, {EXAMPLE}"));
    }
    let host = match uri.host {
        Host::Name(name) => String::from_utf8_lossy(name).into_owned(),
        Host::V4(ip) => ip.to_string(),
        Host::V6(ip) => ip.to_string(),
    };
    Ok(Destination {
        ip: uri.host.ip(),
        host,
        port: if any_port { Some(0) } else { uri.port },
        transport,
    })
}

/// Takes `:0` away from behind the host.
fn without_port_zero(text: &str) -> (String, bool) {
    let end = text.find(';').unwrap_or(text.len());
    let (head, tail) = text.split_at(end);
    match head.strip_suffix(":0") {
        Some(head) => (format!("{head}{tail}"), true),
        None => (text.to_owned(), false),
    }
}

/// The transport that the parameters ask for; no other parameter means anything here.
fn transport(params: &[u8]) -> Result<Transport, String> {
    let params = String::from_utf8_lossy(params);
    let mut transport = Transport::Udp;
    for param in params.split(';').filter(|param| !param.is_empty()) {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        if !name.eq_ignore_ascii_case("transport") {
            let right = "must have transport alone";
            return Err(format!(
                "has an unknown parameter {}, {right}; {EXAMPLE}",
                quoted(name)
            ));
        }
        transport = Transport::of(value.as_bytes()).ok_or_else(|| {
            let right = match nearest(value, ["udp", "tcp", "tls", "ws", "wss"]) {
                Some(name) => format!("did you mean {name}?"),
                None => "use udp".to_owned(),
            };
            format!("has an unknown transport {}, {right}", quoted(value))
        })?;
    }
    match transport {
        Transport::Udp => Ok(transport),
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => Err(format!(
            "asks for {transport}, which comes with a later version, for now use transport=udp"
        )),
    }
}
