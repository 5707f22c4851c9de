//! Which failures lead to the next peer.

/// Which failures lead to the next peer, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// The rules; a failure that none names is passed on to the caller.
    pub on: Vec<FailoverRule>,
    /// Peers tried for one call, at most.
    pub max_attempts: u32,
}

/// One rule of [`Failover::on`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailoverRule {
    /// The peer said nothing in time.
    Timeout,
    /// The transport failed.
    Transport,
    /// A class of status codes, by its first digit.
    Class(u8),
    /// One status code.
    Code(u16),
    /// Not this code, whatever another rule says.
    NotCode(u16),
}

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The peer said nothing in time.
    Timeout,
    /// The transport failed.
    Transport,
    /// The peer answered with this final status.
    Status(u16),
}

impl Failover {
    /// Whether the rules hand this failure to the next peer.
    ///
    /// Silence is a 408 and a transport that fails is a 503 to whoever forwards (RFC 3261 §16.8, §16.9), so rules
    /// on those codes cover them too.
    pub fn covers(&self, failure: Failure) -> bool {
        match failure {
            Failure::Timeout => self.on.contains(&FailoverRule::Timeout) || self.covers_code(408),
            Failure::Transport => {
                self.on.contains(&FailoverRule::Transport) || self.covers_code(503)
            }
            Failure::Status(code) => self.covers_code(code),
        }
    }

    fn covers_code(&self, code: u16) -> bool {
        let names = |rule: &FailoverRule| match *rule {
            FailoverRule::Class(class) => code / 100 == u16::from(class),
            FailoverRule::Code(named) => named == code,
            FailoverRule::Timeout | FailoverRule::Transport | FailoverRule::NotCode(_) => false,
        };
        !self.on.contains(&FailoverRule::NotCode(code)) && self.on.iter().any(names)
    }
}

impl Default for Failover {
    fn default() -> Self {
        let on = vec![
            FailoverRule::Timeout,
            FailoverRule::Transport,
            FailoverRule::Class(5),
            FailoverRule::Class(6),
            FailoverRule::NotCode(600),
            FailoverRule::NotCode(603),
            FailoverRule::NotCode(607),
            FailoverRule::NotCode(608),
        ];
        Self {
            on,
            max_attempts: 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailoverRule::{Class, Code, NotCode, Timeout, Transport};

    fn covered(on: &[FailoverRule]) -> (bool, bool) {
        let rules = Failover {
            on: on.to_vec(),
            max_attempts: 3,
        };
        (
            rules.covers(Failure::Timeout),
            rules.covers(Failure::Transport),
        )
    }

    #[test]
    fn silence_is_a_408_and_a_broken_transport_a_503() {
        assert_eq!(covered(&[Class(5), Class(6), Code(408)]), (true, true));
        assert_eq!(covered(&[Class(4)]), (true, false));
        assert_eq!(covered(&[Code(503)]), (false, true));
        assert_eq!(covered(&[Class(6), Code(500), Code(409)]), (false, false));
        assert_eq!(covered(&[]), (false, false));
    }

    #[test]
    fn an_excluded_code_excludes_the_silence_that_only_the_code_would_cover() {
        assert_eq!(covered(&[Class(4), NotCode(408)]), (false, false));
        assert_eq!(covered(&[Class(5), NotCode(503)]), (false, false));
        // Named by its own word it is meant, whatever becomes of answers.
        assert_eq!(covered(&[Timeout, NotCode(408)]), (true, false));
        assert_eq!(covered(&[Transport, Class(5), NotCode(503)]), (false, true));
    }
}
