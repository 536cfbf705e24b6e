//! What is on a stack can be taken away and put back while nothing runs there.

#![expect(
    unsafe_code,
    reason = "takes images of stacks and gives up their memory"
)]

use std::hint::black_box;

use coro::{Image, Spare, Stack, release};

use crate::harness::{Coroutine, pool};

/// A coroutine that keeps something on its stack, and pointers into it, from one entry to the next.
fn sum_of_locals(stack: Stack) -> Coroutine {
    Coroutine::new(stack, |way, word| {
        let numbers: [usize; 300] = std::array::from_fn(|at| if at % 3 == 0 { 0 } else { at });
        let (first, last) = (black_box(&numbers[1]), black_box(&numbers[299]));
        let word = way.leave(word + 1);
        let sum: usize = black_box(&numbers).iter().sum();
        word + sum + *first + *last
    })
}

const SUM: usize = (299 * 300) / 2 - 3 * (99 * 100) / 2 + 1 + 299;

/// Suspends a coroutine on each of `count` new stacks and takes their images, with a few words of data room.
fn suspended(count: usize) -> (Vec<Coroutine>, Vec<Image>) {
    let mut pool = pool();
    let all: Vec<Coroutine> = (0..count)
        .map(|_| sum_of_locals(pool.take().unwrap()))
        .collect();
    let images = all
        .iter()
        .map(|coroutine| {
            assert_eq!(coroutine.enter(1), 2);
            let data = coroutine.stack().data().0.cast::<usize>();
            // SAFETY: the data room is the stack's, and nothing else uses it; the coroutine is suspended.
            unsafe {
                data.cast::<[usize; 3]>().write([7, 0, 9]);
                Image::take(
                    coroutine.stack(),
                    &coroutine.context(),
                    data.add(3).cast(),
                    &mut Spare::default(),
                )
                .unwrap()
            }
        })
        .collect();
    (all, images)
}

#[test]
fn an_image_put_back_is_all_that_a_computation_needs() {
    let (all, images) = suspended(9);
    let mut stacks: Vec<&Stack> = all.iter().map(Coroutine::stack).collect();
    // SAFETY: nothing runs on them, and the images are put back below.
    unsafe { release(&mut stacks) };
    for (coroutine, image) in all.iter().zip(images) {
        let data = coroutine.stack().data().0.cast::<usize>();
        // SAFETY: mapped, and zeros until the image is put back.
        unsafe {
            if !cfg!(coro_valgrind) {
                assert_eq!(data.read(), 0, "its memory was not returned");
            }
            coroutine.stack().restore_guard();
            image.put_back(&mut Spare::default());
            assert_eq!(
                [data.read(), data.add(1).read(), data.add(2).read()],
                [7, 0, 9]
            );
        }
        assert_eq!(coroutine.enter(1000), 1000 + SUM);
        assert!(coroutine.finished());
    }
}

#[test]
fn an_image_may_be_written_to_and_put_back_over_anything() {
    let (all, mut images) = suspended(1);
    let first = &all[0];
    // SAFETY: the computation's image has been taken, so another may have its stack; nothing of that is needed afterwards.
    unsafe {
        let stack = first.stack();
        let low = stack.top().wrapping_sub(first.context().depth(stack));
        low.write_bytes(0xA5, first.context().depth(stack) + 24);
    }
    let mut image = images.remove(0).into_whole();
    let (range, place) = image.whole().unwrap();
    assert_eq!(range.end, first.stack().data().0.addr() + 24);
    // SAFETY: the last word of the data room, at its new place; and nobody needs what lies on the stack.
    unsafe {
        place.add(range.len() - 8).cast::<usize>().write(10);
        image.put_back(&mut Spare::default());
    }
    // SAFETY: mapped, and put back just now.
    let last = unsafe { first.stack().data().0.cast::<usize>().add(2).read() };
    assert_eq!(last, 10);
    assert_eq!(first.enter(1), 1 + SUM);
}

#[test]
#[cfg_attr(coro_valgrind, ignore = "under Valgrind all words are kept")]
fn zeros_take_no_room() {
    let (all, images) = suspended(1);
    let depth = all[0].context().depth(all[0].stack());
    assert!(
        images[0].size() < depth - 90 * 8,
        "{} of {depth}",
        images[0].size()
    );
}

#[test]
fn released_neighbours_leave_others_alone() {
    let (all, mut images) = suspended(6);
    let mut gone: Vec<&Stack> = [0, 1, 4].map(|at| all[at].stack()).into();
    // SAFETY: as above; of these three the images are put back.
    unsafe { release(&mut gone) };
    for at in [4, 1, 0] {
        let image = images.swap_remove(at);
        // SAFETY: nothing has run there.
        unsafe { image.put_back(&mut Spare::default()) };
    }
    for coroutine in &all {
        assert_eq!(coroutine.enter(1), 1 + SUM);
    }
}
