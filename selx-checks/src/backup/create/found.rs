//! What is there of a step, by what is in the archives.

use std::sync::Arc;

use selx_core::action::Seen;
use selx_core::{Context, Error, ErrorKind, Result};

use super::Step;
use super::place::Place;
use crate::backup::archive::whole;
use crate::backup::made::{Made, identity};

/// Makes sure that the folder is the one that was planned with.
pub(super) fn is_there(place: &Place, step: &Step) -> Result<()> {
    if place.inode == step.inode {
        return Ok(());
    }
    let message = format!("`{}` is another folder than when the plan was made", step.folder);
    Err(Error::new(ErrorKind::Local, message).advice("look whether its disk is mounted"))
}

/// Finds the archive that a step made.
pub(super) fn by_step(place: &Place, step: &Step) -> Result<Option<String>> {
    let identity = identity(step)?;
    // What was there before the step is not of it.
    let later = |name: &&String| step.newest.as_ref().is_none_or(|newest| *name > newest);
    for name in place.look()?.0.iter().rev().take_while(later) {
        let manifest = whole::manifest(&place.path(name))?.and_then(|manifest| manifest.selx);
        let made = manifest.and_then(|made| serde_json::from_value::<Made>(made).ok());
        if made.is_some_and(|made| made.step == identity) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Says how far a step is. An archive that it made is read whole for that.
pub(super) async fn probe(place: Place, step: &Step, cx: &Context) -> Result<Seen> {
    if let Err(error) = is_there(&place, step) {
        return Ok(Seen::Unknown(error.to_string()));
    }
    if let Some(name) = by_step(&place, step)? {
        return Ok(match doubt(&place, &name, cx).await? {
            None => Seen::After,
            Some(why) => Seen::Partial(format!("`{name}` is there, and is not whole: {why}")),
        });
    }
    let (_, partial) = place.look()?;
    let ours: Vec<&String> = partial.iter().filter(|name| !step.leftovers.contains(name)).collect();
    Ok(match ours.first() {
        Some(name) => Seen::Partial(format!("`{name}` is there, and is not finished")),
        None => Seen::Before,
    })
}

/// Reads an archive whole, and says why it is not proven to be what its manifest says.
pub(super) async fn doubt(place: &Place, name: &str, cx: &Context) -> Result<Option<String>> {
    let (path, host, now, extent) = (place.path(name), cx.host().clone(), cx.clock().now(), Arc::clone(cx.extent()));
    let archive = cx.blocking("reading the archive", move |token| whole::whole(&path, &host, now, token, &extent));
    let archive = archive.await?;
    if let Some(why) = whole::doubt(&archive) {
        return Ok(Some(why));
    }
    // Whole, but of what? The dumps say it themselves.
    let manifest = whole::manifest(&place.path(name))?.and_then(|manifest| manifest.selx);
    let Some(made) = manifest.and_then(|made| serde_json::from_value::<Made>(made).ok()) else {
        return Ok(Some("its manifest does not say what it is of".to_owned()));
    };
    let wrong = made.dumps.iter().find_map(|(member, dumped)| {
        match archive.content.dumps.iter().find(|dump| dump.member == *member) {
            None => Some(format!("`{member}` is not a dump of PostgreSQL")),
            Some(dump) if dump.database.as_ref() != Some(&dumped.database) => {
                Some(format!("`{member}` is a dump of another database than `{}`", dumped.database))
            }
            Some(_) => None,
        }
    });
    Ok(wrong)
}
