//! Time, injectable: no check asks the system itself.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;

/// Where the time comes from. Wall time is for labels, ages and expiry; time since boot is for windows and rates.
pub trait Clock: Send + Sync {
    /// Returns the wall time.
    fn now(&self) -> Timestamp;

    /// Returns the time since the machine booted, suspend included. It never goes backwards.
    fn since_boot(&self) -> Duration;

    /// Tells one boot of the machine from another; 0 if that cannot be known.
    fn boot(&self) -> u64;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn since_boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    fn boot(&self) -> u64 {
        static BOOT: OnceLock<u64> = OnceLock::new();
        *BOOT.get_or_init(|| {
            let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).take(16).collect();
            u64::from_str_radix(&digits, 16).unwrap_or(0)
        })
    }
}

/// A clock that stands until it is moved, for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<(Timestamp, Duration)>);

impl ManualClock {
    /// Makes a clock that shows this wall time, an hour after boot.
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new((now, Duration::from_secs(3600))))
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut times = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        times.0 += by;
        times.1 += by;
    }

    /// Moves the wall clock alone, as an operator or NTP does.
    pub fn set(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0 = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    fn since_boot(&self) -> Duration {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).1
    }

    fn boot(&self) -> u64 {
        1
    }
}
