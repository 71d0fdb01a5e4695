//! Time per input of the scheduler's core, a hand-out or a report: `cargo bench -p
//! multibeam-packing`. Where it grows with the number of processes, that shows here.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multibeam_packing::cost;

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("input");
    group.sample_size(10);
    for (slots, groups) in [(8, 1_000), (64, 1_000), (256, 2_000), (1_024, 4_000), (8_192, 24_000)]
    {
        let inputs = cost::inputs(1, slots, groups);
        group.throughput(Throughput::Elements(inputs.len() as u64));
        let name = BenchmarkId::new("replay", format!("{slots} processes, {groups} groups"));
        group.bench_function(name, |bench| {
            bench.iter_batched(
                || inputs.clone(),
                |inputs| cost::replay(1, slots, groups, &inputs),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
