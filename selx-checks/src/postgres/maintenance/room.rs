//! How much room there is where a server keeps its data, if that is a place of this machine.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use selx_core::{Context, Host};

use super::reader::{Facts, Reader};
use crate::ground;
use crate::postgres::server::Server;
use crate::target::{Place, Target};

/// How many processes are looked at.
const PROCESSES: usize = 100_000;
/// How many seconds the server's own word may differ from its file: it writes the file first.
const APART: f64 = 15.0;

/// Where a server keeps its data.
#[derive(Clone, Debug)]
pub(in crate::postgres) enum Room {
    /// Its folder, as this process reaches it, and what stands before every path of the server.
    Here { data: PathBuf, root: PathBuf },
    /// It cannot be looked at; why.
    Unknown(String),
}

/// Returns where the data of a server lie, if that is a place of this machine. That a server cannot be asked is told by
/// whoever works with it.
pub(crate) async fn place(server: &Server<'_>, cx: &Context) -> Option<PathBuf> {
    let reader = Reader::open(server, None, cx, cx).await.ok()?;
    let room = Room::find(server, &reader.facts, cx).await;
    reader.end(cx).await;
    if let Room::Here { data, .. } = room { Some(data) } else { None }
}

impl Room {
    /// Finds it. It is the place only if the file of the server that lies there says when that one started.
    pub(in crate::postgres) async fn find(server: &Server<'_>, facts: &Facts, cx: &Context) -> Self {
        let Some(data) = facts.data.clone() else {
            return Self::Unknown(format!(
                "role `{}` may not know where the data are (pg_read_all_settings)",
                facts.role
            ));
        };
        let is_near = match server.target {
            Target::Compose(_) => true,
            Target::Address(address, _) => match &address.place {
                Place::Unix(_) => true,
                Place::Tcp { host, .. } => {
                    host == "localhost"
                        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
                }
            },
        };
        if !is_near {
            return Self::Unknown("the server is on another machine".to_owned());
        }
        let (host, started) = (cx.host().clone(), facts.started);
        let found = cx.blocking("looking for the data of the server", move |_| {
            // A plan is confined, and may not go through the roots of processes.
            Ok(ground::from_outside(move || search(&host, Path::new(&data), started)))
        });
        found.await.unwrap_or_else(|error| Self::Unknown(error.to_string()))
    }

    /// Returns how many bytes are free in the place of a tablespace, or in that of the data.
    ///
    /// # Errors
    ///
    /// Why that cannot be known.
    pub(in crate::postgres) fn free(&self, tablespace: Option<&str>) -> Result<u64, String> {
        let (data, root) = match self {
            Self::Here { data, root } => (data, root),
            Self::Unknown(why) => return Err(why.clone()),
        };
        let place = match tablespace.filter(|path| !path.is_empty()) {
            Some(path) => below(root, Path::new(path)),
            None => data.clone(),
        };
        let at = place.clone();
        let room = ground::from_outside(move || rustix::fs::statvfs(&at));
        let room = room.map_err(|error| format!("`{}`: {error}", place.display()))?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Looks in this host's own files, and in those of the containers in which a server runs. Servers that were started together
/// may call their folders alike: of two nobody can say which it is.
fn search(host: &Host, data: &Path, started: f64) -> Room {
    let roots = std::iter::once(host.root.clone()).chain(servers(&host.proc));
    let mut found: HashMap<(u64, u64), Room> = HashMap::new();
    for root in roots {
        let data = below(&root, data);
        if is_of(&data, started)
            && let Ok(meta) = std::fs::metadata(&data)
        {
            found.entry((meta.dev(), meta.ino())).or_insert(Room::Here { data, root });
        }
    }
    let count = found.len();
    match found.into_values().next() {
        None => Room::Unknown("the folder of the data is not to be seen from here".to_owned()),
        Some(room) if count == 1 => room,
        Some(_) => {
            let data = data.display();
            Room::Unknown(format!("{count} servers that were started at that time have their data in `{data}`"))
        }
    }
}

/// Returns the roots that servers see. They are those of the processes that the others descend from: of the others each may
/// end at any time, and some have lower numbers.
fn servers(proc: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten().take(PROCESSES);
    let named = entries.filter_map(|entry| {
        let id = entry.file_name().into_string().ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))?;
        let stat = short(&entry.path().join("stat"))?;
        let (before, behind) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1;
        let parent = behind.split_whitespace().nth(1)?.to_owned();
        matches!(name, "postgres" | "postmaster").then_some((id, parent))
    });
    let named: HashMap<String, String> = named.collect();
    let first = named.iter().filter(|(_, parent)| !named.contains_key(*parent));
    first.map(|(id, _)| proc.join(id).join("root")).collect()
}

/// Tells whether a folder is that of the server which started then.
fn is_of(data: &Path, started: f64) -> bool {
    let text = short(&data.join("postmaster.pid"));
    let line = text.as_deref().and_then(|text| text.lines().nth(2)?.trim().parse::<f64>().ok());
    line.is_some_and(|line| (started - line).abs() <= APART)
}

fn short(path: &Path) -> Option<String> {
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_of_this_very_server_is_its_place() {
        let whole = tempfile::tempdir().unwrap();
        let data = whole.path().join("srv/data");
        std::fs::create_dir_all(&data).unwrap();
        let host = Host::below(whole.path());
        assert!(matches!(search(&host, Path::new("/srv/data"), 1000.0), Room::Unknown(_)));
        std::fs::write(data.join("postmaster.pid"), "12\n/srv/data\n1000\n5432\n").unwrap();
        let room = search(&host, Path::new("/srv/data"), 1001.5);
        assert!(room.free(None).unwrap() > 0);
        assert!(room.free(Some("/srv/nowhere")).is_err());
        assert!(matches!(search(&host, Path::new("/srv/data"), 2000.0), Room::Unknown(_)));
    }

    /// Makes a process that sees a folder of data.
    fn process(whole: &Path, id: &str, name: &str, parent: &str) -> PathBuf {
        let data = whole.join(format!("proc/{id}/root/srv/data"));
        std::fs::create_dir_all(&data).unwrap();
        let stat = format!("{id} ({name}) S {parent} 77 77 0 -1 4194560\n");
        std::fs::write(whole.join(format!("proc/{id}/stat")), stat).unwrap();
        std::fs::write(data.join("postmaster.pid"), "1\n/srv/data\n1000\n5432\n").unwrap();
        data
    }

    #[test]
    fn the_folder_of_a_server_in_a_container_is_found_through_its_first_process() {
        let whole = tempfile::tempdir().unwrap();
        // Numbers come again: sessions have lower ones than the server, whose parent has a name with a trap in it.
        process(whole.path(), "61", "postgres", "77");
        process(whole.path(), "40", "a) (b) S 77", "1");
        let data = process(whole.path(), "77", "postgres", "40");
        let host = Host::below(whole.path());
        let room = search(&host, Path::new("/srv/data"), 1000.0);
        assert!(matches!(&room, Room::Here { data: found, .. } if *found == data), "{room:?}");
        // Another one that was started together with it may be meant as well.
        process(whole.path(), "90", "postgres", "40");
        let room = search(&host, Path::new("/srv/data"), 1000.0);
        assert!(matches!(&room, Room::Unknown(why) if why.contains("2 servers")), "{room:?}");
    }
}
