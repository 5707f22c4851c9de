//! How a shard sleeps.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use smallvec::SmallVec;

use crate::base::limits::WAKE_GRID;
use crate::io::udp::UdpSocket;

const GRID_MS: u8 = WAKE_GRID.as_millis() as u8;
const _: () = assert!(WAKE_GRID.as_millis() <= u8::MAX as u128);

const BELL: u64 = u64::MAX;
const CLOCK: u64 = u64::MAX - 1;

/// What the kernel has said of a socket and has not been dealt with.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    readable: bool,
    failed: bool,
    /// Asked to be told of room to write.
    writing: bool,
}

/// The sockets, the bell and the clock that a shard sleeps by.
///
/// The kernel tells of a change once (edge-triggered), so that a sleep costs the same however many sockets there are; what it
/// told is kept here until the socket has been read empty.
///
/// The clock stays set over many sleeps and goes off on a grid: a timer set anew for each sleep costs more than the
/// rest of the sleep does, in a virtual machine most of all, and nothing in SIP minds [`WAKE_GRID`].
pub(super) struct Watch {
    epoll: Epoll,
    /// By listener.
    heard: SmallVec<[Heard; 4]>,
    clock: TimerFd,
    /// A point of the grid.
    origin: Instant,
    /// What the clock is set to.
    set: Option<Instant>,
}

impl Watch {
    /// Watches `sockets`, whose places in the slice are their numbers from now on, and the bell.
    pub(super) fn new(
        origin: Instant,
        sockets: &[UdpSocket],
        bell: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let clock = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (number, socket) in sockets.iter().enumerate() {
            epoll.add(socket, readable(number as u64))?;
        }
        epoll.add(bell, readable(BELL))?;
        epoll.add(clock.as_fd(), readable(CLOCK))?;
        Ok(Self {
            epoll,
            heard: SmallVec::from_elem(Heard::default(), sockets.len()),
            clock,
            origin,
            set: None,
        })
    }

    /// Sleeps until something happens or it is `due`, or only looks when `busy`. Whether somebody has rung, the mailbox
    /// knows.
    pub(super) fn wait(&mut self, sockets: &[UdpSocket], busy: bool, due: Option<Instant>) {
        if let (false, Some(due)) = (busy, due) {
            self.wake_at(due);
        }
        self.ask_for_room(sockets);
        // What could not be read or written for want of memory is told of by nobody.
        let stuck = |heard: &Heard| heard.readable || heard.failed || heard.writing;
        let patience = match (busy, due, self.set) {
            (true, _, _) => EpollTimeout::ZERO,
            // The clock could not be set.
            (false, Some(_), None) => EpollTimeout::from(GRID_MS),
            _ if self.heard.iter().any(stuck) => EpollTimeout::from(GRID_MS),
            (false, _, _) => EpollTimeout::NONE,
        };
        let mut events = [EpollEvent::empty(); 16];
        // An error (a signal) leaves nothing ready, and the turn finds nothing to do.
        let count = self.epoll.wait(&mut events, patience).unwrap_or(0);
        for event in events.iter().take(count) {
            match event.data() {
                BELL => {}
                CLOCK => self.set = None,
                number => {
                    if let Some(heard) = self.heard.get_mut(number as usize) {
                        let failed = event.events().contains(EpollFlags::EPOLLERR);
                        heard.failed |= failed;
                        heard.readable |= failed || event.events().contains(EpollFlags::EPOLLIN);
                    }
                }
            }
        }
    }

    /// Whether the socket may hold something to be read.
    pub(super) fn readable(&self, number: usize) -> bool {
        self.heard.get(number).is_some_and(|heard| heard.readable)
    }

    /// Whether something may have come back to the socket.
    pub(super) fn failed(&self, number: usize) -> bool {
        self.heard.get(number).is_some_and(|heard| heard.failed)
    }

    /// The socket was read until it was empty: it is readable when the kernel says so again.
    pub(super) fn emptied(&mut self, number: usize) {
        if let Some(heard) = self.heard.get_mut(number) {
            heard.readable = false;
        }
    }

    /// All that had come back was taken.
    pub(super) fn mended(&mut self, number: usize) {
        if let Some(heard) = self.heard.get_mut(number) {
            heard.failed = false;
        }
    }

    /// Has the kernel tell of room to write where datagrams wait for it, and only there.
    fn ask_for_room(&mut self, sockets: &[UdpSocket]) {
        for (number, (socket, heard)) in sockets.iter().zip(&mut self.heard).enumerate() {
            let wants = socket.wants_write();
            if wants == heard.writing {
                continue;
            }
            let mut event = readable(number as u64);
            if wants {
                let flags = event.events() | EpollFlags::EPOLLOUT;
                event = EpollEvent::new(flags, number as u64);
            }
            // Asked for anew, the kernel tells of room that is there already.
            if self.epoll.modify(socket, &mut event).is_ok() {
                heard.writing = wants;
            }
        }
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

fn readable(number: u64) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, number)
}

#[cfg(test)]
mod tests {
    use nix::sys::eventfd::EventFd;

    use super::*;

    #[test]
    fn a_moment_on_the_grid_stays_and_any_other_waits_for_the_next() {
        let origin = Instant::now();
        let bell = EventFd::new().expect("an eventfd");
        let watch = Watch::new(origin, &[], bell.as_fd()).expect("an epoll");
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
        let bell = EventFd::new().expect("an eventfd");
        let mut watch = Watch::new(Instant::now(), &[], bell.as_fd()).expect("an epoll");
        for _ in 0..3 {
            let due = Instant::now() + WAKE_GRID / 2;
            watch.wait(&[], false, Some(due));
            assert!(Instant::now() >= due);
            assert_eq!(watch.set, None, "it has gone off");
        }
    }
}
