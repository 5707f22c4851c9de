//! What only shows when tables are held against each other: names, addresses, cycles, resources.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::defaults;
use super::groups::GroupDraft;
use super::model::{ActionSpec, SourceSpec};
use super::node::Spot;
use super::peers::PeerDraft;
use super::problem::quoted;
use super::reader::{Reader, meant};
use super::routes::RouteDraft;
use crate::balance::{GroupSpec, PeerSpec};
use crate::base::limits::{CONFIG_ROUTES_MAX, GROUPS_MAX, PEERS_MAX, RESOURCES_MAX};

/// All tables of a file that name each other.
pub(super) struct Drafts {
    /// Where we listen ourselves.
    pub(super) listeners: Vec<SocketAddr>,
    pub(super) groups: Vec<GroupDraft>,
    pub(super) peers: Vec<PeerDraft>,
    pub(super) routes: Vec<RouteDraft>,
}

/// Gives every peer its groups, and raises what does not fit together.
pub(super) fn check(reader: &mut Reader<'_>, drafts: &mut Drafts) {
    sizes(reader, drafts);
    same_names(
        reader,
        "group",
        drafts.groups.iter().map(|g| (&g.spec.name, &g.spot)),
    );
    same_names(
        reader,
        "peer",
        drafts.peers.iter().map(|p| (&p.spec.name, &p.spot)),
    );
    same_addresses(reader, &drafts.peers);
    own_addresses(reader, drafts);
    let groups: Vec<Arc<str>> = named(drafts.groups.iter().map(|g| &g.spec.name));
    for peer in &mut drafts.peers {
        peer.spec.groups = peer_groups(reader, peer, &groups);
    }
    for (name, spot) in drafts.groups.iter().flat_map(|group| &group.next) {
        known(reader, "group", name, spot, &groups);
    }
    cycles(reader, &drafts.groups);
    routes(reader, drafts, &groups);
}

fn named<'d>(names: impl Iterator<Item = &'d Arc<str>>) -> Vec<Arc<str>> {
    names.filter(|name| !name.is_empty()).cloned().collect()
}

fn sizes(reader: &mut Reader<'_>, drafts: &Drafts) {
    let whole_file = Spot::Offset(0);
    let capacities = drafts.peers.iter().flat_map(|peer| &peer.spec.capacity);
    let resources: HashSet<&Arc<str>> = capacities.map(|(name, _)| name).collect();
    for (what, count, most) in [
        ("peers", drafts.peers.len(), PEERS_MAX),
        ("groups", drafts.groups.len(), GROUPS_MAX),
        ("routes", drafts.routes.len(), CONFIG_ROUTES_MAX),
        ("resources", resources.len(), RESOURCES_MAX),
    ] {
        if count > most {
            reader.raise(
                &whole_file,
                format!("{count} {what}, must be at most {most}"),
            );
        }
    }
}

fn same_names<'d>(
    reader: &mut Reader<'_>,
    what: &str,
    names: impl Iterator<Item = (&'d Arc<str>, &'d Spot)>,
) {
    let mut seen: HashSet<&str> = HashSet::new();
    for (name, spot) in names {
        if !name.is_empty() && !seen.insert(name) {
            let name = quoted(name);
            reader.raise(
                spot,
                format!("two of the {what}s are named {name}, must differ"),
            );
        }
    }
}

/// A request is told to be a peer's by its source address, so two peers cannot share one.
fn same_addresses(reader: &mut Reader<'_>, peers: &[PeerDraft]) {
    let mut seen: HashMap<(String, Option<u16>), &str> = HashMap::new();
    for peer in peers {
        let Some(place) = &peer.place else {
            continue;
        };
        let port = place
            .socket_addr()
            .map(|address| address.port())
            .or(place.port);
        let address = (place.host.to_ascii_lowercase(), port);
        if let Some(other) = seen.get(&address) {
            let (uri, other) = (quoted(&peer.spec.uri), quoted(other));
            let right = "must be one peer, with all its groups";
            reader.raise(
                &peer.uri_spot,
                format!("{uri} is the address of peer {other} too, {right}"),
            );
        } else {
            seen.insert(address, &peer.spec.name);
        }
    }
}

/// A call sent to ourselves would come round until its Max-Forwards is used up.
fn own_addresses(reader: &mut Reader<'_>, drafts: &Drafts) {
    for peer in &drafts.peers {
        let address = peer.place.as_ref().and_then(|place| place.socket_addr());
        if address.is_some_and(|address| drafts.listeners.contains(&address)) {
            let uri = quoted(&peer.spec.uri);
            let right = "must be the address of a PBX";
            reader.raise(
                &peer.uri_spot,
                format!("{uri} is where we listen ourselves, {right}"),
            );
        }
    }
}

/// The groups that the peer serves, all of them known.
pub(super) fn peer_groups(
    reader: &mut Reader<'_>,
    peer: &PeerDraft,
    groups: &[Arc<str>],
) -> Vec<Arc<str>> {
    let Some(named) = &peer.groups else {
        return groups.first().cloned().into_iter().collect();
    };
    let mut serves = Vec::new();
    for (name, spot) in named {
        if known(reader, "group", name, spot, groups) {
            serves.push(name.as_str().into());
        }
    }
    serves
}

fn known(reader: &mut Reader<'_>, what: &str, name: &str, spot: &Spot, names: &[Arc<str>]) -> bool {
    let found = names.iter().any(|known| **known == *name);
    if !found {
        let right = meant(name, names.iter().map(AsRef::as_ref));
        reader.missing(
            spot,
            format!("there is no {what} {}, {right}", quoted(name)),
        );
    }
    found
}

/// A call that finds no room must come to an end.
fn cycles(reader: &mut Reader<'_>, groups: &[GroupDraft]) {
    let ids = groups.iter().enumerate();
    let ids: HashMap<&str, usize> = ids.map(|(id, group)| (&*group.spec.name, id)).collect();
    let mut state = vec![Seen::Never; groups.len()];
    for start in 0..groups.len() {
        let mut path = vec![(start, 0_usize)];
        if state[start] == Seen::Never {
            state[start] = Seen::OnPath;
        } else {
            continue;
        }
        while let Some((at, step)) = path.last_mut() {
            let group = &groups[*at];
            let Some((name, spot)) = group.next.get(*step) else {
                state[*at] = Seen::Done;
                path.pop();
                continue;
            };
            *step += 1;
            let Some(next) = ids.get(name.as_str()).copied() else {
                continue;
            };
            match state[next] {
                Seen::Done => {}
                Seen::Never => {
                    state[next] = Seen::OnPath;
                    path.push((next, 0));
                }
                Seen::OnPath => {
                    let shown = round(groups, &path, next);
                    let right = "must end in dispatch, redirect or nothing";
                    reader.raise(
                        spot,
                        format!("exhausted groups go in a circle ({shown}), {right}"),
                    );
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Never,
    OnPath,
    Done,
}

/// `a → b → a`
fn round(groups: &[GroupDraft], path: &[(usize, usize)], back_to: usize) -> String {
    let ids = path.iter().map(|(id, _)| *id);
    let circle = ids.skip_while(|id| *id != back_to).chain([back_to]);
    let names: Vec<&str> = circle.map(|id| &*groups[id].spec.name).collect();
    names.join(" → ")
}

fn routes(reader: &mut Reader<'_>, drafts: &Drafts, groups: &[Arc<str>]) {
    let peers: Vec<Arc<str>> = named(drafts.peers.iter().map(|p| &p.spec.name));
    for route in &drafts.routes {
        match &route.spec.matches.source {
            Some(SourceSpec::Peer(name)) => {
                known(reader, "peer", name, &route.source_spot, &peers);
            }
            Some(SourceSpec::Group(name)) => {
                known(reader, "group", name, &route.source_spot, groups);
            }
            Some(SourceSpec::Net(_)) | None => {}
        }
        if let ActionSpec::Group(name) = &route.spec.action
            && known(reader, "group", name, &route.group_spot, groups)
        {
            offered(
                reader,
                drafts,
                name,
                &route.spec.resources,
                &route.resources_spot,
            );
        }
    }
    if drafts.routes.is_empty()
        && let Some(first) = drafts.groups.first()
    {
        let calls = [(defaults::RESOURCE.into(), 1)];
        let name = &first.spec.name;
        let member = drafts
            .peers
            .iter()
            .find(|peer| peer.spec.groups.contains(name));
        let spot = member.map_or(&first.spot, |peer| &peer.spot);
        offered(reader, drafts, name, &calls, spot);
    }
}

/// One peer of the group must offer all that a call takes. A group without peers waits for some to be added.
fn offered(
    reader: &mut Reader<'_>,
    drafts: &Drafts,
    group: &str,
    resources: &[(Arc<str>, u32)],
    spot: &Spot,
) {
    let peers = || {
        drafts
            .peers
            .iter()
            .filter(|p| p.spec.groups.iter().any(|name| **name == *group))
    };
    let offers = |peer: &PeerDraft, wanted: &str| {
        peer.spec.capacity.iter().any(|(name, _)| **name == *wanted)
    };
    let mut all_offered = true;
    for (wanted, _) in resources {
        if peers().next().is_none() || peers().any(|peer| offers(peer, wanted)) {
            continue;
        }
        all_offered = false;
        let capacities = peers().flat_map(|peer| &peer.spec.capacity);
        let mut names: Vec<&str> = capacities.map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.dedup();
        let right = meant(wanted, names.iter().copied());
        let (group, wanted) = (quoted(group), quoted(wanted));
        let message = format!("no peer of group {group} offers {wanted}, {right}");
        reader.missing(spot, message);
    }
    let together = |peer: &PeerDraft| resources.iter().all(|(wanted, _)| offers(peer, wanted));
    if all_offered && peers().next().is_some() && !peers().any(together) {
        let names: Vec<&str> = resources.iter().map(|(name, _)| &**name).collect();
        let wrong = format!(
            "no single peer of group {} offers {} together",
            quoted(group),
            names.join(" and ")
        );
        reader.missing(spot, format!("{wrong}, must be one peer that offers all"));
    }
}

/// The groups of a file that has none.
pub(super) fn default_group(probe: &crate::balance::ProbeSpec) -> GroupDraft {
    GroupDraft {
        spec: GroupSpec {
            probe: probe.clone(),
            ..GroupSpec::named(defaults::GROUP)
        },
        spot: Spot::Offset(0),
        next: Vec::new(),
    }
}

impl Drafts {
    pub(super) fn peer_specs(&mut self) -> Vec<PeerSpec> {
        self.peers.drain(..).map(|peer| peer.spec).collect()
    }
}
