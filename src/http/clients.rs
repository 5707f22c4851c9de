//! How often one client may ask: a token bucket for each address, in a table that cannot grow without limit.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use dashmap::DashMap;

/// How often a client may ask.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a second that one address may keep up.
    pub per_second: f64,
    /// Requests that it may send at once after a pause.
    pub burst: f64,
    /// Addresses remembered at once; beyond that, all newcomers share one bucket.
    pub clients_max: usize,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets. Each request locks only the part of the table that its address lies in.
pub struct Clients {
    rate: Rate,
    buckets: DashMap<IpAddr, Bucket>,
}

impl Clients {
    /// An empty table.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: DashMap::new(),
        }
    }

    /// Takes one request from the client's bucket, or says how long until it has one again.
    pub fn admit(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = network(client);
        if let Some(mut bucket) = self.buckets.get_mut(&key) {
            return self.take(&mut bucket, now);
        }
        let key = self.place(key, now);
        let fresh = Bucket {
            tokens: self.rate.burst,
            at: now,
        };
        let mut bucket = self.buckets.entry(key).or_insert(fresh);
        self.take(&mut bucket, now)
    }

    fn take(&self, bucket: &mut Bucket, now: Instant) -> Result<(), Duration> {
        bucket.tokens = self.tokens(*bucket, now);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let missing = 1.0 - bucket.tokens;
        Err(Duration::from_secs_f64(missing / self.rate.per_second))
    }

    /// A newcomer's own key while there is room, else the one that all newcomers share. Full buckets carry
    /// no memory, so they make room first.
    fn place(&self, client: IpAddr, now: Instant) -> IpAddr {
        if self.buckets.len() < self.rate.clients_max {
            return client;
        }
        self.buckets
            .retain(|_, bucket| self.tokens(*bucket, now) < self.rate.burst);
        if self.buckets.len() < self.rate.clients_max {
            client
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        }
    }

    fn tokens(&self, bucket: Bucket, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + elapsed * self.rate.per_second).min(self.rate.burst)
    }
}

/// An IPv6 host has a whole /64 to speak from; it is one client.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 10.0,
        burst: 2.0,
        clients_max: 2,
    };

    fn host(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn a_client_beyond_its_burst_waits_and_others_do_not() {
        let clients = Clients::new(RATE);
        let start = Instant::now();
        assert!(clients.admit(host(1), start).is_ok());
        assert!(clients.admit(host(1), start).is_ok());
        let wait = clients
            .admit(host(1), start)
            .expect_err("the burst is used");
        assert_eq!(wait, Duration::from_millis(100));
        assert!(clients.admit(host(2), start).is_ok());
        assert!(clients.admit(host(1), start + wait).is_ok());
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_table() {
        let clients = Clients::new(RATE);
        let now = Instant::now();
        for last in 0..100 {
            let _ = clients.admit(host(last), now);
        }
        // Two clients and the bucket that the rest share.
        assert_eq!(clients.buckets.len(), 3);
        assert!(clients.admit(host(200), now).is_err());
        let later = now + Duration::from_secs(1);
        assert!(clients.admit(host(200), later).is_ok());
        assert!(clients.buckets.len() <= 2);
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let clients = Clients::new(RATE);
        let now = Instant::now();
        for last in 1..=2 {
            let address = format!("2001:db8::{last}").parse().expect("an address");
            assert!(clients.admit(address, now).is_ok());
        }
        let third = "2001:db8::3".parse().expect("an address");
        assert!(clients.admit(third, now).is_err());
        let other = "2001:db8:0:1::3".parse().expect("an address");
        assert!(clients.admit(other, now).is_ok());
    }
}
