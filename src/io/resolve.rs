//! Names into addresses, by RFC 3263.
//!
//! The transport is always known here (a URI or a configured peer names it, or it is UDP), so the NAPTR step,
//! which only chooses a transport, never applies (RFC 3263 §4.1). A name that `/etc/hosts` holds is the
//! operator's own word: it is taken as it stands, with no question to the DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, ResolverBuilder, TokioResolver};
use tokio::time::timeout;

use crate::base::limits::{RESOLVE_TIMEOUT, RESOLVED_ADDRESSES_MAX, SRV_TARGETS_MAX};
use crate::base::transport::Transport;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It cannot be a host name.
    #[error("{0:?} is not a host name")]
    NotAName(String),
    /// The DNS answered, and has none.
    #[error("{0} has no address in the DNS or in the hosts file")]
    NoAddress(String),
    /// The DNS did not answer in time.
    #[error("no answer from the DNS about {0} within {1:?}")]
    TimedOut(String, Duration),
    /// An SRV record says that the service is not offered there.
    #[error("{0} does not offer SIP over {1} (its SRV target is \".\")")]
    NotOffered(String, Transport),
}

/// Resolves names with the system's name servers, within bounds of time and number.
pub struct Resolver {
    dns: Option<TokioResolver>,
    hosts: Hosts,
    timeout: Duration,
}

impl Resolver {
    /// With the name servers of `/etc/resolv.conf` and the names of `/etc/hosts`, both read now. Without any
    /// name server it still knows numbers and the hosts file.
    pub fn from_system() -> Self {
        let hosts = Hosts::from_system().unwrap_or_default();
        let dns = TokioResolver::builder_tokio().map_err(|error| error.to_string());
        match dns.and_then(|builder| bounded(builder).map_err(|error| error.to_string())) {
            Ok(dns) => Resolver {
                dns: Some(dns),
                hosts,
                timeout: RESOLVE_TIMEOUT,
            },
            Err(error) => {
                tracing::warn!(%error, "no DNS: only numeric hosts and those of the hosts file can be resolved");
                Resolver {
                    dns: None,
                    hosts,
                    timeout: RESOLVE_TIMEOUT,
                }
            }
        }
    }

    /// With these name servers, and with `hosts` in the format of `/etc/hosts`.
    pub fn with_name_servers(servers: &[SocketAddr], hosts: &str, timeout: Duration) -> Self {
        let mut config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        for server in servers {
            let mut by_address = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut by_address.connections {
                connection.port = server.port();
            }
            config.add_name_server(by_address);
        }
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let mut names = Hosts::default();
        // Reading from memory does not fail; lines it cannot read are skipped as in the file.
        let _ = names.read_hosts_conf(hosts.as_bytes());
        Resolver {
            dns: bounded(builder).ok(),
            hosts: names,
            timeout,
        }
    }

    /// The addresses of `host` in the order to try them: at least one, at most
    /// [`RESOLVED_ADDRESSES_MAX`]. IPv6 references may stand in brackets.
    pub async fn resolve(
        &self,
        host: &str,
        port: Option<u16>,
        transport: Transport,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let numbered = port.unwrap_or(transport.default_port());
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, numbered)]);
        }
        let name = Name::from_utf8(bare).map_err(|_| ResolveError::NotAName(host.to_owned()))?;
        if name.num_labels() == 0 {
            return Err(ResolveError::NotAName(host.to_owned()));
        }
        let ours = self.in_hosts_file(&name);
        if !ours.is_empty() {
            return Ok(with_port(ours, numbered));
        }
        let addresses = timeout(self.timeout, self.ask_dns(&name, port, transport))
            .await
            .map_err(|_| ResolveError::TimedOut(host.to_owned(), self.timeout))??;
        if addresses.is_empty() {
            return Err(ResolveError::NoAddress(host.to_owned()));
        }
        Ok(addresses)
    }

    /// RFC 3263 §4.2: with a port the host's own addresses; without one its SRV records, and its own addresses
    /// only where there are none.
    async fn ask_dns(
        &self,
        name: &Name,
        port: Option<u16>,
        transport: Transport,
    ) -> Result<Vec<SocketAddr>, ResolveError> {
        if port.is_none() {
            let targets = self.services(name, transport).await;
            if targets.iter().any(|service| service.target.is_root()) {
                return Err(ResolveError::NotOffered(name.to_utf8(), transport));
            }
            let mut addresses = Vec::new();
            for service in targets.iter().take(SRV_TARGETS_MAX) {
                addresses.extend(with_port(
                    self.addresses(&service.target).await,
                    service.port,
                ));
            }
            if !targets.is_empty() {
                addresses.truncate(RESOLVED_ADDRESSES_MAX);
                return Ok(addresses);
            }
        }
        let own = self.addresses(name).await;
        Ok(with_port(own, port.unwrap_or(transport.default_port())))
    }

    /// The SRV records of `name` for the transport, in the order of RFC 2782; empty when there are none, or
    /// when none can be had.
    async fn services(&self, name: &Name, transport: Transport) -> Vec<SRV> {
        let prefix = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tcp => "_sip._tcp",
            Transport::Tls => "_sips._tcp",
            Transport::Ws | Transport::Wss => return Vec::new(),
        };
        let Ok(service) = Name::from_ascii(prefix).and_then(|prefix| prefix.append_name(name))
        else {
            return Vec::new();
        };
        let Some(dns) = &self.dns else {
            return Vec::new();
        };
        let Ok(found) = dns.lookup(service, RecordType::SRV).await else {
            return Vec::new();
        };
        let records = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(service) => Some(service.clone()),
                _ => None,
            });
        in_order_of_trial(records.collect(), &mut fastrand::Rng::new())
    }

    async fn addresses(&self, name: &Name) -> Vec<IpAddr> {
        let ours = self.in_hosts_file(name);
        if !ours.is_empty() {
            return ours;
        }
        let Some(dns) = &self.dns else {
            return Vec::new();
        };
        match dns.lookup_ip(name.clone()).await {
            Ok(found) => found.iter().collect(),
            Err(error) => {
                tracing::debug!(%name, %error, "no address");
                Vec::new()
            }
        }
    }

    fn in_hosts_file(&self, name: &Name) -> Vec<IpAddr> {
        let of_type = |kind| {
            self.hosts
                .lookup_static_host(&Query::query(name.clone(), kind))
        };
        let ip = |found: Lookup| -> Vec<IpAddr> {
            found
                .answers()
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .collect()
        };
        let found: Vec<IpAddr> = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(of_type)
            .flat_map(ip)
            .collect();
        // RFC 6761 §6.3: localhost is loopback, whatever files say or leave out.
        if found.is_empty() && name.is_localhost() {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        found
    }
}

fn bounded(
    mut builder: ResolverBuilder<TokioRuntimeProvider>,
) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = Duration::from_millis(1500);
    options.attempts = 2;
    // IPv4 first: the usual listener is an IPv4 one.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

fn with_port(addresses: Vec<IpAddr>, port: u16) -> Vec<SocketAddr> {
    let mut list: Vec<SocketAddr> = Vec::new();
    for ip in addresses {
        let address = SocketAddr::new(ip, port);
        if !list.contains(&address) && list.len() < RESOLVED_ADDRESSES_MAX {
            list.push(address);
        }
    }
    list
}

/// RFC 2782: lowest priority first; within one priority each next one is drawn by weight.
fn in_order_of_trial(mut services: Vec<SRV>, random: &mut fastrand::Rng) -> Vec<SRV> {
    // Weight 0 first within a priority, so that it keeps its very small chance.
    services.sort_by_key(|service| (service.priority, service.weight));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let priority = first.priority;
        let same = services
            .iter()
            .take_while(|service| service.priority == priority);
        let total: u32 = same.clone().map(|service| u32::from(service.weight)).sum();
        let drawn = random.u32(0..=total);
        let chosen = same
            .scan(0, |sum, service| {
                *sum += u32::from(service.weight);
                Some(*sum)
            })
            .position(|sum| sum >= drawn)
            .unwrap_or(0);
        ordered.push(services.remove(chosen));
    }
    ordered
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
