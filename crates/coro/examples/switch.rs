//! What a raw switch costs: `cargo run --release -p coro --example switch`.
//!
//! Prints nanoseconds for one switch, best of five runs: back and forth with one other stack, and round a ring of
//! many, where the time goes into caches rather than instructions.

#![expect(unsafe_code, reason = "switches")]

use std::time::Instant;

use coro::{Config, Context, Pool, Stack};

fn main() -> std::io::Result<()> {
    let mut pool = Pool::new(Config::default())?;
    for size in [1, 10, 100, 1000, 20_000] {
        let stacks = (0..size)
            .map(|_| pool.take())
            .collect::<Result<Vec<_>, _>>()?;
        println!(
            "{size:>6} other stacks: {:6.2} ns a switch",
            best_time(&stacks)
        );
        stacks.into_iter().for_each(|stack| pool.give(stack));
    }
    Ok(())
}

/// Nanoseconds a switch, round a ring of this thread's own stack and `stacks`.
fn best_time(stacks: &[Stack]) -> f64 {
    // SAFETY: the stacks are fresh from the pool, and outlive this function, after which nobody switches to them.
    let contexts = stacks
        .iter()
        .map(|stack| unsafe { Context::new(stack, pass_on) });
    let mut ring: Vec<Context> = contexts.chain([Context::empty()]).collect();
    let first = ring.as_mut_ptr();
    let last = first.wrapping_add(stacks.len());
    let rounds = 10_000_000 / ring.len();
    let run = |_| {
        let start = Instant::now();
        for _ in 0..rounds {
            // SAFETY: the ring begins with a computation that is prepared, or was suspended one round ago, and ends
            // with ours.
            unsafe { Context::switch(last, first, first.expose_provenance()) };
        }
        start.elapsed().as_nanos() as f64 / (rounds * ring.len()) as f64
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

/// Switches to the next place in the ring for ever. `place` is its own; each tells the next its place.
unsafe extern "C" fn pass_on(place: usize) -> ! {
    let me = std::ptr::with_exposed_provenance_mut::<Context>(place);
    let next = me.wrapping_add(1);
    loop {
        // SAFETY: `best_time` keeps the ring alive and in place, and every place in it holds a computation.
        unsafe { Context::switch(me, next, next.expose_provenance()) };
    }
}
