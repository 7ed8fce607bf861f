"""An application whose settings come from the environment."""

import json
import os
import time

from celery import Celery

app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(json.loads(os.environ.get("CONF", "{}")))


@app.task(name="app.add")
def add(x, y):
    return x + y


@app.task(name="app.sleep")
def sleep(seconds):
    time.sleep(seconds)
