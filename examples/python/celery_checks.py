"""Checks as a task of Celery, with a kind of one's own among them: `celery -A celery_checks worker -B`.

The worker that runs it is forked from its parent, as Celery does by default: each process of selx has threads of its own.
"""

import os

import selx
from backlog import registry
from celery import Celery

app = Celery("checks", broker=os.environ.get("BROKER", "redis://127.0.0.1:6379/0"), backend="rpc://")
OUTBOX = os.environ.get("OUTBOX", "/var/spool/shop/outbox")
app.conf.beat_schedule = {"checks": {"task": "celery_checks.look", "schedule": 300.0, "args": (OUTBOX,)}}


@app.task(name="celery_checks.look", ignore_result=False)
def look(outbox):
    """Looks at this host and at an outbox, and returns what is not ok."""
    checks = [selx.Check("host-disk", paths=["/"]), selx.Check("backlog", folder=outbox)]
    results = registry.check_many(checks)
    return [str(result) for result in results if not result.ok]
