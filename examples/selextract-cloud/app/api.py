"""The API: health, tasks, the caller, and metrics."""

import threading
from contextlib import closing

import redis
from serving import Handler, serve
from settings import database, redis_url

broker = redis.Redis.from_url(redis_url(0), socket_timeout=2, socket_connect_timeout=2)
counted = threading.Lock()
requests = {}

QUEUES = ["default", "scrape", "reports"]
# Redis has no priorities: the transport keeps a list for each of these steps.
STEPS = ["", "\x06\x163", "\x06\x166", "\x06\x169"]


def rows(sql, *values):
    with closing(database()) as connection:
        cursor = connection.cursor()
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else connection.commit()


def health():
    """Asks both services something that they cannot answer unless they work."""
    found = {}
    for name, ask in {"database": lambda: rows("SELECT 1 FROM tasks LIMIT 1"), "redis": broker.ping}.items():
        try:
            ask()
            found[name] = "ok"
        except Exception as error:
            found[name] = f"{type(error).__name__}"
    good = all(state == "ok" for state in found.values())
    return (200 if good else 503), {"status": "ok" if good else "unavailable", **found}


def metrics():
    lines = ["# TYPE http_requests_total counter"]
    with counted:
        lines += [f'http_requests_total{{status="{status}"}} {count}' for status, count in sorted(requests.items())]
    lines.append("# TYPE selextract_tasks gauge")
    recent = "SELECT status, count(*) FROM tasks WHERE created_at > now() - interval '1 day' GROUP BY status"
    lines += [f'selextract_tasks{{status="{status}"}} {count}' for status, count in rows(recent)]
    lines.append("# TYPE selextract_queue_messages gauge")
    for queue in QUEUES:
        waiting = sum(broker.llen(queue + step) for step in STEPS)
        lines.append(f'selextract_queue_messages{{queue="{queue}"}} {waiting}')
    return "\n".join(lines) + "\n"


class Api(Handler):
    def answer(self, status, content, kind="application/json"):
        with counted:
            requests[status] = requests.get(status, 0) + 1
        super().answer(status, content, kind)

    def do_GET(self):
        path = self.path.split("?")[0]
        try:
            if path == "/health":
                self.answer(*health())
            elif path == "/metrics":
                self.answer(200, metrics(), "text/plain; version=0.0.4")
            elif path == "/api/v1/tasks":
                found = rows("SELECT id, status, created_at FROM tasks ORDER BY id DESC LIMIT 20")
                tasks = [{"id": id, "status": status, "created_at": at.isoformat()} for id, status, at in found]
                self.answer(200, {"tasks": tasks})
            elif path == "/api/v1/users/me":
                self.answer(401, {"error": "a token is needed"})
            else:
                self.answer(404, {"error": "there is no such page"})
        except Exception as error:
            self.answer(503, {"error": type(error).__name__})

    def do_POST(self):
        """Takes a task: a row, and a message to the workers."""
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 65536))
        if self.path != "/api/v1/tasks":
            return self.answer(404, {"error": "there is no such page"})
        try:
            from worker.tasks import scrape

            with closing(database()) as connection:
                cursor = connection.cursor()
                cursor.execute("INSERT INTO tasks (user_id) SELECT min(id) FROM users RETURNING id")
                (id,) = cursor.fetchone()
                connection.commit()
            scrape.apply_async((id,), priority=6)
            self.answer(202, {"id": id})
        except Exception as error:
            self.answer(503, {"error": type(error).__name__})


if __name__ == "__main__":
    serve(8000, Api)
