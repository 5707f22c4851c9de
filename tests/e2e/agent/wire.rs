//! A UDP socket that may lose what it sends and what it gets.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::text::Msg;

/// A socket with a share of loss in both directions, drawn from a seed.
pub struct Wire {
    socket: UdpSocket,
    pub address: SocketAddr,
    loss: f64,
    random: fastrand::Rng,
}

impl Wire {
    #[track_caller]
    pub fn bind(ip: IpAddr, port: u16) -> Self {
        let socket = UdpSocket::bind((ip, port)).expect("a loopback address can be bound");
        let address = socket.local_addr().expect("address");
        // Thousands of calls on two cores: a burst must not be lost by the kernel.
        let reference = socket2::SockRef::from(&socket);
        let _ = reference.set_recv_buffer_size(4 << 20);
        Self {
            socket,
            address,
            loss: 0.0,
            random: fastrand::Rng::with_seed(1),
        }
    }

    /// Loses this share of datagrams from now on, each way.
    pub fn lossy(mut self, loss: f64, seed: u64) -> Self {
        self.loss = loss;
        self.random = fastrand::Rng::with_seed(seed);
        self
    }

    fn lost(&mut self) -> bool {
        self.loss > 0.0 && self.random.f64() < self.loss
    }

    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        if !self.lost() {
            // A refused port shows on a later call: not this message's concern.
            let _ = self.socket.send_to(bytes, to);
        }
    }

    /// The next message, if one comes within `wait`.
    pub fn receive(&mut self, wait: Duration) -> Option<Msg> {
        let wait = wait.max(Duration::from_micros(100));
        self.socket.set_read_timeout(Some(wait)).expect("timeout");
        let mut buffer = [0_u8; 65_536];
        match self.socket.recv_from(&mut buffer) {
            Ok(_) if self.lost() => None,
            Ok((length, from)) => Msg::read(&buffer[..length], from),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => None,
                ErrorKind::ConnectionRefused => None,
                _ => panic!("receive: {error}"),
            },
        }
    }
}
