//! Asks the workers whether they are there.

use selx_core::{Context, Result};

use super::Facts;
use crate::celery::config::Broker;
use crate::celery::hear;
use crate::celery::pidbox::{self, Roll};
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
    // What another check has to know of every worker says as well that it is there.
    let asked = match cx.is_alone() {
        true => ping(broker, cx).await?,
        false => hear::active_queues(broker, cx).await?.map(|heard| (heard.roll(), None)),
    };
    let (roll, redis) = match asked {
        Ok(asked) => asked,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let looks_further = roll.silent() > 0 || roll.subscribers == 0;
    facts.roll = Some(roll);
    if looks_further {
        let redis = match redis {
            Some(redis) => Ok(redis),
            None => broker.open(cx).await?,
        };
        // A name is worth having, and no more than that: without it the finding stands all the same.
        if let Ok(mut redis) = redis {
            facts.known = who::look(&mut redis, &broker.names, cx).await?.ok();
        }
    }
    Ok(Ok(()))
}

/// Asks whether they are there, on a connection that is good for more.
async fn ping(broker: &Broker, cx: &Context) -> Result<Result<(Roll, Option<Connection>), Trouble>> {
    let mut redis = match broker.open(cx).await? {
        Ok(redis) => redis,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let methods = [Method::Ping];
    let asked = pidbox::ask(&mut redis, &broker.server, &broker.names, methods, broker.patience, cx).await?;
    Ok(asked.map(|[heard]| (heard.roll(), Some(redis))))
}
