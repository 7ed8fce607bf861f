//! `postgres-reindex` where the disk of the server has little room.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use selx_checks::postgres::reindex::PostgresReindex;
use selx_core::action::DynAction as _;
use selx_core::{Context, Host, Secrets, SystemClock};
use serde_json::json;

use crate::cluster::Cluster;
use crate::{Desk, make_air};

/// Shows the server's folders to selx as they would be on a small disk: a copy of the file by which the server is known, on a
/// file system of its own, in a view of the mounts that only this thread has.
fn on_a_small_disk<T>(cluster: &Cluster, size: &std::ffi::CStr, look: impl FnOnce(Host) -> T) -> T {
    // SAFETY: this thread gets a copy of the table of mounts; nothing of Rust rests on it.
    #[expect(unsafe_code, reason = "a test of mounts must not show them to the whole machine")]
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS | rustix::thread::UnshareFlags::FS) }
        .expect("this test needs the right to mount (root)");
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE).unwrap();
    let whole = tempfile::tempdir().unwrap();
    let below = |path: &Path| whole.path().join(path.strip_prefix("/").unwrap());
    let data = cluster.folder().join("data");
    std::fs::create_dir_all(below(&data)).unwrap();
    mount("selx-test", below(&data), "tmpfs", MountFlags::empty(), size).unwrap();
    std::fs::copy(data.join("postmaster.pid"), below(&data).join("postmaster.pid")).unwrap();
    std::os::unix::fs::symlink(cluster.socket(), below(Path::new(&cluster.socket()))).unwrap();
    let looked = look(Host::below(whole.path()));
    rustix::mount::unmount(below(&data), rustix::mount::UnmountFlags::DETACH).unwrap();
    looked
}

#[test]
fn d13_without_room_for_twice_the_index_and_its_log_nothing_is_rebuilt() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = async {
        let cluster = Cluster::start(&["autovacuum=off"]).await;
        make_air(&cluster);
        cluster
    };
    let cluster = runtime().block_on(start);
    let desk = Desk::of(&cluster);
    let action = desk.action::<PostgresReindex>(&desk.with(json!({ "min-size": "1MiB" })));
    let plan = |size: &std::ffi::CStr| {
        on_a_small_disk(&cluster, size, |host| {
            let limit = Duration::from_secs(60);
            let cx = Context::with(Arc::new(SystemClock), Arc::new(host), Arc::new(Secrets::default()), limit);
            runtime().block_on(action.plan(&cx)).unwrap()
        })
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let plan = plan(c"size=4m");
            assert_eq!(plan.refused.len(), 2, "{plan:?}");
            let why = &plan.refused[0].why;
            assert!(why.contains("MiB are free where it lies, and to rebuild an index of"), "{why}");
        });
        thread.join().expect("it holds");
        let thread = scope.spawn(|| {
            let plan = plan(c"size=100m");
            assert!(plan.refused.is_empty() && plan.steps.len() == 2, "{plan:?}");
        });
        thread.join().expect("it holds");
    });
}
