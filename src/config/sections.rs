//! The tables that stand once: node, listen, http, store, trust, timers, check.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::model::{Advertise, Http, Listen, Node, NodeSecret, Secret, Store};
use super::node::{self, Value};
use super::reader::{Fields, Reader, Text};
use super::secret;
use super::values::{LONGEST, MS};
use crate::base::limits::{CHECK_INTERVAL_MIN, CONFIG_LISTENERS_MAX, CONFIG_WORKERS_MAX, RING_MAX};
use crate::base::transport::Transport;
use crate::proxy::{Timing, Trust, Unknown};
use crate::sip::{Host, Uri};

pub(super) fn node(reader: &mut Reader<'_>, table: Option<node::Node>) -> Node {
    const KEYS: [&str; 4] = ["name", "workers", "shutdown_grace", "secret"];
    let mut node = Node {
        name: secret::host_name().into(),
        workers: 0,
        shutdown_grace: Duration::from_secs(5),
        secret: secret::of_this_process(),
    };
    let Some(mut fields) = table.and_then(|table| reader.fields(table, "[node]", &KEYS)) else {
        return node;
    };
    if let Some(name) = fields.take("name").and_then(|name| reader.name(&name)) {
        node.name = name.value.into();
    }
    let most = u32::from(CONFIG_WORKERS_MAX);
    let workers = reader.number_or(&mut fields, "workers", 0..=most, 0);
    node.workers = u16::try_from(workers).unwrap_or(CONFIG_WORKERS_MAX);
    let grace = Duration::ZERO..=Duration::from_secs(3600);
    node.shutdown_grace =
        reader.duration_or(&mut fields, "shutdown_grace", grace, node.shutdown_grace);
    if let Some(value) = fields.take("secret") {
        node.secret = node_secret(reader, &value).unwrap_or(node.secret);
    }
    node
}

fn node_secret(reader: &mut Reader<'_>, value: &node::Node) -> Option<NodeSecret> {
    let text = reader.text(value, "a text, best \"env:NAME\" or \"file:PATH\"")?;
    let key = secret::key_of(&text.value);
    if key.is_none() {
        let right = "must have at least 16, such as the output of: openssl rand -hex 16";
        reader.raise(
            &value.spot,
            format!("secret has too few characters, {right}"),
        );
    }
    key
}

/// Every `[[listen]]`; one on every IPv4 address when there is none.
pub(super) fn listeners(reader: &mut Reader<'_>, tables: Vec<node::Node>) -> Vec<Listen> {
    let mut listeners: Vec<Listen> = Vec::new();
    for table in tables {
        let spot = table.spot.clone();
        let Some(listen) = listen(reader, table) else {
            continue;
        };
        let twice = listen.address.port() != 0
            && listeners
                .iter()
                .any(|other| other.address == listen.address);
        if twice {
            let address = listen.address;
            reader.raise(
                &spot,
                format!("{address} is listened on twice, must stand once"),
            );
        } else if listeners.len() == CONFIG_LISTENERS_MAX {
            let wrong = format!("more than {CONFIG_LISTENERS_MAX} [[listen]] tables");
            reader.raise(
                &spot,
                format!("{wrong}, must be {CONFIG_LISTENERS_MAX} at most"),
            );
            break;
        } else {
            listeners.push(listen);
        }
    }
    if listeners.is_empty() {
        listeners.push(Listen {
            transport: Transport::Udp,
            address: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 5060),
            advertise: None,
        });
    }
    listeners
}

fn listen(reader: &mut Reader<'_>, table: node::Node) -> Option<Listen> {
    let mut fields = reader.fields(table, "[[listen]]", &["uri", "advertise", "tls"])?;
    if let Some(tls) = fields.take_entry("tls") {
        let right = "leave it out for now and listen on transport=udp";
        reader.raise(
            &tls.spot,
            format!("tls comes with a later version, {right}"),
        );
    }
    let advertise = fields.take("advertise");
    let advertise = advertise.map(|node| reader.advertise(&node));
    let Some(uri) = fields.take("uri") else {
        let right = "must have uri = \"sip:0.0.0.0:5060;transport=udp\"";
        reader.missing(&fields.spot, format!("[[listen]] has no uri, {right}"));
        return None;
    };
    let place = reader.sip_place(&uri)?;
    let Some(address) = place.socket_addr() else {
        let right = "must be an address of this host, such as 0.0.0.0 or [::]";
        let host = super::problem::quoted(&place.host);
        reader.raise(&uri.spot, format!("{host} is a name, {right}"));
        return None;
    };
    Some(Listen {
        transport: place.transport,
        address,
        advertise: advertise.flatten(),
    })
}

pub(super) fn http(reader: &mut Reader<'_>, table: Option<node::Node>) -> Http {
    let mut http = Http {
        listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080),
        admin_token: None,
    };
    let keys = ["listen", "admin_token"];
    let Some(mut fields) = table.and_then(|table| reader.fields(table, "[http]", &keys)) else {
        return http;
    };
    let token = fields.take("admin_token");
    let token_written = token.is_some();
    http.admin_token = token.and_then(|node| reader.secret(&node));
    if let Some(node) = fields.take("listen") {
        let listen = reader.socket_addr(&node, "127.0.0.1:8080");
        http.listen = listen.unwrap_or(http.listen);
        if !is_loopback(http.listen.ip()) && !token_written {
            let wrong = format!(
                "listen is {}, which is not loopback, and no admin_token is set",
                http.listen
            );
            let right = "set admin_token = \"env:TANDEM_ADMIN_TOKEN\" or listen on 127.0.0.1";
            reader.missing(&node.spot, format!("{wrong}, {right}"));
        }
    }
    http
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

pub(super) fn store(reader: &mut Reader<'_>, table: Option<node::Node>) -> Store {
    let default = Store::Sqlite(PathBuf::from("tandem.db"));
    let fields = table.and_then(|table| reader.fields(table, "[store]", &["url"]));
    let Some(node) = fields.and_then(|mut fields| fields.take("url")) else {
        return default;
    };
    let Some(text) = reader.text(&node, "a URL such as \"sqlite://tandem.db\"") else {
        return default;
    };
    match store_url(&text) {
        Some(store) => store,
        None => {
            // The URL may hold a password: it is not shown.
            let right = "must be \"sqlite://PATH\", \"sqlite::memory:\" or \"postgres://USER@HOST/DATABASE\"";
            reader.raise(&text.spot, format!("this is no URL of a store, {right}"));
            default
        }
    }
}

fn store_url(text: &Text) -> Option<Store> {
    let url = text.value.as_str();
    if url == "sqlite::memory:" || url == "sqlite://:memory:" {
        return Some(Store::SqliteMemory);
    }
    if let Some(path) = url.strip_prefix("sqlite://") {
        let path = path.split('?').next().unwrap_or(path);
        return (!path.is_empty() && !path.contains('\0')).then(|| Store::Sqlite(path.into()));
    }
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|head| url.strip_prefix(head))?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let in_query = rest.contains("?host=") || rest.contains("&host=");
    let plain = !rest.contains(|c: char| c.is_whitespace() || c.is_control());
    ((!host.is_empty() || in_query) && plain).then(|| Store::Postgres(Secret::new(url)))
}

pub(super) fn trust(reader: &mut Reader<'_>, table: Option<node::Node>) -> Trust {
    let mut trust = super::defaults::trust();
    let keys = ["sources", "unknown", "rate"];
    let Some(mut fields) = table.and_then(|table| reader.fields(table, "[trust]", &keys)) else {
        return trust;
    };
    if let Some(node) = fields.take("sources") {
        let items = reader
            .list(node, "a list such as [\"10.0.0.0/8\"]")
            .unwrap_or_default();
        let networks = items.iter().filter_map(|item| {
            let text = reader.text(item, "a network such as \"10.0.0.0/8\"")?;
            reader.network(&text)
        });
        trust.sources = networks.collect();
    }
    if let Some(node) = fields.take("unknown") {
        let words = [("reject", Unknown::Reject), ("drop", Unknown::Drop)];
        trust.unknown = reader.word(&node, &words).unwrap_or(trust.unknown);
    }
    let rate = fields.take("rate");
    let title = "trust.rate";
    let keys = ["per_source_cps", "burst"];
    if let Some(mut rate) = rate.and_then(|rate| reader.fields(rate, title, &keys)) {
        let (cps, burst) = (trust.per_source_cps, trust.burst);
        trust.per_source_cps = reader.number_or(&mut rate, "per_source_cps", 1..=10_000_000, cps);
        trust.burst = reader.number_or(&mut rate, "burst", 1..=10_000_000, burst);
    }
    trust
}

pub(super) fn timers(reader: &mut Reader<'_>, table: Option<node::Node>) -> Timing {
    let mut timing = super::defaults::timing();
    let keys = ["t1", "try", "ring", "call_max", "session_grace"];
    let Some(mut fields) = table.and_then(|table| reader.fields(table, "[timers]", &keys)) else {
        return timing;
    };
    let mut read = |key: &str, span: RangeInclusive<Duration>, value: &mut Duration| {
        *value = reader.duration_or(&mut fields, key, span, *value);
    };
    read("t1", 10 * MS..=LONGEST, &mut timing.t1);
    read("try", 10 * MS..=LONGEST, &mut timing.try_);
    read("ring", 1000 * MS..=RING_MAX, &mut timing.ring);
    read("call_max", 1000 * MS..=LONGEST, &mut timing.call_max);
    let grace = Duration::ZERO..=LONGEST;
    read("session_grace", grace, &mut timing.session_grace);
    timing
}

/// `[check]`: how long nothing may be heard of a call before its peer is asked; `None` is "off".
pub(super) fn check(reader: &mut Reader<'_>, table: Option<node::Node>) -> Option<Duration> {
    let fields = table.and_then(|table| reader.fields(table, "[check]", &["interval"]));
    let node = fields.and_then(|mut fields| fields.take("interval"))?;
    if matches!(&node.value, Value::Text(text) if text == "off") {
        return None;
    }
    reader.duration(&node, CHECK_INTERVAL_MIN..=LONGEST)
}

impl Reader<'_> {
    pub(super) fn number_or(
        &mut self,
        fields: &mut Fields,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        let node = fields.take(key);
        node.and_then(|node| self.number(&node, range))
            .unwrap_or(default)
    }

    pub(super) fn duration_or(
        &mut self,
        fields: &mut Fields,
        key: &str,
        range: std::ops::RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let node = fields.take(key);
        node.and_then(|node| self.duration(&node, range))
            .unwrap_or(default)
    }

    /// The items of `[[key]]`; none when the key is not there.
    pub(super) fn tables(&mut self, node: Option<node::Node>) -> Vec<node::Node> {
        let Some(node) = node else {
            return Vec::new();
        };
        if let Value::Table(_) = node.value {
            let key = node.label;
            self.raise(
                &node.spot,
                format!("[{key}] stands for one table, must be [[{key}]]"),
            );
            return Vec::new();
        }
        let right = format!("one or more [[{}]] tables", node.label);
        self.list(node, &right).unwrap_or_default()
    }

    /// `host` or `host:port`.
    fn advertise(&mut self, node: &node::Node) -> Option<Advertise> {
        let right = "host:port such as \"198.51.100.7:5060\"";
        let text = self.text(node, right)?;
        let uri = format!("sip:{}", text.value);
        let plain = Uri::parse(uri.as_bytes())
            .filter(|uri| uri.user.is_none() && uri.params.is_empty() && uri.headers.is_empty());
        let Some(plain) = plain else {
            self.raise(
                &text.spot,
                format!("advertise is {}, must be {right}", text.shown),
            );
            return None;
        };
        let host = match plain.host {
            Host::Name(name) => String::from_utf8_lossy(name).into_owned(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => format!("[{ip}]"),
        };
        let unspecified = plain.host.ip().is_some_and(|ip| ip.is_unspecified());
        if unspecified {
            let wrong = "which nobody can send to";
            self.raise(
                &text.spot,
                format!("advertise is {host}, {wrong}, must be {right}"),
            );
            return None;
        }
        Some(Advertise {
            host: host.into(),
            port: plain.port,
        })
    }
}
