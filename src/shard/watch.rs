//! How a shard sleeps.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use smallvec::SmallVec;

use crate::base::limits::WAKE_GRID;
use crate::io::udp::UdpSocket;

const GRID_MS: u8 = WAKE_GRID.as_millis() as u8;
const _: () = assert!(WAKE_GRID.as_millis() <= u8::MAX as u128);

/// What a sleep ended with.
pub(super) struct Ready {
    /// By listener.
    pub(super) sockets: SmallVec<[PollFlags; 8]>,
    /// Somebody rang.
    pub(super) bell: bool,
}

/// The sockets, the bell and the clock that a shard sleeps by.
///
/// The clock stays set over many sleeps and goes off on a grid: a timer set anew for each sleep costs more than the
/// rest of the sleep does, in a virtual machine most of all, and nothing in SIP minds [`WAKE_GRID`].
pub(super) struct Watch {
    clock: TimerFd,
    /// A point of the grid.
    origin: Instant,
    /// What the clock is set to.
    set: Option<Instant>,
}

impl Watch {
    pub(super) fn new(origin: Instant) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self {
            clock: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            origin,
            set: None,
        })
    }

    /// Sleeps until something happens or it is `due`, or only looks when `busy`.
    pub(super) fn wait(
        &mut self,
        sockets: &[UdpSocket],
        bell: BorrowedFd<'_>,
        busy: bool,
        due: Option<Instant>,
    ) -> Ready {
        if let (false, Some(due)) = (busy, due) {
            self.wake_at(due);
        }
        let interest = |socket: &UdpSocket| match socket.wants_write() {
            true => PollFlags::POLLIN | PollFlags::POLLOUT,
            false => PollFlags::POLLIN,
        };
        let fd = |socket| PollFd::new(UdpSocket::as_fd(socket), interest(socket));
        let mut fds: SmallVec<[PollFd<'_>; 8]> = sockets.iter().map(fd).collect();
        fds.push(PollFd::new(bell, PollFlags::POLLIN));
        fds.push(PollFd::new(self.clock.as_fd(), PollFlags::POLLIN));
        let patience = match (busy, due, self.set) {
            (true, _, _) => PollTimeout::ZERO,
            // The clock could not be set.
            (false, Some(_), None) => PollTimeout::from(GRID_MS),
            (false, _, _) => PollTimeout::NONE,
        };
        // An error (a signal) leaves nothing ready, and the turn finds nothing to do.
        let _ = poll(&mut fds, patience);
        let ready = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::empty());
        let after = fds.get(sockets.len()..).unwrap_or_default();
        let [bell, clock] = [0, 1].map(|at| after.get(at).is_some_and(|fd| !ready(fd).is_empty()));
        let sockets = fds.iter().take(sockets.len()).map(ready).collect();
        if clock {
            // Read back, or it stays ready.
            let _ = self.clock.wait();
            self.set = None;
        }
        Ready { sockets, bell }
    }

    /// Has the clock go off at the first point of the grid that is not before `due`, unless it goes off earlier anyway.
    fn wake_at(&mut self, due: Instant) {
        let at = self.on_grid(due);
        if self.set.is_some_and(|set| set <= at) {
            return;
        }
        // Zero would stop the clock.
        let left = at
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let set = Expiration::OneShot(left.into());
        if self.clock.set(set, TimerSetTimeFlags::empty()).is_ok() {
            self.set = Some(at);
        }
    }

    fn on_grid(&self, due: Instant) -> Instant {
        let step = WAKE_GRID.as_nanos() as u64;
        let after = due.saturating_duration_since(self.origin).as_nanos();
        let after = u64::try_from(after).unwrap_or(u64::MAX / 2).div_ceil(step);
        self.origin + Duration::from_nanos(after.saturating_mul(step))
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::eventfd::EventFd;

    use super::*;

    #[test]
    fn a_moment_on_the_grid_stays_and_any_other_waits_for_the_next() {
        let origin = Instant::now();
        let watch = Watch::new(origin).expect("a timerfd");
        let (step, bit) = (WAKE_GRID, Duration::from_nanos(1));
        for (due, at) in [
            (Duration::ZERO, Duration::ZERO),
            (bit, step),
            (step, step),
            (step + bit, 2 * step),
        ] {
            assert_eq!(watch.on_grid(origin + due), origin + at, "{due:?}");
        }
    }

    #[test]
    fn a_sleep_does_not_end_before_it_is_due_and_the_clock_goes_off_again() {
        let mut watch = Watch::new(Instant::now()).expect("a timerfd");
        let bell = EventFd::new().expect("an eventfd");
        for _ in 0..3 {
            let due = Instant::now() + WAKE_GRID / 2;
            let ready = watch.wait(&[], bell.as_fd(), false, Some(due));
            assert!(!ready.bell && Instant::now() >= due);
            assert_eq!(watch.set, None, "it has gone off");
        }
    }
}
