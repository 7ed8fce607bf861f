//! The table of mounts, `/proc/self/mountinfo`.

use std::collections::{HashMap, HashSet};

/// The most mounts that are read; what is beyond is told, not looked at.
pub const MOST_MOUNTS: usize = 10_000;

/// The most folders above a mount point that are looked at for a mount that covers it.
const MOST_DEPTH: usize = 128;

/// One mount that can be reached by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The number of the file system, `major:minor`: bind mounts and subvolumes share it.
    pub device: String,
    /// Which folder of the file system is mounted: `/` unless it is a bind mount or a subvolume.
    pub root: String,
    /// Where it is mounted.
    pub point: String,
    /// The options of this mount, joined by commas.
    pub options: String,
    /// The type, such as `ext4` or `fuse.sshfs`.
    pub kind: String,
    /// What is mounted, such as `/dev/sda1` or `server:/export`.
    pub source: String,
    /// The options of the file system, joined by commas, which all its mounts share.
    pub super_options: String,
}

impl Mount {
    /// Tells whether an option stands for this mount.
    pub fn has_option(&self, option: &str) -> bool {
        self.options.split(',').any(|one| one == option)
    }

    /// Tells whether an option stands for the whole file system.
    pub fn has_super_option(&self, option: &str) -> bool {
        self.super_options.split(',').any(|one| one == option)
    }
}

/// What the table of mounts says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounts {
    /// The mounts that can be reached, in the order of the kernel.
    pub list: Vec<Mount>,
    /// How many mounts another mount covers, or whose mount point was deleted.
    pub hidden: usize,
    /// How many lines do not read as a mount.
    pub malformed: usize,
    /// Whether there were more than [`MOST_MOUNTS`].
    pub cut: bool,
}

/// A line with its place in the tree.
struct Line<'a> {
    id: &'a str,
    parent: &'a str,
    mount: Mount,
}

/// Reads a table of mounts. Pure; any text will do.
pub fn parse_mountinfo(text: &str) -> Mounts {
    let mut table = Mounts::default();
    let mut lines = Vec::new();
    for line in text.lines() {
        if lines.len() >= MOST_MOUNTS {
            table.cut = true;
            break;
        }
        match parse_line(line) {
            Some(line) => lines.push(line),
            None => table.malformed += 1,
        }
    }
    let covered = covered(&lines);
    for (line, covered) in lines.into_iter().zip(covered) {
        if covered || line.mount.point.ends_with("//deleted") {
            table.hidden += 1;
        } else {
            table.list.push(line.mount);
        }
    }
    table
}

/// Reads `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=remount-ro`.
fn parse_line(line: &str) -> Option<Line<'_>> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ');
    let mut back = back.split(' ');
    let (id, parent, device, root) = (front.next()?, front.next()?, front.next()?, front.next()?);
    let (point, options) = (front.next()?, front.next()?);
    let (major, minor) = device.split_once(':')?;
    major.parse::<u32>().ok().zip(minor.parse::<u32>().ok())?;
    let point = unescape(point);
    if !point.starts_with('/') {
        return None;
    }
    Some(Line {
        id,
        parent,
        mount: Mount {
            device: device.to_owned(),
            root: unescape(root),
            point,
            options: options.to_owned(),
            kind: unescape(back.next()?),
            source: unescape(back.next()?),
            super_options: back.next().unwrap_or_default().to_owned(),
        },
    })
}

/// Turns `\040` back into a space; the kernel writes blanks, line ends and backslashes so.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = (byte, tail) {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            bytes.push(*byte);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Tells of every line whether another mount covers it.
///
/// A mount on a folder has the mount below that folder as its parent at that time. So a sibling whose point lies above
/// was mounted later and covers it, and so does a child on the very same point. What hangs below a covered mount is
/// covered too.
fn covered(lines: &[Line<'_>]) -> Vec<bool> {
    // The root of the tree names a parent that is not listed, or itself.
    let hanging = lines.iter().filter(|line| line.id != line.parent);
    let siblings: HashSet<(&str, &str)> = hanging.map(|line| (line.parent, line.mount.point.as_str())).collect();
    let by_id: HashMap<&str, usize> = lines.iter().enumerate().map(|(index, line)| (line.id, index)).collect();
    let by_sibling: Vec<bool> = lines
        .iter()
        .map(|line| {
            above(&line.mount.point).take(MOST_DEPTH).any(|folder| {
                // A mount on `/` that covers the first root is a child of it.
                folder != "/" && siblings.contains(&(line.parent, folder))
            })
        })
        .collect();
    let by_child = |line: &Line<'_>| siblings.contains(&(line.id, line.mount.point.as_str()));
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            if by_child(line) {
                return true;
            }
            let mut at = Some(index);
            // The kernel's tree is no deeper; a circle in a text that is not the kernel's ends here.
            for _ in 0..MOST_DEPTH {
                let Some(here) = at else { return false };
                if by_sibling.get(here).copied().unwrap_or(false) {
                    return true;
                }
                at = lines.get(here).and_then(|line| by_id.get(line.parent).copied()).filter(|next| *next != here);
            }
            false
        })
        .collect()
}

/// Returns the folders above a path, nearest first: `/a/b`, `/a`, `/` for `/a/b/c`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |folder| parent(folder))
}

fn parent(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    match (folder, name) {
        ("", "") => None,
        ("", _) => Some("/"),
        _ => Some(folder),
    }
}

/// Finds the mount that a path without symbolic links lies on.
pub fn holding<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| {
            let point = mount.point.trim_end_matches('/');
            path.strip_prefix(point).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|mount| mount.point.len())
}

/// Tells whether asking a file system of this type can hang, because somebody else has to answer.
pub fn can_hang(kind: &str) -> bool {
    const KINDS: &[&str] = &[
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "virtiofs",
        "ceph",
        "afs",
        "lustre",
        "glusterfs",
        "orangefs",
        "beegfs",
        "gfs2",
        "ocfs2",
        "davfs",
        "coda",
        "ncpfs",
        "fuse",
        "fuseblk",
        "autofs",
    ];
    KINDS.contains(&kind) || kind.starts_with("fuse.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(text: &str) -> Vec<String> {
        parse_mountinfo(text).list.into_iter().map(|mount| mount.point).collect()
    }

    #[test]
    fn a_line_is_read_whole() {
        let table = parse_mountinfo(
            "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root\\134x rw,errors=continue\n",
        );
        assert_eq!(
            table.list,
            [Mount {
                device: "98:0".into(),
                root: "/mnt1".into(),
                point: "/mnt 2".into(),
                options: "rw,noatime".into(),
                kind: "ext3".into(),
                source: "/dev/root\\x".into(),
                super_options: "rw,errors=continue".into(),
            }]
        );
        assert!(table.list[0].has_super_option("errors=continue"));
        assert!(!table.list[0].has_option("ro"));
    }

    #[test]
    fn what_is_no_mount_is_counted() {
        let table = parse_mountinfo("nonsense\n1 2 x:y / / rw - a b c\n1 2 0:1 / relative rw - a b c\n1 2 0:1 / /");
        assert_eq!((table.list.len(), table.malformed), (0, 4));
    }

    #[test]
    fn covered_mounts_are_left_out() {
        // `/a/b` was there before `/a` was mounted over it; `/c` has two mounts on one point.
        let text = "1 0 8:1 / / rw - ext4 /dev/a rw\n\
                    2 1 8:2 / /a/b rw - ext4 /dev/b rw\n\
                    3 1 8:3 / /a rw - ext4 /dev/c rw\n\
                    4 2 8:4 / /a/b/deep rw - ext4 /dev/d rw\n\
                    5 1 8:5 / /c rw - ext4 /dev/e rw\n\
                    6 5 8:6 / /c rw - ext4 /dev/f rw\n\
                    7 3 8:7 / /a/new rw - ext4 /dev/g rw\n\
                    8 1 8:8 / /gone//deleted rw - ext4 /dev/h rw\n";
        assert_eq!(points(text), ["/", "/a", "/c", "/a/new"]);
        assert_eq!(parse_mountinfo(text).list[2].device, "8:6");
        assert_eq!(parse_mountinfo(text).hidden, 4);
    }

    #[test]
    fn the_root_over_the_first_root_is_the_one_that_counts() {
        let text = "1 1 0:2 / / rw - rootfs rootfs rw\n22 1 8:1 / / rw - ext4 /dev/a rw\n23 22 0:5 / /proc rw - proc proc rw\n";
        assert_eq!(points(text), ["/", "/proc"]);
        assert_eq!(parse_mountinfo(text).list[0].kind, "ext4");
    }

    #[test]
    fn more_mounts_than_the_most_are_cut() {
        let text: String =
            (0..MOST_MOUNTS + 5).map(|n| format!("{} 1 0:{n} / /m/{n} rw - ext4 x rw\n", n + 10)).collect();
        let table = parse_mountinfo(&text);
        assert!(table.cut);
        assert_eq!(table.list.len(), MOST_MOUNTS);
    }

    #[test]
    fn a_path_lies_on_the_nearest_mount() {
        let mounts = parse_mountinfo(
            "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /var rw - ext4 b rw\n3 2 8:3 / /var/lib rw - ext4 c rw\n",
        )
        .list;
        for (path, point) in
            [("/", "/"), ("/etc", "/"), ("/var", "/var"), ("/var/lib/x", "/var/lib"), ("/variable", "/")]
        {
            assert_eq!(holding(&mounts, path).unwrap().point, point, "{path}");
        }
        assert_eq!(holding(&[], "/"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".*\\n?.*") {
            let _ = parse_mountinfo(&text);
        }

        #[test]
        fn lines_of_the_right_shape_are_read(
            lines in prop::collection::vec("[0-9]{1,2} [0-9]{1,2} [0-9]{1,3}:[0-9] /[a-z/]{0,9} /[a-z\\\\04/]{0,12} r[ow] - [a-z.]{1,6} [^ \\n]{0,6} r[ow]", 0..40)
        ) {
            let table = parse_mountinfo(&lines.join("\n"));
            prop_assert_eq!(table.list.len() + table.hidden + table.malformed, lines.len());
        }
    }
}
