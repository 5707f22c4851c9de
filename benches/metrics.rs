//! What counting costs where it happens, and what gathering costs when somebody looks: the `metrics` crate with its
//! exporter against plain numbers with an encoder of our own. `docs/decisions/0003-metrics.md` reads the results.

#[path = "../tests/metrics/views.rs"]
mod views;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tandem::balance::PeerView;
use tandem::base::histogram::Histogram;

const BOUNDS: &[f64] = &[0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0];

fn counting(criterion: &mut Criterion) {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let mut group = criterion.benchmark_group("count");
        let mut plain = [0_u64; 32];
        group.bench_function("plain", |bencher| {
            bencher.iter(|| plain[black_box(7)] += 1);
        });
        let handle = metrics::counter!("messages", "kind" => "INVITE", "direction" => "in");
        group.bench_function("held handle", |bencher| {
            bencher.iter(|| handle.increment(1));
        });
        group.bench_function("macro with a label known at run time", |bencher| {
            bencher.iter(|| {
                let kind = black_box("INVITE");
                metrics::counter!("messages", "kind" => kind, "direction" => "in").increment(1);
            });
        });
        let mut histogram = Histogram::new(BOUNDS);
        group.bench_function("plain histogram", |bencher| {
            bencher.iter(|| histogram.record(black_box(0.005)));
        });
        group.finish();
        let mut group = criterion.benchmark_group("count");
        let exporter = recorder.handle();
        let handle = metrics::histogram!("seconds");
        group.bench_function("held histogram", |bencher| {
            // The exporter keeps every sample until it renders: give it the chance, as a scraper would.
            bencher.iter_custom(|rounds| {
                exporter.run_upkeep();
                let start = std::time::Instant::now();
                for _ in 0..rounds {
                    handle.record(black_box(0.005));
                }
                start.elapsed()
            });
        });
        group.finish();
    });
}

/// The same series through the exporter: set all, then render all.
fn through_exporter(peers: &[PeerView], exporter: &PrometheusHandle) -> String {
    for peer in peers {
        let name = &*peer.name;
        for held in &peer.resources {
            let labels = [
                ("peer", name.to_owned()),
                ("resource", held.name.to_string()),
            ];
            metrics::gauge!("own", &labels).set(held.own as f64);
            metrics::gauge!("foreign", &labels).set(held.foreign as f64);
            metrics::gauge!("capacity", &labels).set(f64::from(held.capacity.unwrap_or(0)));
            metrics::gauge!("free", &labels).set(held.free.unwrap_or(0) as f64);
        }
        for (cause, count) in peer.released.iter().enumerate() {
            let labels = [("peer", name.to_owned()), ("cause", cause.to_string())];
            metrics::counter!("released", &labels).absolute(*count);
        }
        for (outcome, count) in peer.probe.outcomes.iter().enumerate() {
            let labels = [("peer", name.to_owned()), ("outcome", outcome.to_string())];
            metrics::counter!("probes", &labels).absolute(*count);
        }
    }
    exporter.render()
}

fn scraping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrape");
    group.sample_size(20);
    let directory = views::directory();
    let stats = views::stats(&directory);
    for count in [10, 100, 1000] {
        let peers: Vec<PeerView> = (0..count)
            .map(|id| views::peer(id, &format!("pbx-{id}")))
            .collect();
        group.bench_with_input(
            BenchmarkId::new("encoder", count),
            &peers,
            |bencher, peers| {
                bencher.iter(|| views::scrape(peers, &directory, &stats).render());
            },
        );
        let recorder = PrometheusBuilder::new().build_recorder();
        let exporter = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            group.bench_with_input(
                BenchmarkId::new("exporter", count),
                &peers,
                |bencher, peers| {
                    bencher.iter(|| through_exporter(peers, &exporter));
                },
            );
        });
    }
    group.finish();
}

criterion_group!(benches, counting, scraping);
criterion_main!(benches);
