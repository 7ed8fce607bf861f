"""The figures of selx in Python, beside what monitoring scripts use today.

    python benches/python.py            # everything
    python benches/python.py import     # a part: import, check, http, table, psutil, redis, celery

It wants the wheel in its release profile, and requests, psutil, redis and celery beside it, and `ab` (apache2-utils); nginx-light
and redis-server are started on loopback, and ended. What `cargo bench --bench figures -- embed` prints is the same call from Rust. Every line is
the median of runs in turn. Quote ratios.
"""

import contextlib
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import selx

HERE = pathlib.Path(__file__).parent


def timed(work, *, number=1):
    began = time.perf_counter()
    for _ in range(number):
        work()
    return (time.perf_counter() - began) / number


def in_turn(*works, runs=7, number=1):
    """Returns the medians of works that are done in turn, in seconds."""
    for work in works:
        work()
    times = [[timed(work, number=number) for work in works] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*times)]


def row(what, ours, theirs, figure):
    print(f"| {what} | {ours} | {theirs} | {figure} |", flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def server(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise SystemExit(f"{command[0]} does not listen")
        yield
    finally:
        process.terminate()
        process.wait(20)


def imports():
    def of(code):
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    bare, ours, requests, psutil = in_turn(
        of("pass"), of("import selx"), of("import requests"), of("import psutil"), runs=15
    )
    row(
        "`import selx`, over a bare interpreter",
        f"{1000 * (ours - bare):.1f} ms",
        f"{1000 * (requests - bare):.1f} ms (requests); {1000 * (psutil - bare):.1f} ms (psutil)",
        "aim 30 ms at most",
    )


def check():
    said = subprocess.run(
        ["cargo", "bench", "-q", "--bench", "figures", "--", "embed"], cwd=HERE.parent, check=True, capture_output=True,
        text=True,
    ).stdout
    for kind, settings in (("host-memory", {}), ("host-disk", {"paths": ["/"]})):
        (rust,) = [float(number) for number in re.findall(rf"`{kind}` from Rust.*?\| ([\d.]+) µs", said)]
        times = sorted(timed(lambda: selx.check(kind, **settings)) for _ in range(2000))
        ours = 1e6 * times[len(times) // 2]
        row(f"one `{kind}` from Python", f"{ours:.0f} µs", f"{rust:.0f} µs (from Rust)", f"{ours - rust:.0f} µs above; aim 50 µs")


SLOW = """
import asyncio, sys
class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        asyncio.get_running_loop().call_later(0.02, self.answer)
    def answer(self):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
        self.transport.close()
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()
asyncio.run(main())
"""


def http():
    import requests

    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        pathlib.Path(folder, "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
            "events { worker_connections 4096; }\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 ok; }} }} }}\n"
        )
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        with server([nginx, "-p", folder, "-c", f"{folder}/nginx.conf"], port):
            url = f"http://127.0.0.1:{port}/"
            checks = [selx.Check("http", url=url) for _ in range(1000)]

            def ours():
                assert all(selx.check_many(checks))

            def loop():
                for _ in range(1000):
                    assert requests.get(url, timeout=5).status_code == 200

            def session():
                with requests.Session() as one:
                    for _ in range(1000):
                        assert one.get(url, timeout=5).status_code == 200

            def bare():
                # What a client in C that judges nothing needs for the same connections.
                subprocess.run(["ab", "-q", "-n", "1000", "-c", "64", url], check=True, capture_output=True)

            mine, theirs, kept, floor = in_turn(ours, loop, session, bare, runs=5)
    row(
        "1,000 HTTP checks by `check_many`, each of its own connection, of a server that answers at once",
        f"{mine:.2f} s",
        f"{theirs:.2f} s (a loop of requests); {kept:.2f} s (a session, which keeps its connection); {floor:.2f} s (`ab`, in C)",
        f"{theirs / mine:.1f} × and {kept / mine:.1f} × faster; aim 20 ×; `ab` {theirs / floor:.1f} ×",
    )
    port = free_port()
    with server([sys.executable, "-c", SLOW, str(port)], port):
        url = f"http://127.0.0.1:{port}/"
        checks = [selx.Check("http", url=url) for _ in range(1000)]
        mine, theirs = in_turn(ours, loop, runs=3)
    row(
        "the same, of a server that takes 20 ms",
        f"{mine:.2f} s",
        f"{theirs:.1f} s (a loop of requests)",
        f"{theirs / mine:.0f} × faster; aim 20 ×",
    )


def table():
    one = selx.check("host-disk", paths=["/"]).to_dict()
    entries = [{**one, "name": f"disk-{index}"} for index in range(10_000)]
    report = selx.run("host-memory").to_dict()
    import json
    import pickle

    kept = selx.run("host-memory").__reduce__()
    report = kept[0](kept[1][0], json.dumps({**report, "entries": entries}))
    assert len(pickle.loads(pickle.dumps(report))) == 10_000
    (took,) = in_turn(report._repr_html_, runs=15)
    row("the notebook table of 10,000 results", f"{1000 * took:.0f} ms", "", "aim 100 ms at most")


def psutil():
    import psutil

    def ours():
        selx.check_many([selx.Check("host-disk", paths=["/"]), selx.Check("host-memory")])

    def theirs():
        return psutil.disk_usage("/"), psutil.virtual_memory(), psutil.swap_memory()

    mine, other = in_turn(ours, theirs, runs=15, number=50)
    row(
        "disk and memory, judged",
        f"{1e6 * mine:.0f} µs",
        f"{1e6 * other:.0f} µs (psutil, numbers alone)",
        f"{mine / other:.1f} ×: not a like thing",
    )


@contextlib.contextmanager
def a_redis():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with server(command, port):
            yield port


def redis():
    import redis

    with a_redis() as port:

        def ours():
            assert selx.check("redis-ping", target=f"redis://127.0.0.1:{port}/0").status in ("ok", "warning")

        def theirs():
            with redis.Redis(port=port, socket_timeout=5) as client:
                client.ping()
                client.info()

        mine, other = in_turn(ours, theirs, runs=15, number=20)
    row(
        "Redis answers and would take writes, with a connection of its own",
        f"{1e6 * mine:.0f} µs",
        f"{1e6 * other:.0f} µs (redis-py: ping and info)",
        f"{other / mine:.1f} × faster",
    )


def celery():
    from celery import Celery

    with a_redis() as port, tempfile.TemporaryDirectory() as folder:
        broker = f"redis://127.0.0.1:{port}/0"
        pathlib.Path(folder, "app.py").write_text(f"from celery import Celery\napp = Celery('app', broker={broker!r})\n")
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "app", "worker", "-c", "1", "-l", "CRITICAL"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            app = Celery("app", broker=broker)
            until = time.monotonic() + 60
            while not app.control.ping(timeout=1) and time.monotonic() < until:
                pass

            def ours():
                result = selx.check("celery-workers", target=broker, expect=1)
                assert result.measures, str(result)

            def theirs():
                assert app.control.inspect(timeout=1).ping()

            mine, other = in_turn(ours, theirs, runs=7)
        finally:
            worker.terminate()
            worker.wait(30)
    row(
        "the workers of Celery answer",
        f"{1000 * mine:.0f} ms",
        f"{1000 * other:.0f} ms (celery: inspect().ping())",
        f"{other / mine:.1f} × faster",
    )


PARTS = {"import": imports, "check": check, "http": http, "table": table, "psutil": psutil, "redis": redis, "celery": celery}

if __name__ == "__main__":
    print("| measured | selx | beside it | figure |\n|---|--:|--:|---|")
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
