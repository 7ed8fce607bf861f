//! What would be restored for a drill, and why it may not be.

use std::path::PathBuf;

use selx_core::action::{Plan, Planned, Refused, Risk, Undo};
use selx_core::{ByteSize, Context, ErrorKind, Result, TimeSpan};

use super::{Config, Step, cluster, proof};
use crate::backup::load;
use crate::backup::programs::{Programs, is_older, major, short};
use crate::deletion::Root;

/// How many bytes of a dump are loaded in a second, at least.
const RATE: f64 = 10e6;
/// How much room a server takes before anything is in it.
const EMPTY: u64 = 128 << 20;

/// Looks at the archive and at this host.
pub(super) async fn plan(config: &Config, cx: &Context) -> Result<Plan<Step>> {
    let path = load::chosen(config.archive.as_ref(), config.folder.as_ref(), config.name.as_ref(), cx.host())?;
    let scratch = cx.host().path(config.scratch.as_str());
    let root = Root::open(&scratch)?;
    let mut plan = Plan::of(Vec::new());
    let mut refuse = |why: String, advice: &str| plan.refused.push(Refused { why, advice: advice.to_owned() });
    let proven = match load::prove(&path, cx).await? {
        Ok(proven) => proven,
        Err(why) => {
            refuse(format!("`{}` proves nothing: {why}", path.display()), "make a backup with `backup-create`");
            return Ok(plan);
        }
    };
    let user = match rustix::process::geteuid().is_root() {
        true => Some(cluster::user(&config.user, cx)?),
        false => None,
    };
    if let Some((name, user, group)) = &user
        && let Some(folder) = cluster::closed_to(&scratch, (*user, *group))
    {
        let why = format!(
            "the user `{name}` cannot get to `{}`: it is not let through `{}`",
            scratch.display(),
            folder.display()
        );
        refuse(why, "set `scratch` to a folder on whose way everybody is let through (mode 0711 will do)");
    }
    let made = &proven.made;
    let versions = made.dumps.values().flat_map(|dumped| [major(&dumped.server), major(&dumped.by)]);
    let needed: u32 = versions.flatten().max().unwrap_or(0);
    let programs = config.programs.as_ref().map(|path| path.as_str());
    let programs = match Programs::of(programs, "initdb", needed, cx).await {
        Ok(programs) => programs,
        Err(error) if error.kind() == ErrorKind::Missing => {
            refuse(error.message().to_owned(), "install the server of that version: `apt-get install postgresql`");
            Programs { folder: PathBuf::new(), major: 0, version: String::new() }
        }
        Err(error) => return Err(error),
    };
    let size: u64 = made.dumps.keys().filter_map(|member| made.sizes.get(member)).sum();
    let stat = rustix::fs::statvfs(&scratch)
        .map_err(|errno| selx_core::Error::from_io(errno.into(), format!("`{}`", scratch.display())))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    // Rows, their indexes, and the log of changes beside them.
    let takes = size.saturating_mul(3).saturating_add(EMPTY);
    if free < takes.saturating_add(config.min_free.get()) {
        let why = format!(
            "{} are free in `{}`; the drill may take {}, and {} have to stay free",
            ByteSize(free),
            scratch.display(),
            ByteSize(takes),
            config.min_free
        );
        refuse(why, "make room, or set another `scratch`");
    }
    let source = proven.source.clone();
    let before = proof::read(&source.path).and_then(|record| record.get("at")?.as_str().map(str::to_owned));
    let age = cx.clock().now().duration_since(proven.created).as_secs();
    let age = TimeSpan::secs(u64::try_from(age).unwrap_or(0));
    let step = Step {
        dumps: made
            .dumps
            .keys()
            .map(|member| (member.clone(), proven.sums.get(member).cloned().unwrap_or_default()))
            .collect(),
        source,
        before,
        scratch: config.scratch.as_str().to_owned(),
        leftovers: cluster::folders(&root)?,
        user,
        programs: (programs.folder.display().to_string(), programs.major, programs.version.clone()),
    };
    let mut not_simulated =
        vec!["whether every statement of the dump succeeds: that is what the drill is for".to_owned()];
    let mut servers = made.dumps.values().map(|dumped| dumped.server.as_str());
    if let Some(newer) = servers.find(|server| programs.major > 0 && is_older(&programs.version, server)) {
        not_simulated.push(format!(
            "whether PostgreSQL {} takes what the newer {} had: install its updates here",
            programs.version,
            short(newer)
        ));
    }
    let names: Vec<&str> = made.dumps.values().map(|dumped| dumped.database.as_str()).collect();
    let leftovers = match &*step.leftovers {
        [] => String::new(),
        names => format!("; before that, `{}` goes, which an earlier drill left", names.join("`, `")),
    };
    plan.steps.push(Planned {
        target: step.source.path.clone(),
        what: format!(
            "restore `{}` of `{}` ({}, {age} old) into a server of PostgreSQL {} of its own in `{}`, compare all rows, and try {} \
             assertions; the server goes again{leftovers}",
            names.join("`, `"),
            step.source.path.rsplit('/').next().unwrap_or_default(),
            ByteSize(step.source.bytes),
            programs.version,
            scratch.display(),
            config.assertions.len()
        ),
        risk: Risk::Safe,
        bytes: Some(0),
        seconds: Some((size as f64 / RATE).max(5.0).round()),
        locks: Vec::new(),
        undo: Undo::Possible("the server of the drill is removed; nothing else is touched".to_owned()),
        not_simulated,
        step,
    });
    Ok(plan)
}
