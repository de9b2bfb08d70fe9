//! Waits for other processes.

/// Waits until a condition holds that depends on another process.
///
/// # Panics
/// If the condition does not hold within a minute.
pub fn wait(mut done: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the awaited condition did not hold within a minute");
}
