//! The simulated parties against each other, without a balancer between them.

use super::caller::{self, Habits, Mood, Tally};
use super::pbx::{Nature, Pbx, Report};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

const ANY: &str = "127.0.0.1:0";

fn nature(capacity: u32, hangs_up_percent: u32) -> Nature {
    let ms = Duration::from_millis;
    Nature {
        name: "pbx",
        capacity,
        foreign: 0,
        rings: ms(100),
        hangs_up_percent,
        talks: ms(200),
    }
}

fn habits(cancel_percent: u32) -> Habits {
    Habits {
        rate: 200.0,
        cancel_percent,
        talks: Duration::from_millis(200),
    }
}

/// Half a second of calls, after which everyone goes home.
async fn an_hour_of(nature: Nature, habits: Habits) -> (Arc<Tally>, Arc<Mutex<Report>>) {
    let report = Arc::new(Mutex::new(Report::default()));
    let any: SocketAddr = ANY.parse().unwrap();
    let pbx = Pbx::start(nature, any, Arc::clone(&report), 1)
        .await
        .unwrap();
    let (mood, listen) = watch::channel(Mood::Calling);
    let (tally, callers) = caller::start(habits, pbx.address, listen, 2).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    mood.send(Mood::GoingHome).unwrap();
    tokio::time::timeout(Duration::from_secs(10), callers)
        .await
        .expect("all calls end")
        .unwrap();
    // The last BYE's answer is on its way while the PBX already forgets.
    tokio::time::sleep(Duration::from_millis(50)).await;
    (tally, report)
}

fn counts(tally: &Tally) -> [u64; 4] {
    [
        &tally.placed,
        &tally.answered,
        &tally.cancelled,
        &tally.failed,
    ]
    .map(|count| count.load(Ordering::Relaxed))
}

#[tokio::test]
async fn every_call_has_one_end_and_the_pbx_is_empty_after() {
    for hangs_up_percent in [0, 100] {
        let (tally, report) = an_hour_of(nature(1000, hangs_up_percent), habits(10)).await;
        let [placed, answered, cancelled, failed] = counts(&tally);
        assert!(
            placed > 30 && answered > 20,
            "{placed} placed, {answered} answered"
        );
        assert!(cancelled > 0, "nobody cancelled");
        assert_eq!((failed, answered + cancelled), (0, placed));
        let report = report.lock();
        assert_eq!((report.invites, report.answered), (placed, answered));
        assert!(report.calls.is_empty(), "{:?}", report.calls);
    }
}

#[tokio::test]
async fn a_full_pbx_says_503_and_says_so() {
    let (tally, report) = an_hour_of(nature(3, 0), habits(0)).await;
    let [placed, _, _, failed] = counts(&tally);
    assert!(failed > 10, "{failed} of {placed} refused");
    assert_eq!(tally.refusals.lock().get(&503), Some(&failed));
    assert_eq!(report.lock().refused, failed);
}

#[tokio::test]
async fn a_pbx_that_dies_frees_its_port_and_comes_back_empty() {
    let report = Arc::new(Mutex::new(Report::default()));
    let pbx = Pbx::start(nature(10, 0), ANY.parse().unwrap(), Arc::clone(&report), 1)
        .await
        .unwrap();
    let address = pbx.address;
    report.lock().calls.insert("left behind".into());
    drop(pbx);
    let mut again = Pbx::start(nature(10, 0), address, Arc::clone(&report), 2).await;
    for _ in 0..50 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        again = Pbx::start(nature(10, 0), address, Arc::clone(&report), 2).await;
    }
    assert_eq!(again.unwrap().address, address);
    assert!(report.lock().calls.is_empty());
}
