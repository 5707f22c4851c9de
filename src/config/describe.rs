//! A configuration as keys and values that people read, for telling two of them apart.

use std::time::Duration;

use super::duration::show;
use super::groups::SELECT;
use super::model::{ActionSpec, Advertise, Config, Listen, RouteSpec, SourceSpec, Store};
use super::notify::Notify;
use crate::balance::{
    Capacity, CapacityMode, CodeRule, ExhaustedStep, FailoverRule, GroupSpec, HashOn, PeerSpec,
    ProbeMode, ProbeSpec, Select,
};
use crate::proxy::Unknown;

/// One key with its value.
pub(super) struct Trait {
    pub(super) key: String,
    pub(super) value: String,
    /// The value tells a change and is not shown.
    pub(super) secret: bool,
}

fn open(key: impl Into<String>, value: impl ToString) -> Trait {
    Trait {
        key: key.into(),
        value: value.to_string(),
        secret: false,
    }
}

fn hidden(key: &str, value: impl ToString) -> Trait {
    Trait {
        secret: true,
        ..open(key, value)
    }
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    let shown: Vec<String> = items.iter().map(show).collect();
    format!("[{}]", shown.join(", "))
}

/// What only a restart can change.
pub(super) fn until_restart(config: &Config) -> Vec<Trait> {
    vec![
        open("node.workers", config.node.workers),
        hidden("node.secret", format!("{:?}", config.node.secret.0)),
        open("listen", list(&config.listeners, listen)),
        open("http.listen", config.http.listen),
        match &config.store {
            Store::Sqlite(path) => open("store.url", format!("sqlite://{}", path.display())),
            Store::SqliteMemory => open("store.url", "sqlite::memory:"),
            Store::Postgres(url) => hidden("store.url", url.expose()),
        },
    ]
}

fn listen(listen: &Listen) -> String {
    let uri = format!("sip:{};transport={}", listen.address, listen.transport);
    match &listen.advertise {
        None => uri,
        Some(Advertise { host, port: None }) => format!("{uri} as {host}"),
        Some(Advertise {
            host,
            port: Some(port),
        }) => format!("{uri} as {host}:{port}"),
    }
}

/// The sections that stand once.
pub(super) fn general(config: &Config) -> Vec<Trait> {
    let (trust, timing) = (&config.trust, &config.timing);
    let token = config.http.admin_token.as_ref();
    let mut traits = vec![
        open("node.name", &config.node.name),
        open("node.shutdown_grace", show(config.node.shutdown_grace)),
        hidden("http.admin_token", token.map_or("", |token| token.expose())),
        open("trust.sources", list(&trust.sources, ToString::to_string)),
        open(
            "trust.unknown",
            match trust.unknown {
                Unknown::Reject => "reject",
                Unknown::Drop => "drop",
            },
        ),
        open("trust.rate.per_source_cps", trust.per_source_cps),
        open("trust.rate.burst", trust.burst),
    ];
    let timers: [(&str, Duration); 5] = [
        ("t1", timing.t1),
        ("try", timing.try_),
        ("ring", timing.ring),
        ("call_max", timing.call_max),
        ("session_grace", timing.session_grace),
    ];
    traits.extend(timers.map(|(key, value)| open(format!("timers.{key}"), show(value))));
    let check = timing.check.map_or_else(|| "off".to_owned(), show);
    traits.push(open("check.interval", check));
    traits.extend(config.notify.iter().flat_map(notify));
    traits
}

fn notify(notify: &Notify) -> Vec<Trait> {
    let events = list(&notify.events, |occasion| occasion.as_str().to_owned());
    let mut traits = vec![
        hidden("notify.url", notify.url.expose()),
        open("notify.events", events),
        open("notify.timeout", show(notify.timeout)),
        open("notify.retry_for", show(notify.retry_for)),
    ];
    let secret = notify.secret.iter();
    traits.extend(secret.map(|secret| hidden("notify.secret", secret.expose())));
    traits
}

/// One `[[group]]`; what `[probe]` says shows in its groups.
pub(super) fn group(group: &GroupSpec) -> Vec<Trait> {
    let mut traits = vec![
        open("select", select(group.select)),
        open("hash_on", hash_on(&group.hash_on)),
        open("failover on", list(&group.failover.on, failover_rule)),
        open("failover max_attempts", group.failover.max_attempts),
        open("disable after_timeouts", group.disable.after_timeouts),
        open("disable after_failures", group.disable.after_failures),
        open(
            "disable retry_after_cap",
            show(group.disable.retry_after_cap),
        ),
        open("exhausted", list(&group.exhausted, step)),
        open("dispatch select", select(group.dispatch.select)),
        open("dispatch hash_on", hash_on(&group.dispatch.hash_on)),
        open("end_calls_of_dead_peers", group.end_calls_of_dead_peers),
    ];
    traits.extend(probe(&group.probe));
    traits
}

fn probe(probe: &ProbeSpec) -> [Trait; 7] {
    let mode = match probe.mode {
        ProbeMode::Always => "always",
        ProbeMode::WhenDown => "when-down",
        ProbeMode::Off => "off",
    };
    let code = |rule: &CodeRule| match rule {
        CodeRule::Class(class) => format!("{class}xx"),
        CodeRule::Code(code) => code.to_string(),
    };
    [
        open("probe method", &probe.method),
        open("probe mode", mode),
        open("probe interval", show(probe.interval)),
        open("probe timeout", show(probe.timeout)),
        open("probe down_after", probe.down_after),
        open("probe up_after", probe.up_after),
        open("probe accept", list(&probe.accept, code)),
    ]
}

fn select(select: Select) -> &'static str {
    let word = SELECT.iter().find(|(_, value)| *value == select);
    word.map_or("", |(word, _)| *word)
}

fn hash_on(on: &HashOn) -> String {
    match on {
        HashOn::CallId => "call-id".to_owned(),
        HashOn::FromUser => "from-user".to_owned(),
        HashOn::ToUser => "to-user".to_owned(),
        HashOn::RequestUser => "request-user".to_owned(),
        HashOn::Source => "source".to_owned(),
        HashOn::Header(name) => format!("header:{name}"),
    }
}

fn failover_rule(rule: &FailoverRule) -> String {
    match rule {
        FailoverRule::Timeout => "timeout".to_owned(),
        FailoverRule::Transport => "transport".to_owned(),
        FailoverRule::Class(class) => format!("{class}xx"),
        FailoverRule::Code(code) => code.to_string(),
        FailoverRule::NotCode(code) => format!("!{code}"),
    }
}

fn step(step: &ExhaustedStep) -> String {
    match step {
        ExhaustedStep::Dispatch => "dispatch".to_owned(),
        ExhaustedStep::Group(name) => format!("group:{name}"),
        ExhaustedStep::Redirect(uri) => format!("redirect:{uri}"),
    }
}

/// One `[[peer]]`.
pub(super) fn peer(peer: &PeerSpec) -> Vec<Trait> {
    let mut traits = vec![
        open("uri", &peer.uri),
        open("groups", list(&peer.groups, ToString::to_string)),
    ];
    traits.extend(peer.capacity.iter().map(|(resource, capacity)| {
        let key = format!("capacity {resource}");
        match capacity {
            Capacity::Limited(units) => open(key, units),
            Capacity::Unlimited => open(key, "unlimited"),
        }
    }));
    traits.push(open("weight", peer.weight));
    traits.push(open("priority", peer.priority));
    traits.extend(peer.cps.map(|cps| open("cps", cps)));
    if let Some(feedback) = &peer.feedback {
        let mode = match feedback.capacity {
            CapacityMode::Min => "min",
            CapacityMode::Override => "override",
            CapacityMode::Ignore => "ignore",
        };
        traits.extend([
            hidden("feedback token", &feedback.token),
            open("feedback ttl", show(feedback.ttl)),
            open("feedback capacity", mode),
            open("feedback legs_per_call", feedback.legs_per_call),
        ]);
    }
    traits
}

/// One `[[route]]`.
pub(super) fn route(route: &RouteSpec) -> Vec<Trait> {
    let matches = &route.matches;
    let source = matches.source.as_ref().map(|source| match source {
        SourceSpec::Net(net) => net.to_string(),
        SourceSpec::Peer(name) => format!("peer:{name}"),
        SourceSpec::Group(name) => format!("group:{name}"),
    });
    let action = match &route.action {
        ActionSpec::Group(name) => format!("group {name}"),
        ActionSpec::Uri(uri) => format!("uri {uri}"),
        ActionSpec::Reject(status) => format!("reject {status}"),
    };
    let units = |(name, units): &(std::sync::Arc<str>, u32)| format!("{name} = {units}");
    let mut traits = vec![
        open("goes to", action),
        open("resources", list(&route.resources, units)),
        open("overflow", route.overflow),
        open("count_source", route.count_source),
    ];
    traits.extend(
        matches
            .method
            .as_ref()
            .map(|method| open("match method", method)),
    );
    traits.extend(matches.user.as_ref().map(|user| open("match user", user)));
    traits.extend(matches.host.as_ref().map(|host| open("match host", host)));
    traits.extend(source.map(|source| open("match source", source)));
    let headers = matches.headers.iter();
    traits.extend(headers.map(|(name, pattern)| open(format!("match header {name}"), pattern)));
    traits
}
