//! How much memory one piece of work may hold, for work that cannot be asked: a JSONata expression.
//!
//! A program that installs [`Metered`] as its global allocator lets [`watched`] tell a running expression to stop.
//! Nothing is refused here: what is asked for is given, and the work stops at the next point where it looks.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe to implement; ours passes every call on and counts it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, and beside it how many bytes each thread holds.
///
/// Install it with `#[global_allocator]`; without it, expressions are bounded by their time only.
#[derive(Debug, Default)]
pub struct Metered;

/// The work that this thread does under a limit.
#[derive(Clone, Copy)]
struct Watch {
    /// [`HELD`] above which the work is told to stop.
    limit: isize,
    stop: *const (dyn Fn() + 'static),
}

thread_local! {
    /// Bytes allocated less bytes freed by this thread; negative where it frees what another has allocated.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
}

/// Does some work, and calls `stop` once it holds more than `bytes` at a time. `stop` must not allocate.
///
/// Watched work inside of watched work counts for the inner watch only.
pub(crate) fn watched<T>(bytes: usize, stop: &dyn Fn(), work: impl FnOnce() -> T) -> T {
    let limit = HELD.get().saturating_add(isize::try_from(bytes).unwrap_or(isize::MAX));
    // SAFETY: only the lifetime changes. The pointer is read by this thread alone, and only until `Restore` is dropped,
    // which is before `stop`'s lifetime ends, also where `work` panics.
    let stop = unsafe { std::mem::transmute::<*const (dyn Fn() + '_), *const (dyn Fn() + 'static)>(stop) };
    let _restore = Restore(WATCH.replace(Some(Watch { limit, stop })));
    work()
}

/// Puts the watch around back.
struct Restore(Option<Watch>);

impl Drop for Restore {
    fn drop(&mut self) {
        WATCH.set(self.0);
    }
}

fn count(bytes: isize) {
    // A thread that ends has no counter any more, and nothing to watch.
    let Ok(held) = HELD.try_with(|held| held.replace(held.get().wrapping_add(bytes)).wrapping_add(bytes))
    else {
        return;
    };
    let watch = WATCH.try_with(Cell::get).ok().flatten();
    if let Some(Watch { limit, stop }) = watch
        && held > limit
    {
        // SAFETY: `watched` keeps `stop` alive for as long as it stands in `WATCH`.
        unsafe { (*stop)() };
    }
}

fn signed(layout: Layout) -> isize {
    // The size of a layout never exceeds `isize::MAX`.
    layout.size().cast_signed()
}

// SAFETY: every call goes to `System` as it is; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(signed(layout));
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(signed(layout));
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-signed(layout));
        // SAFETY: the caller's promise about `place` and `layout`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed().wrapping_sub(signed(layout)));
        // SAFETY: the caller's promise about `place`, `layout` and `size`.
        unsafe { System.realloc(place, layout, size) }
    }
}
