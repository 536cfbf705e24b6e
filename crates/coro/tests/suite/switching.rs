//! Words cross both ways, and each side finds its own locals.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use crate::harness::{Coroutine, coroutine, pool};

#[test]
fn words_cross_both_ways() {
    let doubler = coroutine(|way, mut word| {
        for _ in 0..1000 {
            word = way.leave(word * 2);
        }
        word + 1
    });
    for word in 0..1000 {
        assert_eq!(doubler.enter(word), word * 2);
    }
    assert_eq!(doubler.enter(usize::MAX - 1), usize::MAX);
    assert!(doubler.finished());
}

#[test]
fn a_computation_runs_on_its_own_stack() {
    let mut pool = pool();
    let stack = pool.take().unwrap();
    let range = stack.limit() as usize..stack.top() as usize;
    let coroutine = Coroutine::new(stack, |_, _| {
        let local = 0u8;
        std::ptr::from_ref(&local).addr()
    });
    assert!(range.contains(&coroutine.enter(0)));
}

#[test]
fn deep_recursion_fits_and_may_switch_at_the_bottom() {
    fn depth(way: &crate::harness::Way, left: usize) -> usize {
        let frame = std::hint::black_box([left; 16]);
        let below = if left == 0 {
            way.leave(0)
        } else {
            depth(way, left - 1)
        };
        below + usize::from(frame[15] == left)
    }
    let coroutine = coroutine(depth);
    assert_eq!(coroutine.enter(2000), 0);
    assert_eq!(coroutine.enter(7), 7 + 2001);
}

#[test]
fn computations_interleave() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let mut pool = pool();
    let coroutines: Vec<Coroutine> = (0..3)
        .map(|id| {
            let log = Rc::clone(&log);
            Coroutine::new(pool.take().unwrap(), move |way, mut word| {
                for _ in 0..2 {
                    log.borrow_mut().push((id, word));
                    word = way.leave(0);
                }
                0
            })
        })
        .collect();
    for word in [10, 20] {
        for coroutine in &coroutines {
            coroutine.enter(word);
        }
    }
    assert_eq!(
        *log.borrow(),
        [(0, 10), (1, 10), (2, 10), (0, 20), (1, 20), (2, 20)]
    );
}

#[test]
fn a_computation_may_enter_another() {
    let outer = coroutine(|way, word| {
        let inner = coroutine(|way, word| way.leave(word + 1) + 100);
        let first = inner.enter(word);
        let again = way.leave(first);
        inner.enter(again)
    });
    assert_eq!(outer.enter(1), 2);
    assert_eq!(outer.enter(5), 105);
}

#[test]
fn threads_switch_each_for_itself() {
    let threads: Vec<_> = (0..4)
        .map(|id| {
            thread::spawn(move || {
                let counter = coroutine(move |way, mut word| {
                    let mut sum = id;
                    while word != 0 {
                        sum += word;
                        word = way.leave(sum);
                    }
                    sum
                });
                for word in 1..=1000 {
                    counter.enter(word);
                }
                counter.enter(0)
            })
        })
        .collect();
    let sums: Vec<usize> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(sums, [500_500, 500_501, 500_502, 500_503]);
}
