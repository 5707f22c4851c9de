//! The simulated network: what it loses, doubles, delays and keeps apart.

use std::net::SocketAddr;

use fastrand::Rng;

use crate::clock::{MS, Micros};

/// A network and its faults, which end at `quiet_from`.
pub struct Net {
    pub loss: f64,
    pub doubles: f64,
    pub delay: (Micros, Micros),
    /// One datagram in so many stays long on the way, past those sent after it.
    pub stragglers: f64,
    pub quiet_from: Micros,
    /// It is sound in between, too.
    pauses: Vec<(Micros, Micros)>,
    /// Nothing passes between the balancer and these until then.
    pub apart: Vec<(SocketAddr, Micros)>,
    /// Whatever passes between the balancer and these arrives then, all at once.
    pub clogged: Vec<(SocketAddr, Micros)>,
}

impl Net {
    /// A network after the mood of `rng`; every third one is sound.
    pub fn new(rng: &mut Rng, quiet_from: Micros, pauses: &[(Micros, Micros)]) -> Self {
        let bad = rng.u8(..3) > 0;
        let upto = |rng: &mut Rng, most: f64| if bad { rng.f64() * most } else { 0.0 };
        let loss = upto(rng, 0.15);
        Self {
            loss: if crate::plan::soaks() { 0.01 } else { loss },
            doubles: upto(rng, 0.10),
            stragglers: upto(rng, 0.05),
            delay: (MS / 5, MS + rng.u64(..60) * MS),
            quiet_from,
            pauses: pauses.to_vec(),
            apart: Vec::new(),
            clogged: Vec::new(),
        }
    }

    /// When copies of a datagram arrive: none, one or more.
    pub fn send(&mut self, rng: &mut Rng, now: Micros, phone: SocketAddr) -> Vec<Micros> {
        self.apart.retain(|(_, until)| *until > now);
        if self.apart.iter().any(|(who, _)| *who == phone) {
            return Vec::new();
        }
        let mut pauses = self.pauses.iter();
        self.clogged.retain(|(_, until)| *until > now);
        let clogs = self.clogged.iter().filter(|(who, _)| *who == phone);
        let clogged = clogs.map(|(_, until)| *until).max().unwrap_or(0);
        let quiet = now >= self.quiet_from || pauses.any(|it| (it.0..it.1).contains(&now));
        let (least, most) = self.delay;
        let mut arrivals = Vec::new();
        let copies = 1 + u8::from(!quiet && rng.f64() < self.doubles);
        for _ in 0..copies {
            if !quiet && rng.f64() < self.loss {
                continue;
            }
            let mut after = rng.u64(least..=most);
            if !quiet && rng.f64() < self.stragglers {
                after += rng.u64(..1500) * MS;
            }
            arrivals.push((now + after).max(clogged));
        }
        arrivals
    }
}
