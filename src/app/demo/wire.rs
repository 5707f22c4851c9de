//! One socket and the deadlines of one simulated party.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// The largest datagram (RFC 768).
const DATAGRAM_BYTES: usize = 65_535;

/// RFC 3261 §17.1.1.1.
pub const T1: Duration = Duration::from_millis(500);
/// RFC 3261 §17.1.2.1.
const T2: Duration = Duration::from_secs(4);
/// When a party gives up on an answer: 64 × T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// What woke a party.
pub enum Woken<K> {
    /// A datagram of so many bytes, to be read with `Wire::datagram`.
    Datagram(usize, SocketAddr),
    /// A deadline.
    Due(K),
}

/// A socket and a queue of deadlines, which name what they are about by `K`. Deadlines are never
/// taken back: who hears of one checks whether it still matters.
pub struct Wire<K> {
    socket: UdpSocket,
    address: SocketAddr,
    due: BinaryHeap<Reverse<(Instant, K)>>,
    buffer: Vec<u8>,
}

impl<K: Ord + Copy> Wire<K> {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's, when the address is taken or not ours.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            address,
            due: BinaryHeap::new(),
            buffer: vec![0; DATAGRAM_BYTES],
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks to be woken with `key` after `delay`.
    pub fn after(&mut self, delay: Duration, key: K) {
        self.at(Instant::now() + delay, key);
    }

    /// Asks to be woken with `key` at that moment.
    pub fn at(&mut self, moment: Instant, key: K) {
        self.due.push(Reverse((moment, key)));
    }

    /// Waits for a datagram or for the next deadline.
    pub async fn next(&mut self) -> Woken<K> {
        loop {
            let deadline = self.due.peek().map(|Reverse((at, _))| *at);
            // Deadlines first: a flood of datagrams must not hold them up.
            if deadline.is_some_and(|at| at <= Instant::now())
                && let Some(Reverse((_, key))) = self.due.pop()
            {
                return Woken::Due(key);
            }
            let wait = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => {
                    if let Ok((length, source)) = received {
                        return Woken::Datagram(length, source);
                    }
                }
                () = wait => {}
            }
        }
    }

    /// The first `length` bytes of the datagram that came last.
    pub fn datagram(&self, length: usize) -> &[u8] {
        self.buffer.get(..length).unwrap_or_default()
    }

    /// Sends, or loses: SIP sends again what it misses.
    pub async fn send(&self, bytes: &[u8], to: SocketAddr) {
        let _ = self.socket.send_to(bytes, to).await;
    }
}

/// A message that is sent again, each time after twice as long, until it is answered.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The message.
    pub bytes: Vec<u8>,
    /// Where it goes.
    pub to: SocketAddr,
    interval: Duration,
    spent: Duration,
}

impl Repeat {
    /// A message that has just been sent for the first time.
    pub fn new(bytes: Vec<u8>, to: SocketAddr) -> Self {
        Self {
            bytes,
            to,
            interval: T1,
            spent: Duration::ZERO,
        }
    }

    /// The time to wait before the next sending, and none once it is time to give up.
    pub fn wait(&mut self) -> Option<Duration> {
        let wait = self.interval;
        self.spent += wait;
        self.interval = (self.interval * 2).min(T2);
        (self.spent <= GIVE_UP).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::{GIVE_UP, Repeat, T1};

    #[test]
    fn a_message_is_repeated_ever_more_slowly_and_not_for_ever() {
        let mut repeat = Repeat::new(Vec::new(), "127.0.0.1:1".parse().unwrap());
        let waits: Vec<_> = std::iter::from_fn(|| repeat.wait()).collect();
        assert_eq!(waits[..4], [T1, T1 * 2, T1 * 4, T1 * 8]);
        assert!(waits.iter().sum::<std::time::Duration>() <= GIVE_UP && waits.len() == 10);
    }
}
