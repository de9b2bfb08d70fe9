//! Waiting for other processes.

/// Waits for something that another process does.
///
/// # Panics
/// If it does not happen within a minute.
pub fn wait(mut done: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it did not happen within a minute");
}
