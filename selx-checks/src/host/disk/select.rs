//! Which of the mounts are file systems that can fill up. Pure.

use std::collections::HashMap;

use super::Config;
use crate::host::mounts::Mount;
use crate::setting::NamePattern;

/// Types that hold no data of their own, or hold it in memory.
const WITHOUT_DATA: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "resctrl",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// Types that are written once, to the last block: they are always full.
const ALWAYS_FULL: &[&str] =
    &["cramfs", "erofs", "fuse.snapfuse", "fuse.squashfuse", "iso9660", "romfs", "squashfs", "udf"];

/// Types that lay folders of other file systems over each other and tell the size of the upper one.
const LAYERED: &[&str] = &["aufs", "fuse.fuse-overlayfs", "overlay"];

/// Files that a container engine mounts from its host into every container.
const OF_THE_ENGINE: &[&str] = &["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// Tells whether a file system of this type cannot be written to by its nature.
pub(super) fn is_always_full(kind: &str) -> bool {
    ALWAYS_FULL.contains(&kind)
}

/// Selects what is looked at when no paths are named: each file system once, in the order of the mount points.
pub(super) fn automatic<'a>(config: &Config, mounts: &'a [Mount]) -> Vec<&'a Mount> {
    let mut chosen: HashMap<&str, &Mount> = HashMap::new();
    for mount in mounts.iter().filter(|mount| is_wanted(config, mount)) {
        let best = chosen.entry(&mount.device).or_insert(mount);
        // The shortest mount point is the one people know; bind mounts lie deeper as a rule.
        if (mount.point.len(), &mount.point) < (best.point.len(), &best.point) {
            *best = mount;
        }
    }
    let mut chosen: Vec<&Mount> = chosen.into_values().collect();
    chosen.sort_by(|a, b| a.point.cmp(&b.point));
    chosen
}

/// Tells whether a pattern is one of mount points, which all begin with a slash.
fn is_of_points(pattern: &NamePattern) -> bool {
    pattern.as_str().starts_with('/')
}

fn is_wanted(config: &Config, mount: &Mount) -> bool {
    let excluded = config
        .exclude
        .iter()
        .any(|pattern| pattern.matches(if is_of_points(pattern) { &mount.point } else { &mount.kind }));
    if excluded {
        return false;
    }
    if !config.types.is_empty() {
        return config.types.iter().any(|pattern| pattern.matches(&mount.kind));
    }
    let kind = mount.kind.as_str();
    if is_always_full(kind) {
        return false;
    }
    // What `/` is made of can fill up, whatever it is: a layer in a container, memory on a live system.
    if mount.point == "/" {
        return true;
    }
    !WITHOUT_DATA.contains(&kind) && !LAYERED.contains(&kind) && !OF_THE_ENGINE.contains(&mount.point.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::disk::Config;
    use crate::host::mounts::parse_mountinfo;

    const HOST: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
        2 1 0:5 / /proc rw - proc proc rw\n\
        3 1 0:6 / /run rw - tmpfs tmpfs rw\n\
        4 1 8:2 / /var rw - xfs /dev/sda2 rw\n\
        5 4 0:50 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw\n\
        6 1 8:2 /www /srv/a-long-name rw - xfs /dev/sda2 rw\n\
        7 1 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro\n\
        8 1 11:0 / /media/cd ro - iso9660 /dev/sr0 ro\n\
        9 1 0:60 / /mnt/share rw - nfs4 server:/share rw\n\
        10 1 8:1 /home /home2 rw - ext4 /dev/sda1 rw\n";

    fn points(config: &Config, text: &str) -> Vec<String> {
        let table = parse_mountinfo(text).list;
        automatic(config, &table).into_iter().map(|mount| mount.point.clone()).collect()
    }

    fn patterns(texts: &[&str]) -> Vec<NamePattern> {
        texts.iter().map(|text| NamePattern::try_from((*text).to_owned()).unwrap()).collect()
    }

    #[test]
    fn each_real_file_system_is_chosen_once() {
        assert_eq!(points(&Config::default(), HOST), ["/", "/mnt/share", "/var"]);
    }

    #[test]
    fn a_container_looks_at_its_root() {
        let text = "1 0 0:50 / / rw - overlay overlay rw\n2 1 0:5 / /proc rw - proc proc rw\n\
            3 1 8:1 /docker/x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n4 1 8:3 /v /data rw - ext4 /dev/sdb rw\n";
        assert_eq!(points(&Config::default(), text), ["/", "/data"]);
    }

    #[test]
    fn types_and_exclusions() {
        let config = Config { types: patterns(&["tmpfs", "ext?"]), ..Config::default() };
        assert_eq!(points(&config, HOST), ["/", "/run"]);
        let config = Config { exclude: patterns(&["nfs*", "/v*"]), ..Config::default() };
        // The bind mount of the excluded file system stands for it: only that mount point was excluded.
        assert_eq!(points(&config, HOST), ["/", "/srv/a-long-name"]);
        let config = Config { exclude: patterns(&["*"]), ..Config::default() };
        assert!(points(&config, HOST).is_empty());
    }
}
