//! What a phone is like, and what it means to do with one call.

use fastrand::Rng;

use super::Deed;
use crate::clock::{MS, Micros, SECOND};

/// How a phone takes calls. Weights, by kind of answer.
#[derive(Clone, Debug)]
pub struct Habits {
    pub answers: Vec<(u32, Answer)>,
    /// Of a hundred BYEs so many are challenged.
    pub challenges_bye: u32,
    /// Of a hundred calls so many end without a BYE: the phone is gone.
    pub vanishes: u32,
    /// Wants session timers.
    pub sessions: bool,
    /// Refuses shorter sessions with 422 (RFC 4028).
    pub least_session: u32,
    /// Of a hundred calls that may ring reliably so many do (RFC 3262).
    pub reliable: u32,
    /// The longest talk.
    pub talk: Micros,
}

/// What becomes of one INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 180 and 200.
    Ok,
    /// 200 at once.
    AtOnce,
    /// 180 and two times 200.
    Fork,
    /// Nothing for some seconds, then 200.
    Late,
    /// 100 and nothing more.
    Trying,
    /// 180 and nothing more; CANCEL ends it.
    Rings,
    /// 180, and 200 even after CANCEL.
    Deaf,
    /// Not a word.
    Silent,
    /// This status.
    Refuse(u16),
    /// 503 with Retry-After, for a while.
    Busy,
    /// 180, then this status.
    RingRefuse(u16),
    /// 401, then as [`Answer::Ok`].
    Challenge,
    /// 422: the session that is asked for is too short.
    TooShort,
}

impl Habits {
    /// A PBX, well behaved or not.
    pub fn pbx(rng: &mut Rng) -> Self {
        let mut answers = vec![(60, Answer::Ok), (10, Answer::AtOnce)];
        let odd = [
            Answer::Fork,
            Answer::Late,
            Answer::Trying,
            Answer::Rings,
            Answer::Deaf,
            Answer::Silent,
            Answer::Refuse(486),
            Answer::Refuse(500),
            Answer::Refuse(603),
            Answer::Busy,
            Answer::RingRefuse(500),
            Answer::RingRefuse(487),
            Answer::Challenge,
        ];
        for answer in odd {
            answers.push((rng.u32(..12), answer));
        }
        Self {
            answers,
            challenges_bye: rng.u32(..15),
            vanishes: vanishes(rng),
            sessions: rng.bool(),
            least_session: [0, 0, 90][rng.usize(..3)],
            reliable: rng.u32(..100),
            talk: (2 + rng.u64(..40)) * SECOND,
        }
    }

    /// A caller, who is sometimes called.
    pub fn caller(rng: &mut Rng) -> Self {
        Self {
            answers: vec![
                (8, Answer::Ok),
                (1, Answer::Refuse(486)),
                (1, Answer::Rings),
            ],
            challenges_bye: 0,
            vanishes: vanishes(rng),
            sessions: false,
            least_session: 0,
            reliable: rng.u32(..100),
            talk: (2 + rng.u64(..40)) * SECOND,
        }
    }

    pub fn answer(&self, rng: &mut Rng) -> Answer {
        let all: u32 = self.answers.iter().map(|(weight, _)| weight).sum();
        let mut left = rng.u32(..all.max(1));
        for (weight, answer) in &self.answers {
            if left < *weight {
                return *answer;
            }
            left -= weight;
        }
        Answer::Ok
    }

    /// What one side does during a call.
    pub fn deeds(&self, rng: &mut Rng, hangs_up: bool) -> Vec<(Micros, Deed)> {
        let talk = 50 * MS + rng.u64(..self.talk.max(1));
        let mut deeds = Vec::new();
        if rng.u32(..100) < self.vanishes {
            deeds.push((talk, Deed::Vanish));
        } else if hangs_up {
            deeds.push((talk, Deed::Bye));
        }
        for deed in [Deed::Reinvite, Deed::Update] {
            if rng.u8(..6) == 0 {
                deeds.push((rng.u64(..talk), deed));
            }
        }
        deeds
    }
}

fn vanishes(rng: &mut Rng) -> u32 {
    let share = rng.u32(..8);
    if crate::plan::soaks() { 2 } else { share }
}

/// What a caller means to do with a call.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hangs up before the answer.
    pub cancel_after: Option<Micros>,
    pub hangs_up: bool,
    /// The session is refreshed as it should be.
    pub refreshes: bool,
    /// Knows reliable provisional responses, or insists on them.
    pub reliable: Option<&'static str>,
    /// The Session-Expires that it asks for.
    pub session: Option<u32>,
}

impl Plan {
    pub fn new(rng: &mut Rng) -> Self {
        let early = match rng.u8(..10) {
            0 => Some(rng.u64(..300) * MS),
            1 => Some(rng.u64(..5000) * MS),
            _ => None,
        };
        Self {
            cancel_after: early,
            hangs_up: rng.u8(..20) < if crate::plan::soaks() { 17 } else { 14 },
            refreshes: rng.u8(..8) > 0,
            reliable: match rng.u8(..6) {
                0 => Some("Require: 100rel\r\n"),
                1..3 => Some("Supported: 100rel\r\n"),
                _ => None,
            },
            session: (rng.u8(..4) == 0).then_some(60),
        }
    }

    /// In the INVITE.
    pub fn wishes(&self) -> String {
        let session = self.session.map(|it| format!("Session-Expires: {it}\r\n"));
        let reliable = self.reliable.unwrap_or_default();
        format!(
            "Supported: timer\r\n{reliable}{}",
            session.unwrap_or_default()
        )
    }
}
