//! The demo from its first line to its last.

use super::caller::{self, Habits, Mood, Tally};
use super::house::Member;
use super::pbx::Nature;
use super::story::is_dead;
use super::table::{Counts, Screen, clock, line, table};
use super::view::View;
use super::{Args, Running};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the table is drawn anew.
const REDRAW: Duration = Duration::from_millis(500);
/// Where there is no terminal, every so many drawings are one line.
const PLAIN_EVERY: u32 = 4;
/// How long the last calls, and then the ledger, are waited for: a BYE that nobody answers is given
/// up after 64 × T1 = 32 s (RFC 3261 §17.1.2.2).
const LAST_CALLS: Duration = Duration::from_secs(40);

/// The PBXes, from large to small; the one in the middle dies. They grow with the rate, so that the two that
/// are left then are nearly full.
fn natures(rate: f64) -> [Nature; 3] {
    let scale = (rate / 10.0).max(0.2);
    let scaled = |units: u32| (f64::from(units) * scale).round() as u32;
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    let pbx = |name, capacity, foreign, rings| Nature {
        name,
        capacity: scaled(capacity),
        foreign: scaled(foreign),
        rings,
        hangs_up_percent: 25,
        talks: s(6),
    };
    [
        pbx("pbx-a", 60, 6, ms(600)),
        pbx("pbx-b", 40, 0, ms(400)),
        pbx("pbx-c", 20, 3, ms(800)),
    ]
}

/// Which of them dies.
const MORTAL: usize = 1;

/// The balancer's configuration: what a user would write, with ports that the system picks.
pub fn config(house: &[Member], rate: f64) -> String {
    let cps = (rate * 4.0).clamp(500.0, 1_000_000.0) as u64;
    let mut text = format!(
        "[node]\nname = \"demo\"\nshutdown_grace = \"2s\"\n\n\
         [[listen]]\nuri = \"sip:127.0.0.1:0;transport=udp\"\n\n\
         [http]\nlisten = \"127.0.0.1:0\"\n\n\
         [store]\nurl = \"sqlite::memory:\"\n\n\
         [trust]\nrate = {{ per_source_cps = {cps}, burst = {cps} }}\n\n\
         [timers]\nt1 = \"100ms\"\nring = \"5s\"\n\n\
         [probe]\ninterval = \"1s\"\ntimeout = \"500ms\"\n\n\
         [[group]]\nname = \"pbx\"\nselect = \"least-loaded\"\n"
    );
    for member in house {
        let Nature { name, capacity, .. } = member.nature;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[peer]]\nname = \"{name}\"\nuri = \"sip:{};transport=udp\"\ngroups = [\"pbx\"]\n\
             capacity = {{ calls = {capacity} }}\n\
             feedback = {{ token = \"{}\", ttl = \"3s\", capacity = \"min\", legs_per_call = 1 }}\n",
            member.address, member.token
        );
    }
    text
}

/// Runs the demo with the balancer that `start` brings up from a configuration.
///
/// # Errors
/// When a port cannot be bound, the balancer does not start, or nobody reads the output.
pub async fn show<Start, Started>(args: &Args, start: Start) -> anyhow::Result<ExitCode>
where
    Start: FnOnce(String) -> Started,
    Started: Future<Output = anyhow::Result<Running>>,
{
    let seed = fastrand::u64(..);
    let mut house = Vec::new();
    for (number, nature) in (0..).zip(natures(args.rate)) {
        house.push(
            Member::start(nature, seed.wrapping_add(number))
                .await
                .context("a PBX's port")?,
        );
    }
    let balancer = start(config(&house, args.rate))
        .await
        .context("starting the balancer")?;
    for member in &mut house {
        member.report_to(balancer.http);
    }
    let habits = Habits {
        rate: args.rate,
        cancel_percent: 5,
        talks: Duration::from_secs(8),
    };
    let (mood, listen) = watch::channel(Mood::Calling);
    let callers = caller::start(habits, balancer.sip, listen, seed)
        .await
        .context("the callers' port")?;
    let mut demo = Demo {
        http: balancer.http,
        total: args.seconds.map(Duration::from_secs),
        started: Instant::now(),
        house,
        tally: callers.0,
        screen: Screen::new(),
        drawn: 0,
        before: None,
    };
    demo.screen.say(&format!(
        "Three PBXes behind sip:{}, {} calls a second. Status page: http://{}/   Ctrl-C ends it.",
        balancer.sip, args.rate, balancer.http
    ))?;
    demo.watch().await?;
    let code = demo.finish(mood, callers.1).await?;
    balancer.stop.await.context("stopping the balancer")?;
    Ok(code)
}

struct Demo {
    http: std::net::SocketAddr,
    total: Option<Duration>,
    started: Instant,
    house: Vec<Member>,
    tally: Arc<Tally>,
    screen: Screen,
    drawn: u32,
    /// When the table was drawn last, and the calls each PBX had been given.
    before: Option<(Instant, Vec<u64>)>,
}

impl Demo {
    /// Plays the story until its end or Ctrl-C.
    async fn watch(&mut self) -> anyhow::Result<()> {
        let mut ticks = interval(REDRAW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        while self
            .total
            .is_none_or(|total| self.started.elapsed() < total)
        {
            tokio::select! {
                _ = ticks.tick() => {}
                signal = &mut interrupted => return signal.context("waiting for Ctrl-C"),
            }
            self.fate().await?;
            self.draw().await?;
        }
        Ok(())
    }

    /// Lets the mortal PBX die, or come back.
    async fn fate(&mut self) -> anyhow::Result<()> {
        let elapsed = self.started.elapsed();
        let dead = is_dead(elapsed, self.total);
        let Some(mortal) = self.house.get_mut(MORTAL) else {
            return Ok(());
        };
        let name = mortal.nature.name;
        if dead && mortal.is_alive() {
            let lost = mortal.report.lock().calls.len();
            mortal.die();
            self.screen.say(&format!(
                "{}  {name} dies, and with it {lost} calls",
                clock(elapsed)
            ))?;
        } else if !dead && !mortal.is_alive() {
            mortal
                .come_back(self.http)
                .await
                .context("a PBX's port, again")?;
            self.screen
                .say(&format!("{}  {name} is back, and empty", clock(elapsed)))?;
        }
        Ok(())
    }

    async fn draw(&mut self) -> anyhow::Result<()> {
        let Ok(view) = View::fetch(self.http).await else {
            return Ok(());
        };
        let rates = self.rates(&view);
        let counts = counts(&self.tally);
        let elapsed = self.started.elapsed();
        if self.screen.is_terminal() {
            self.screen.draw(&table(elapsed, &view, &rates, &counts))?;
        } else if self.drawn.is_multiple_of(PLAIN_EVERY) {
            self.screen.draw(&[line(elapsed, &view, &counts)])?;
        }
        self.drawn += 1;
        Ok(())
    }

    /// New calls a second of each peer, since the table was drawn last.
    fn rates(&mut self, view: &View) -> Vec<f64> {
        let now = Instant::now();
        let granted: Vec<u64> = view.peers.iter().map(|peer| peer.granted).collect();
        let before = self.before.replace((now, granted.clone()));
        let (then, old) = before.unwrap_or_else(|| (self.started, vec![0; granted.len()]));
        let seconds = (now - then).as_secs_f64().max(0.001);
        granted
            .iter()
            .zip(old)
            .map(|(new, old)| new.saturating_sub(old) as f64 / seconds)
            .collect()
    }

    /// Ends all calls, waits for the ledger, and says how it went.
    async fn finish(
        &mut self,
        mood: watch::Sender<Mood>,
        callers: JoinHandle<()>,
    ) -> anyhow::Result<ExitCode> {
        let live = self.tally.live.load(Ordering::Relaxed);
        self.screen.say(&format!(
            "{}  the callers hang up: {live} calls",
            clock(self.started.elapsed())
        ))?;
        let deadline = Instant::now() + LAST_CALLS;
        // The receiver is gone only if the callers are, and then there is nobody to send home.
        let _ = mood.send(Mood::GoingHome);
        let _ = tokio::time::timeout_at(deadline, callers).await;
        let view = loop {
            let view = View::fetch(self.http)
                .await
                .context("reading the balancer's ledger")?;
            if view.ledger_is_at_zero() || Instant::now() >= deadline {
                break view;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        for line in summary(&counts(&self.tally), &view, &self.refusals()) {
            self.screen.say(&line)?;
        }
        Ok(if view.ledger_is_at_zero() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// `503: 2, silence: 1`
    fn refusals(&self) -> String {
        let refusals = self.tally.refusals.lock();
        let words = refusals.iter().map(|(status, count)| match status {
            0 => format!("silence: {count}"),
            _ => format!("{status}: {count}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

fn counts(tally: &Tally) -> Counts {
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    Counts {
        placed: count(&tally.placed),
        answered: count(&tally.answered),
        cancelled: count(&tally.cancelled),
        failed: count(&tally.failed),
        live: count(&tally.live),
    }
}

/// The last words.
fn summary(counts: &Counts, view: &View, refusals: &str) -> Vec<String> {
    let why = if refusals.is_empty() {
        String::new()
    } else {
        format!("  ({refusals})")
    };
    let own = view.own();
    let verdict = if view.ledger_is_at_zero() {
        "the ledger is at zero: every slot that was granted has been given back".to_owned()
    } else {
        format!(
            "THE LEDGER IS NOT AT ZERO: {own} slots are out, {} invariants violated",
            view.violations
        )
    };
    vec![
        String::new(),
        format!("calls placed     {:>7}", counts.placed),
        format!("  answered       {:>7}", counts.answered),
        format!("  cancelled      {:>7}", counts.cancelled),
        format!("  failed         {:>7}{why}", counts.failed),
        format!("failed over      {:>7}", view.failovers),
        format!("slots granted    {:>7}", view.granted),
        format!("slots released   {:>7}", view.released),
        verdict,
    ]
}

#[cfg(test)]
mod tests {
    use super::{config, natures, summary};
    use crate::app::demo::house::Member;
    use crate::app::demo::table::Counts;
    use crate::app::demo::view::{Peer, View};
    use crate::config::{System, parse};
    use std::path::PathBuf;

    #[tokio::test]
    async fn the_configuration_is_one_that_serve_would_take() {
        let mut house = Vec::new();
        for nature in natures(10.0) {
            house.push(Member::start(nature, 1).await.unwrap());
        }
        let text = config(&house, 10.0);
        let surroundings = System {
            folder: PathBuf::new(),
        };
        let read =
            parse("demo", text.as_bytes(), &surroundings).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(read.peers.len(), 3);
        for (peer, member) in read.peers.iter().zip(&house) {
            assert!(peer.uri.contains(&member.address.to_string()));
        }
    }

    #[test]
    fn the_last_line_tells_the_truth_about_the_ledger() {
        let peer = |own| Peer {
            own,
            ..Peer::default()
        };
        let last = |view: View| summary(&Counts::default(), &view, "").pop().unwrap();
        let even = View {
            peers: vec![peer(0)],
            granted: 9,
            released: 9,
            ..View::default()
        };
        assert!(last(even.clone()).starts_with("the ledger is at zero"));
        assert!(
            last(View {
                peers: vec![peer(1)],
                released: 8,
                ..even
            })
            .contains("NOT AT ZERO: 1 slots")
        );
    }
}
