//! Asks the workers whether they are there.

use std::sync::Arc;

use selx_core::{Context, Result};

use super::Facts;
use crate::celery::config::Broker;
use crate::celery::hear;
use crate::celery::pidbox::{self, Heard};
use crate::celery::request::Method;
use crate::celery::who;
use crate::redis::client::{Connection, Trouble};

pub(super) async fn probe(broker: &Broker, cx: &Context) -> Result<Facts> {
    let mut facts = Facts { broker: broker.subject(), channel: broker.names.channel(), ..Facts::default() };
    if let Err(trouble) = look(broker, &mut facts, cx).await? {
        facts.trouble = Some(trouble);
    }
    Ok(facts)
}

async fn look(broker: &Broker, facts: &mut Facts, cx: &Context) -> Result<Result<(), Trouble>> {
    let mut redis = match broker.open(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Err(trouble)),
    };
    // What another check has to know of every worker says as well that it is there.
    let heard = match cx.is_alone() {
        true => ping(&mut redis, broker, cx).await?.map(Arc::new),
        false => hear::active_queues(&mut redis, broker, cx).await?,
    };
    let roll = match heard {
        Ok(heard) => heard.roll(),
        Err(trouble) => return Ok(Err(trouble)),
    };
    let looks_further = roll.silent() > 0 || roll.subscribers == 0;
    facts.roll = Some(roll);
    if looks_further {
        // A name is worth having, and no more than that: without it the finding stands all the same.
        facts.known = who::look(&mut redis, &broker.names, cx).await?.ok();
    }
    Ok(Ok(()))
}

async fn ping(redis: &mut Connection, broker: &Broker, cx: &Context) -> Result<Result<Heard, Trouble>> {
    let asked = pidbox::ask(redis, &broker.server, &broker.names, [Method::Ping], broker.patience, cx).await?;
    Ok(asked.map(|[heard]| heard))
}
