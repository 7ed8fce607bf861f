//! The programs of PostgreSQL: where they are, which version they have, and how they reach a server.

use std::path::{Path, PathBuf};

use selx_core::{Context, Error, ErrorKind, Host, Result, Secret};

use crate::command::{Child, Ended, Exit};
use crate::postgres::Tls;
use crate::postgres::talk::Login;
use crate::target::Place;

/// Where packages put the programs of a version, before and behind its number.
const PLACES: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/usr", "bin")];

/// A folder with the programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
    pub(crate) major: u32,
    /// The whole version, such as `15.20`.
    pub(crate) version: String,
}

impl Programs {
    /// Finds those for a server: of its own version, else the next newer one. What is older than the server is none.
    ///
    /// # Errors
    ///
    /// `Missing`, with what there is instead.
    pub(crate) async fn of(configured: Option<&str>, program: &str, server: u32, cx: &Context) -> Result<Self> {
        let folders = match configured {
            Some(folder) => vec![PathBuf::from(folder)],
            None => folders(cx.host(), program),
        };
        let (mut fit, mut others) = (Vec::new(), Vec::new());
        for folder in folders {
            let found = Self::look(&folder, program, cx).await;
            match found {
                Ok(found) if found.major >= server => fit.push(found),
                Ok(found) => others.push(format!("version {} in `{}`", found.version, folder.display())),
                Err(error) if configured.is_some() => return Err(error),
                Err(_) => {}
            }
        }
        fit.sort_by_key(|found| found.major);
        fit.into_iter().next().ok_or_else(|| {
            let there = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            let message = format!("`{program}` of version {server} or newer is needed, and there is {there}");
            Error::new(ErrorKind::Missing, message)
                .advice(format!("install it: `apt-get install postgresql-client-{server}`, or set `programs`"))
        })
    }

    async fn look(folder: &Path, program: &str, cx: &Context) -> Result<Self> {
        let path = folder.join(program);
        let ended = Child::new(&path).arg("--version").run(cx).await?;
        let version = ended.stdout.text.split(") ").nth(1).or_else(|| ended.stdout.text.split(' ').next_back());
        let version = version.and_then(|text| text.split_whitespace().next()).unwrap_or_default().to_owned();
        match (ended.exit, major(&version)) {
            (Exit::Code(0), Some(major)) => Ok(Self { folder: folder.to_owned(), major, version }),
            _ => Err(Error::new(ErrorKind::Local, format!("`{}` does not say its version", path.display()))),
        }
    }

    /// Returns one of them.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Returns the major version of a server or a program, such as 15 of `15.20 (Debian)`.
pub(crate) fn major(version: &str) -> Option<u32> {
    version.split(|letter: char| !letter.is_ascii_digit()).next().and_then(|text| text.parse().ok())
}

/// Tells whether a version lacks updates that another one has. A server writes down what those before an update do not
/// know, also within one major version: `pg_dump` 15.18 dumps `pg_attver` of a server of 15.20, and one of 15.18 refuses it.
pub(crate) fn is_older(version: &str, than: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
        text.get(..end).unwrap_or_default().split('.').map_while(|number| number.parse().ok()).collect()
    };
    numbers(version) < numbers(than)
}

/// Returns a version without what a distribution says of it, such as `15.20` of `15.20 (Debian 15.20-0+deb12u1)`.
pub(crate) fn short(version: &str) -> &str {
    version.split(' ').next().unwrap_or(version)
}

fn folders(host: &Host, program: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (before, behind) in PLACES {
        for entry in std::fs::read_dir(host.path(before)).into_iter().flatten().flatten() {
            // `/usr/lib/postgresql/15/bin`, and `/usr/pgsql-15/bin`.
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("pgsql-").unwrap_or(&name);
            let folder = Path::new(before).join(&name).join(behind);
            if number.parse::<u32>().is_ok() && host.path(&folder).join(program).is_file() {
                folders.push(folder);
            }
        }
    }
    // A wrapper of Debian there chooses among the others, and is none of its own.
    if folders.is_empty() && host.path("/usr/bin").join(program).is_file() {
        folders.push("/usr/bin".into());
    }
    folders
}

/// Tells a program of PostgreSQL how to reach a server. The password is in a file that has no name and no place on a disk.
pub(crate) fn reaching(mut child: Child, login: &Login, database: &str) -> Child {
    let (host, port) = match &login.place {
        Place::Tcp { host, port } => (host.clone(), *port),
        Place::Unix(path) => socket(path),
    };
    let mode = match login.tls {
        Tls::Off => "disable",
        Tls::Prefer => "prefer",
        Tls::Require => "require",
        Tls::Verify => "verify-full",
    };
    child = child
        .env("PGHOST", host)
        .env("PGPORT", port.to_string())
        .env("PGUSER", &*login.user)
        .env("PGDATABASE", database)
        .env("PGAPPNAME", "selx")
        .env("PGCONNECT_TIMEOUT", "15")
        .env("PGSSLMODE", mode);
    if let Some(file) = &login.ca_file {
        child = child.env("PGSSLROOTCERT", file.to_string_lossy());
    } else if login.tls == Tls::Verify {
        child = child.env("PGSSLROOTCERT", "system");
    }
    let is_far = matches!(login.place, Place::Tcp { .. }) && login.tls != Tls::Verify && !login.weak;
    if is_far && login.password.is_some() && !is_loopback(&login.place) {
        // Versions before 16 do not know it; our own session has refused such a server before.
        child = child.env("PGREQUIREAUTH", "scram-sha-256");
    }
    match &login.password {
        Some(password) => {
            let escaped = password.expose().replace('\\', "\\\\").replace(':', "\\:");
            child.secret_file("PGPASSFILE", Secret::new(format!("*:*:*:*:{escaped}\n")))
        }
        None => child.env("PGPASSFILE", "/dev/null"),
    }
}

fn is_loopback(place: &Place) -> bool {
    matches!(place, Place::Tcp { host, .. }
        if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()))
}

/// Returns the folder and the port that stand for a socket file.
fn socket(path: &Path) -> (String, u16) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_prefix(".s.PGSQL.").and_then(|port| port.parse().ok()) {
        Some(port) => (path.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned(), port),
        None => (path.to_string_lossy().into_owned(), 5432),
    }
}

/// Makes sure that a program did what it was to do.
pub(crate) fn is_fine(ended: &Ended, program: &str) -> Result<()> {
    let how = match ended.exit {
        Exit::Code(0) => return Ok(()),
        Exit::Code(code) => format!("ended with the code {code}"),
        Exit::Signal(signal) => format!("was ended by the signal {signal}"),
        Exit::OutOfTime => return Err(Error::new(ErrorKind::TimedOut, format!("`{program}` did not end in time"))),
        Exit::Flooded => "wrote without an end".to_owned(),
    };
    let lines: Vec<&str> = ended.stderr.text.lines().filter(|line| !line.trim().is_empty()).take(5).collect();
    let said: String = lines.join("; ").chars().take(600).collect();
    let said =
        if said.is_empty() { "it said nothing".to_owned() } else { selx_core::escape::visible(&said).to_string() };
    Err(Error::new(ErrorKind::Rejected, format!("`{program}` {how}: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_count_and_what_a_distribution_says_does_not() {
        for (version, than) in [
            ("15.18", "15.20"),
            ("15.9", "15.20 (Debian 15.20-0+deb12u1)"),
            ("15.20 (Debian 15.20-0+deb12u1)", "16.1"),
            ("9.6.24", "10.1"),
            ("17beta1", "17.0"),
        ] {
            assert!(is_older(version, than) && !is_older(than, version), "{version} {than}");
        }
        assert!(!is_older("15.20 (Debian 15.20-0+deb12u1)", "15.20"));
        assert!(!is_older("15.20", ""), "what is not known is not newer");
        assert_eq!(short("15.20 (Debian 15.20-0+deb12u1)"), "15.20");
    }
}
