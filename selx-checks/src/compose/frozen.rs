//! Containers whose first process was stopped by a signal: the engine shows them as up.

use selx_core::Context;

use crate::docker::Container;

/// Tells whether the first process of a container is stopped. `None` where it cannot be seen from here.
pub(super) fn is_frozen(container: &Container, cx: &Context) -> Option<bool> {
    if container.state.status != "running" || container.state.pid == 0 {
        return None;
    }
    let pid = container.state.pid;
    // The engine may count processes otherwise than this host: only one that names the container is its.
    let groups = cx.host().read_proc(&format!("{pid}/cgroup")).ok()?;
    if !groups.contains(&container.id) {
        return None;
    }
    let stat = cx.host().read_proc(&format!("{pid}/stat")).ok()?;
    // The name of the program stands in parentheses, and may hold some itself.
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    Some(state == 'T')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use selx_core::{Host, Secrets, SystemClock};

    use super::*;
    use crate::docker::State;

    #[test]
    fn only_the_process_of_the_container_is_looked_at() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("proc/7");
        std::fs::create_dir_all(&place).unwrap();
        let host = Arc::new(Host::below(root.path()));
        let cx = Context::with(Arc::new(SystemClock), host, Arc::new(Secrets::default()), Duration::from_secs(1));
        let state = State { status: "running".into(), pid: 7, ..State::default() };
        let container = Container { id: "abc".into(), state, ..Container::default() };
        let seen = |cgroup: &str, stat: &str| {
            std::fs::write(place.join("cgroup"), cgroup).unwrap();
            std::fs::write(place.join("stat"), stat).unwrap();
            is_frozen(&container, &cx)
        };
        assert_eq!(seen("0::/docker/abc\n", "7 (a) T) S 1"), Some(false));
        assert_eq!(seen("0::/docker/abc\n", "7 (a b) T 1"), Some(true));
        assert_eq!(seen("0::/init.scope\n", "7 (a b) T 1"), None);
    }
}
