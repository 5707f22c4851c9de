//! `tandem peers`.

use super::api::{Api, Failure, escaped};
use super::args::{Peers, PeersAction};
use super::drain;
use super::show;
use super::table::{Table, plain};
use crate::http::model::{
    AdminState, FeedbackState, HealthState, PeerEntry, PeerList, PeerPatch, ResourceEntry,
};

pub fn run(args: &Peers) -> Result<(), Failure> {
    let api = Api::new(&args.connection)?;
    let json = args.connection.json;
    let action = args.action.as_ref().unwrap_or(&PeersAction::List);
    let peer = match action {
        PeersAction::List => {
            let list: PeerList = api.get("/v1/peers")?;
            show(json, &list, |list| table(&list.peers));
            return Ok(());
        }
        PeersAction::Show(peer) => {
            let peer: PeerEntry = api.get(&path(&peer.name))?;
            show(json, &peer, details);
            return Ok(());
        }
        PeersAction::Enable(peer) => set(&api, &peer.name, AdminState::Enabled)?,
        PeersAction::Disable(peer) => set(&api, &peer.name, AdminState::Disabled)?,
        PeersAction::Drain(asked) => {
            let patch = PeerPatch {
                admin: Some(AdminState::Draining),
                deadline_seconds: asked.deadline.map(|deadline| Some(deadline.as_secs_f64())),
                ..PeerPatch::default()
            };
            let peer = api.with_body("PATCH", &path(&asked.name), &patch)?;
            match asked.wait {
                true => drain::wait(&api, asked, peer)?,
                false => peer,
            }
        }
        PeersAction::Resize(resize) => {
            let patch = PeerPatch {
                capacity: Some(resize.capacity()),
                ..PeerPatch::default()
            };
            api.with_body("PATCH", &path(&resize.name), &patch)?
        }
    };
    show(json, &peer, |peer| table(std::slice::from_ref(peer)));
    Ok(())
}

pub fn path(name: &str) -> String {
    format!("/v1/peers/{}", escaped(name))
}

fn set(api: &Api, name: &str, admin: AdminState) -> Result<PeerEntry, Failure> {
    let patch = PeerPatch {
        admin: Some(admin),
        ..PeerPatch::default()
    };
    api.with_body("PATCH", &path(name), &patch)
}

/// One line for each resource of each peer.
fn table(peers: &[PeerEntry]) -> String {
    let mut table = Table::new(&[
        "PEER",
        "NEW CALLS",
        "ADMIN",
        "HEALTH",
        "ACCEPTING",
        "RESOURCE",
        ">OWN",
        ">FOREIGN",
        ">CAPACITY",
        ">FREE",
        ">USED",
        "WHY NOT",
    ]);
    for peer in peers {
        let head = [
            peer.name.clone(),
            yes_no(peer.eligible).to_owned(),
            admin(peer.admin).to_owned(),
            health(peer.health).to_owned(),
            yes_no(peer.accepting).to_owned(),
        ];
        let mut first = Some((head, peer.why_not.join("; ")));
        for (name, room) in &peer.resources {
            let (head, why) = first.take().unwrap_or_default();
            let cells = head.into_iter().chain(room_cells(name, room)).chain([why]);
            table.row(cells);
        }
        if let Some((head, why)) = first {
            let none = std::array::from_fn::<String, 6, _>(|_| String::new());
            table.row(head.into_iter().chain(none).chain([why]));
        }
    }
    table.text()
}

fn room_cells(name: &str, room: &ResourceEntry) -> [String; 6] {
    let number = |value: Option<u64>| value.map_or("unlimited".to_owned(), |it| it.to_string());
    let used = room
        .utilisation
        .map(|share| format!("{:.0} %", share * 100.0));
    [
        name.to_owned(),
        room.own.to_string(),
        room.foreign.to_string(),
        number(room.capacity),
        number(room.free),
        used.unwrap_or_else(|| "-".to_owned()),
    ]
}

/// All of one peer.
fn details(peer: &PeerEntry) -> String {
    let dash = || "-".to_owned();
    let reported = match (peer.feedback.age_seconds, peer.feedback.state) {
        (Some(age), Some(state)) => {
            let fresh = if peer.feedback.fresh {
                "in force"
            } else {
                "stale, without effect"
            };
            let seq = peer.feedback.seq.map_or_else(dash, |seq| seq.to_string());
            format!(
                "{age:.1} s ago, {}, {fresh}, seq {seq}",
                reported_state(state)
            )
        }
        _ => "never".to_owned(),
    };
    let probe = match (peer.probe.last_status, peer.probe.rtt_ms) {
        (Some(status), Some(rtt)) => format!("answered {status} after {rtt:.1} ms"),
        _ => "not answered yet".to_owned(),
    };
    let next = peer.probe.next_in_seconds;
    let next = next.map_or("none due".to_owned(), |next| format!("next in {next:.1} s"));
    let why = match peer.why_not.is_empty() {
        true => String::new(),
        false => format!(": {}", peer.why_not.join("; ")),
    };
    let lines = [
        ("peer", peer.name.clone()),
        ("new calls", format!("{}{why}", yes_no(peer.eligible))),
        ("admin", admin(peer.admin).to_owned()),
        ("drain", peer.drain.as_ref().map_or_else(dash, drain::words)),
        ("health", health(peer.health).to_owned()),
        ("accepting", yes_no(peer.accepting).to_owned()),
        ("uri", peer.uri.clone()),
        ("groups", peer.groups.join(", ")),
        ("weight", peer.weight.to_string()),
        ("feedback", reported),
        ("probe", format!("{probe}, {next}")),
    ];
    let mut text = String::new();
    for (label, value) in lines {
        text.push_str(&format!("{label:<10} {}\n", plain(&value)));
    }
    let mut rooms = Table::new(&[
        "RESOURCE",
        ">OWN",
        ">FOREIGN",
        ">CAPACITY",
        ">FREE",
        ">USED",
    ]);
    for (name, room) in &peer.resources {
        rooms.row(room_cells(name, room));
    }
    format!("{text}\n{}", rooms.text())
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// As the API says it.
pub fn admin(state: AdminState) -> &'static str {
    match state {
        AdminState::Enabled => "enabled",
        AdminState::Disabled => "disabled",
        AdminState::Draining => "draining",
    }
}

fn health(state: HealthState) -> &'static str {
    match state {
        HealthState::Up => "up",
        HealthState::Down => "down",
        HealthState::Unknown => "unknown",
    }
}

fn reported_state(state: FeedbackState) -> &'static str {
    match state {
        FeedbackState::Accepting => "accepting",
        FeedbackState::Draining => "draining",
        FeedbackState::Paused => "paused",
    }
}
