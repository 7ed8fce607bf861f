"""What the workers do."""

import json
import time
from contextlib import closing

from settings import database
from worker.celery_config import app


def finish(id, status, result):
    with closing(database()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "UPDATE tasks SET status = %s, result = %s::jsonb, updated_at = now() WHERE id = %s",
            (status, json.dumps(result), id),
        )
        connection.commit()


@app.task
def scrape(id, seconds=0.1):
    """Works on a task of the table."""
    finish(id, "RUNNING", None)
    time.sleep(seconds)
    finish(id, "COMPLETED", {"pages": 1})
    return id


@app.task
def report():
    """Counts what there is."""
    with closing(database()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM tasks")
        return cursor.fetchone()[0]


@app.task
def sleep(seconds):
    """Keeps a process of the pool busy."""
    time.sleep(seconds)
