//! A server that is made for a drill, and goes with it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use selx_core::action::Permit;
use selx_core::{Context, Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use super::Step;
use crate::backup::programs::{Programs, is_fine, reaching};
use crate::command::{Child, Ended};
use crate::deletion::Root;
use crate::postgres::talk::{Login, Talk};
use crate::postgres::{Name, Postgres, Server};
use crate::target::Target;

/// What the names of folders of drills begin with.
const NAME: &str = ".selx-drill-";
/// Ends a process together with the one that started it, and lets it run as another user.
const SETPRIV: &str = "/usr/bin/setpriv";
/// How long a server may take until it accepts.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(30);
/// How long a path of a socket file may be.
const LONGEST: usize = 100;

/// Names the folder of a drill.
pub(super) fn name(identity: &str) -> String {
    format!("{NAME}{}", identity.get(..8).unwrap_or(identity))
}

/// Returns the folders of drills that are there.
pub(super) fn folders(root: &Root) -> Result<Vec<String>> {
    let failed = |error| Error::from_io(error, format!("`{}`", root.path().display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.path()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(name) = entry.file_name().to_str()
            && name.starts_with(NAME)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The server of a drill.
pub(super) struct Cluster<'a> {
    step: &'a Step,
    programs: Programs,
    pub(super) folder: PathBuf,
    pub(super) target: Target<Postgres>,
    superuser: Name,
}

impl<'a> Cluster<'a> {
    /// Makes its folder, for nobody else, and its data.
    pub(super) async fn make(step: &'a Step, name: &str, permit: &'a Permit, cx: &Context) -> Result<Self> {
        let folder = cx.host().path(&step.scratch).join(name);
        let socket = folder.join(".s.PGSQL.5432");
        if socket.as_os_str().len() > LONGEST {
            let message = format!("`{}` is too long for a socket file", socket.display());
            return Err(super::config(message, "set a shorter `scratch`"));
        }
        let failed = |error| Error::from_io(error, format!("`{}`", folder.display()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        if let Some((_, user, group)) = step.user {
            std::os::unix::fs::chown(&folder, Some(user), Some(group)).map_err(failed)?;
        }
        let (at, major, version) = step.programs.clone();
        let programs = Programs { folder: at.into(), major, version };
        let target = serde_json::from_value(serde_json::json!(format!("unix:{}", socket.display())));
        let target = target.map_err(|error| super::config("the folder is no target", "").source_error(error))?;
        let superuser = Name::new("postgres").map_err(|error| Error::new(ErrorKind::Bug, error))?;
        let cluster = Self { step, programs, folder, target, superuser };
        let initdb = cluster
            .child("initdb")
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", "-D"])
            .arg(cluster.data());
        is_fine(&initdb.holding(permit).run(cx).await?, "initdb")?;
        Ok(cluster)
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    pub(super) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Makes a child that ends when its starter does, as the user without rights. It holds no locks: a server that goes on all
    /// the same is ended by whoever recovers the run.
    fn child(&self, program: &str) -> Child {
        let mut child = Child::new(SETPRIV).arg("--pdeathsig=QUIT");
        if let Some((_, user, group)) = &self.step.user {
            child = child.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
        }
        child = child.arg("--no-new-privs");
        child.arg(self.programs.program(program).display().to_string())
    }

    /// Lets the makers' own program look at all tables and indexes of a database.
    pub(super) async fn amcheck(&self, database: &str, cx: &Context) -> Result<()> {
        let child = self.child("pg_amcheck").args(["--install-missing", "--heapallindexed", "--no-password"]);
        let login = Login::of(&self.server(None), cx).await?;
        is_fine(&reaching(child, &login, database).run(cx).await?, "pg_amcheck")
    }

    /// Returns the settings of a session in a database.
    pub(super) fn server<'s>(&'s self, database: Option<&'s Name>) -> Server<'s> {
        Server {
            target: &self.target,
            user: Some(&self.superuser),
            database: database.or(Some(&self.superuser)),
            password: None,
            tls: None,
            ca_file: None,
            weak_login: false,
        }
    }

    /// Runs the server while work is done in it, and ends it afterwards, whatever came of that.
    pub(super) async fn during<T>(&self, cx: &Context, work: impl Future<Output = Result<T>>) -> Result<T> {
        // It ends when the work has, also where the run is stopped: a server that is killed leaves things behind.
        let token = CancellationToken::new();
        let own = Context::new(cx.remaining() + STOP).cancelled_by(token.clone());
        let mut server = self.child("postgres").args(["-D"]).arg(self.data()).arg("-k");
        server = server.arg(self.folder.display().to_string()).args(["-p", "5432"]);
        for setting in [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "autovacuum=off",
            "max_wal_size=4GB",
            "dynamic_shared_memory_type=mmap",
            "log_min_messages=fatal",
            "max_locks_per_transaction=1024",
        ] {
            server = server.args(["-c", setting]);
        }
        let mut running = pin!(server.run(&own));
        let working = async {
            self.wait(cx).await?;
            work.await
        };
        let mut working = pin!(working);
        let mut ended: Option<Result<Ended>> = None;
        let result = loop {
            tokio::select! {
                result = &mut working => break result,
                end = &mut running, if ended.is_none() => {
                    if let Err(error) = end.as_ref().map_err(ToString::to_string).and_then(|end| is_fine(end, "postgres").map_err(|error| error.to_string())) {
                        break Err(Error::new(ErrorKind::Rejected, format!("the server of the drill ended: {error}")));
                    }
                    ended = Some(end);
                }
            }
        };
        if ended.is_none() {
            let stop = self.child("pg_ctl").args(["stop", "-m", "immediate", "-w", "-D"]).arg(self.data());
            let patience = Context::new(STOP);
            let stopping = async { stop.run(&patience).await };
            let (_, end) = tokio::join!(stopping, tokio::time::timeout(STOP, &mut running));
            if end.is_err() {
                token.cancel();
                let _ = running.await;
            }
        }
        result
    }

    /// Waits until it accepts.
    async fn wait(&self, cx: &Context) -> Result<()> {
        let began = tokio::time::Instant::now();
        loop {
            match Talk::open(&self.server(None), cx).await {
                Ok(talk) => {
                    talk.end(cx).await;
                    return Ok(());
                }
                Err(error) if began.elapsed() > START || cx.cancel().is_cancelled() => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Ends the server of a folder, if one is at work there, and removes the folder.
pub(super) async fn clear(root: &Root, name: &str, cx: &Context) -> Result<()> {
    let data = root.path().join(name).join("data");
    let process = || -> Option<Pid> {
        let mut text = String::new();
        let file = crate::regular::open(&data.join("postmaster.pid"), false).ok()?;
        std::io::Read::read_to_string(&mut std::io::Read::take(file, 4096), &mut text).ok()?;
        // A server that only makes the folder writes its number as a negative one.
        Pid::from_raw(text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 0)?)
    };
    // A number may be another process's by now: a server is in its folder.
    let is_there = |pid: Pid| {
        let at = cx.host().proc.join(pid.as_raw_nonzero().to_string()).join("cwd");
        std::fs::read_link(at).is_ok_and(|at| at == data)
    };
    if let Some(pid) = process()
        && let Ok(held) = pidfd_open(pid, PidfdFlags::empty())
        && is_there(pid)
    {
        let _ = pidfd_send_signal(&held, Signal::QUIT);
        let began = tokio::time::Instant::now();
        while is_there(pid) && began.elapsed() < STOP {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let mut removed = root.remove_own_folder(name.as_ref());
    // The processes of a server that was ended go a moment after it.
    for _ in 0..50 {
        if removed.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        removed = root.remove_own_folder(name.as_ref());
    }
    removed
}

/// Finds a user of this host.
pub(super) fn user(name: &str, cx: &Context) -> Result<(String, u32, u32)> {
    let path = cx.host().path("/etc/passwd");
    let text =
        std::fs::read_to_string(&path).map_err(|error| Error::from_io(error, format!("`{}`", path.display())))?;
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        let mut number = || fields.nth(1)?.parse().ok();
        let (user, mut rest) = (number()?, fields);
        let group = rest.next()?.parse().ok()?;
        is_it.then(|| (name.to_owned(), user, group))
    });
    found.filter(|(_, user, _)| *user != 0).ok_or_else(|| {
        super::config(format!("there is no user `{name}` here that is not root"), "set `user`: a server refuses root")
    })
}

/// Returns the first folder on the way that a user cannot pass.
pub(super) fn closed_to(path: &Path, user: (u32, u32)) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    path.ancestors().map(Path::to_owned).collect::<Vec<_>>().into_iter().rev().find(|folder| {
        std::fs::metadata(folder).is_ok_and(|meta| {
            let bit = match (meta.uid() == user.0, meta.gid() == user.1) {
                (true, _) => 0o100,
                (_, true) => 0o010,
                _ => 0o001,
            };
            meta.mode() & bit == 0
        })
    })
}
