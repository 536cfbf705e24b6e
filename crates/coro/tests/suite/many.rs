//! A hundred thousand stacks at once, on a system that allows 65 530 mappings a process; and the end of memory.

use std::io::ErrorKind;
use std::process::Command;

use crate::harness::{Coroutine, pool};

/// Valgrind goes through a list of all stacks at each switch.
const MANY: usize = if cfg!(coro_valgrind) { 1000 } else { 100_000 };

#[test]
fn a_hundred_thousand_are_suspended_at_once() {
    let mut pool = pool();
    let coroutines: Vec<Coroutine> = (0..MANY)
        .map(|number| {
            let coroutine = Coroutine::new(pool.take().unwrap(), move |way, word| {
                way.leave(word) + number
            });
            coroutine.enter(0);
            coroutine
        })
        .collect();
    let maps = std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count();
    assert!(maps < 65_530, "{maps} mappings");
    for (number, coroutine) in coroutines.iter().enumerate() {
        assert_eq!(coroutine.enter(1), 1 + number);
    }
}

#[test]
#[ignore = "limits its process; run by the test below"]
fn takes_until_refused() {
    let mut pool = pool();
    let mut stacks = Vec::new();
    let error = loop {
        match pool.take() {
            Ok(stack) => stacks.push(stack),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert!(
        stacks.len() > 100,
        "smaller slabs fill what is left: {}",
        stacks.len()
    );
    let stack = stacks.pop().unwrap();
    pool.give(stack);
    assert_eq!(
        Coroutine::new(pool.take().unwrap(), |_, word| word + 1).enter(1),
        2
    );
}

#[test]
fn the_end_of_address_space_is_an_error() {
    let limited = "ulimit -v 400000; exec \"$0\" many::takes_until_refused --exact --ignored --test-threads=1";
    let binary = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(binary)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
