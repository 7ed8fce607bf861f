"""The Celery application of the workers."""

from pathlib import Path

from celery import Celery
from celery.signals import worker_ready
from kombu import Exchange, Queue
from settings import redis_url

app = Celery("selextract", broker=redis_url(0), backend=redis_url(1), include=["worker.tasks"])
app.conf.update(
    # Without an exchange and a key of its own, a queue gets those of the default one, and every task lands in all three.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in ("default", "scrape", "reports")],
    task_default_queue="default",
    task_default_exchange="default",
    task_default_routing_key="default",
    task_routes={
        "worker.tasks.scrape": {"queue": "scrape", "routing_key": "scrape"},
        "worker.tasks.report": {"queue": "reports", "routing_key": "reports"},
    },
    task_default_priority=3,
    broker_transport_options={"queue_order_strategy": "priority"},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    result_expires=3600,
    timezone="UTC",
)


@worker_ready.connect
def ready(**_):
    # In memory of this container's life, so that it is gone with the worker.
    Path("/dev/shm/ready").touch()
