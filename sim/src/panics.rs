//! Panics of a run's thread. The runtime would swallow those of its tasks.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

static HOOK: Once = Once::new();

/// Notes panics of this thread from here on, those of before not.
pub fn forget() {
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| SEEN.with_borrow_mut(|seen| seen.push(panic.to_string()))));
    });
    SEEN.take();
}

/// The panics since [`forget`].
pub fn take() -> Vec<String> {
    SEEN.take()
}
