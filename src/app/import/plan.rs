//! What a file asks for: groups, and peers that each stand once, however often the file names them.

use std::collections::HashMap;

use super::names::{Names, name_of};
use super::place::{Cell, Findings, Note, quoted};
use crate::base::limits::CONFIG_UNITS_MAX;
use crate::config;
use crate::sip::{Host, Scheme, Uri};

/// A configuration to be written.
#[derive(Default)]
pub struct Plan {
    /// The command that makes it: `opensips` or `kamailio`.
    pub from: &'static str,
    pub groups: Vec<Group>,
    pub peers: Vec<Peer>,
    /// Of the file as a whole.
    pub remarks: Vec<String>,
    by_address: HashMap<String, usize>,
    names: Names,
}

pub struct Group {
    pub name: String,
    /// As the file calls it: `group_id 1`.
    pub origin: String,
    pub select: &'static str,
    pub select_why: String,
    /// `None` is the default, always.
    pub probe_mode: Option<&'static str>,
    /// No room is no call.
    pub hard: bool,
    /// What its rows offer, in their order.
    pub resources: Vec<String>,
    pub notes: Vec<Note>,
}

pub struct Peer {
    pub name: String,
    pub uri: String,
    pub groups: Vec<String>,
    pub capacity: Vec<(String, Units)>,
    pub weight: Option<u32>,
    pub priority: Option<u32>,
    /// Where the file names it.
    pub lines: Vec<usize>,
    pub notes: Vec<Note>,
    /// It stands in the configuration as a comment.
    pub left_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    Limited(u32),
    Unlimited,
}

impl Plan {
    pub fn new(from: &'static str) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// The group of this name, made by `make` when it is new.
    pub fn group(&mut self, name: &str, make: impl FnOnce() -> Group) -> &mut Group {
        let at = self.groups.iter().position(|group| group.name == name);
        let at = at.unwrap_or_else(|| {
            self.groups.push(make());
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// The peer at an address; `None` when that is none, which is a finding.
    pub fn peer(
        &mut self,
        address: &Cell,
        wanted: Option<&str>,
        group: &str,
        findings: &mut Findings,
    ) -> Option<&mut Peer> {
        let line = address.spot.line;
        let place = Target::of(address, findings)?;
        let at = match self.by_address.get(&place.key) {
            Some(at) => *at,
            None => {
                let named = wanted.and_then(name_of).or_else(|| name_of(&place.host));
                let name = self.names.unlike_others(named.as_deref().unwrap_or("peer"));
                self.by_address.insert(place.key.clone(), self.peers.len());
                self.peers.push(Peer::new(name, &place, wanted, line));
                self.peers.len() - 1
            }
        };
        let peer = &mut self.peers[at];
        peer.lines.push(line);
        if peer.groups.iter().any(|known| known == group) {
            let first = peer.lines[0];
            peer.note(
                line,
                format!("{} again, as in line {first}: one peer", peer.uri),
            );
        } else {
            peer.groups.push(group.to_owned());
        }
        Some(peer)
    }

    /// All notes, in the order of the file's lines.
    pub fn notes(&self) -> Vec<&Note> {
        let groups = self.groups.iter().flat_map(|group| &group.notes);
        let peers = self.peers.iter().flat_map(|peer| &peer.notes);
        let mut notes: Vec<&Note> = groups.chain(peers).collect();
        notes.sort();
        notes
    }

    /// The first resource of a group that one of its peers offers.
    pub fn resource<'g>(&self, group: &'g Group) -> Option<&'g str> {
        let member = |peer: &&Peer| !peer.left_out && peer.groups.contains(&group.name);
        let offered = |wanted: &&String| {
            let mut members = self.peers.iter().filter(member);
            members.any(|peer| peer.capacity.iter().any(|(name, _)| name == *wanted))
        };
        group.resources.iter().find(offered).map(String::as_str)
    }
}

impl Peer {
    fn new(name: String, place: &Target, wanted: Option<&str>, line: usize) -> Self {
        let mut peer = Peer {
            name,
            uri: place.uri.clone(),
            groups: Vec::new(),
            capacity: Vec::new(),
            weight: None,
            priority: None,
            lines: Vec::new(),
            notes: Vec::new(),
            left_out: false,
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != peer.name) {
            let words = format!("{} is named {}", quoted(wanted), peer.name);
            peer.note(line, words);
        }
        if !place.dropped.is_empty() {
            let words = format!("of the address {} is left out", place.dropped.join(" and "));
            peer.note(line, words);
        }
        let body = serde_json::json!({ "uri": peer.uri });
        if let Err(problems) = config::peer_from_json(&peer.name, &body, &["pbx".into()]) {
            peer.left_out = true;
            let why = problems.first().map_or("", |problem| &problem.message);
            peer.note(line, format!("left out, as a comment: {why}"));
        }
        peer
    }

    pub fn note(&mut self, line: usize, words: impl Into<String>) {
        let words = words.into();
        self.notes.push(Note { line, words });
    }

    /// Offers units of a resource; a second offer counts when it is larger.
    pub fn offer(&mut self, line: usize, resource: &str, units: Units) {
        let known = self.capacity.iter().position(|(name, _)| name == resource);
        let Some(known) = known else {
            self.capacity.push((resource.to_owned(), units));
            return;
        };
        let before = self.capacity[known].1;
        let larger = match (before, units) {
            (Units::Limited(before), Units::Limited(now)) => Units::Limited(before.max(now)),
            (Units::Unlimited, _) | (_, Units::Unlimited) => Units::Unlimited,
        };
        self.capacity[known].1 = larger;
        if before != units {
            let words = format!(
                "{resource} is another number than in line {}: the larger is taken, for all groups together",
                self.lines[0]
            );
            self.note(line, words);
        }
    }

    /// As many units as Tandem counts.
    pub fn units(&mut self, line: usize, resource: &str, number: i64) -> Units {
        match u32::try_from(number) {
            Ok(units) if units <= CONFIG_UNITS_MAX => Units::Limited(units),
            Ok(_) | Err(_) => {
                let words = format!(
                    "{resource} is {number}; {CONFIG_UNITS_MAX} is the most that is counted"
                );
                self.note(line, words);
                Units::Limited(CONFIG_UNITS_MAX)
            }
        }
    }
}

/// An address as Tandem writes it.
struct Target {
    uri: String,
    /// The same for all ways to write it.
    key: String,
    host: String,
    dropped: Vec<String>,
}

impl Target {
    fn of(cell: &Cell, findings: &mut Findings) -> Option<Self> {
        let uri = Uri::parse(cell.text.as_bytes()).filter(|uri| match uri.scheme {
            Scheme::Sip | Scheme::Sips => true,
            Scheme::Tel | Scheme::Other => false,
        });
        let Some(uri) = uri else {
            let wrong = format!("{} is not a SIP URI", quoted(&cell.text));
            findings.wrong(
                cell.spot,
                format!("{wrong}, must be one such as sip:10.0.0.11:5060"),
            );
            return None;
        };
        let host = match uri.host {
            Host::Name(name) => String::from_utf8_lossy(name).into_owned(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => format!("[{ip}]"),
        };
        let mut dropped = Vec::new();
        if uri.user.is_some() {
            dropped.push("the user".to_owned());
        }
        if !uri.headers.is_empty() {
            dropped.push("what stands behind \"?\"".to_owned());
        }
        let params = String::from_utf8_lossy(uri.params).into_owned();
        let mut transport = None;
        for param in params.split(';').filter(|param| !param.is_empty()) {
            match param.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("transport") => {
                    transport = Some(value.to_ascii_lowercase());
                }
                _ => dropped.push(quoted(param)),
            }
        }
        let scheme = if uri.scheme == Scheme::Sips {
            "sips"
        } else {
            "sip"
        };
        let port = uri.port.map_or(String::new(), |port| format!(":{port}"));
        let asked = transport.map_or(String::new(), |name| format!(";transport={name}"));
        let named = match uri.port {
            None | Some(5060) => host.clone(),
            Some(port) => format!("{host}-{port}"),
        };
        Some(Target {
            uri: format!("{scheme}:{host}{port}{asked}"),
            key: format!("{}:{}", host.to_ascii_lowercase(), uri.port.unwrap_or(5060)),
            host: named,
            dropped,
        })
    }
}
