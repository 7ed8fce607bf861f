"""The same in an event loop, many at once, and in processes that fork."""

import asyncio
import http.server
import inspect
import multiprocessing
import os
import pathlib
import threading
import time

import pytest

import selx


@pytest.fixture
def shop():
    """A server that is well, and one page that is not."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(500 if self.path == "/broken" else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_many_at_once_in_their_order(shop):
    checks = [selx.Check("http", url=f"{shop}/{'broken' if index % 10 == 3 else index}") for index in range(200)]
    results = selx.check_many(checks)
    assert [result.name for result in results] == [f"python-{index}" for index in range(200)]
    assert [result.ok for result in results] == [index % 10 != 3 for index in range(200)]


def test_many_hang_side_by_side(silent):
    checks = [selx.Check("http", url=f"http://127.0.0.1:{silent.port}/", timeout=0.5) for _ in range(40)]
    began = time.monotonic()
    assert [result.status for result in selx.check_many(checks)] == ["critical"] * 40
    assert time.monotonic() - began < 4, "one after the other it is 20 s"
    assert selx.check_many([]) == []


def test_what_is_wrong_with_many_is_told_at_once():
    checks = [selx.Check("host-disk", pahts=["/"]), selx.Check("host-memory"), selx.Check("host-disk", paths=3)]
    with pytest.raises(selx.ConfigError) as caught:
        selx.check_many(checks)
    text = str(caught.value)
    assert "checks[0], `host-disk`" in text and "pahts" in text and "checks[2]" in text, text
    with pytest.raises(selx.UsageError, match=r"checks\[1\].*htpp.*http"):
        selx.check_many([selx.Check("host-memory"), selx.Check("htpp", url="http://x/")])
    with pytest.raises(selx.ConfigError, match=r"checks\[0\], `host-disk`.*pahts"):
        selx.check_many([selx.Check("host-disk", pahts=["/"])])
    with pytest.raises(selx.ConfigError, match=r"checks\[1\].timeout"):
        selx.check_many([selx.Check("host-memory"), selx.Check("host-memory", timeout=-1)])
    with pytest.raises(selx.ConfigError, match=r"checks\[0\].paths"):
        selx.check_many([selx.Check("host-disk", paths=[object()])])
    with pytest.raises(TypeError, match=r"checks\[0\] is a str"):
        selx.check_many(["http"])
    with pytest.raises(selx.UsageError, match="concurrency"):
        selx.check_many([selx.Check("host-memory")], concurrency=0)
    with pytest.raises(selx.ConfigError):
        selx.check_many([selx.Check("host-memory", "a"), selx.Check("host-memory", "a")])


def test_a_check_to_be_run_does_not_print_its_settings():
    assert repr(selx.Check("http", "shop", url="http://me:canary@x/")) == "<selx.Check http.shop>"


def test_pairs_have_the_same_signature():
    for plain, pair in [(selx.check_many, selx.check_many_async)]:
        assert inspect.signature(plain).parameters == inspect.signature(pair).parameters
    for pair in (selx.check_async, selx.check_many_async, selx.run_async):
        assert inspect.iscoroutinefunction(pair)
    for plain, pair in [(selx.check, selx.check_async), (selx.run, selx.run_async)]:
        assert list(inspect.signature(plain).parameters) == list(inspect.signature(pair).parameters)


def test_the_event_loop_goes_on(silent):
    async def main():
        steps = 0

        async def count():
            nonlocal steps
            while True:
                steps += 1
                await asyncio.sleep(0.001)

        counting = asyncio.create_task(count())
        url = f"http://127.0.0.1:{silent.port}/"
        began = time.monotonic()
        results = await asyncio.gather(*(selx.check_async("http", url=url, timeout=0.5) for _ in range(20)))
        took = time.monotonic() - began
        counting.cancel()
        return results, steps, took

    results, steps, took = asyncio.run(main())
    assert [result.status for result in results] == ["critical"] * 20
    assert steps > 50, steps
    assert took < 3, took


def test_pairs_come_to_the_same(shop, tmp_path):
    path = tmp_path / "selx.toml"
    path.write_text("[history]\nenabled = false\n[check.host-memory.here]\nroutines = ['daily']\n")
    path.chmod(0o600)

    async def main():
        one = await selx.check_async("http", "shop", url=shop)
        many = await selx.check_many_async([selx.Check("http", url=f"{shop}/broken"), selx.Check("host-memory")])
        report = await selx.run_async(config=path)
        assert await selx.check_many_async([]) == []
        return one, many, report

    one, many, report = asyncio.run(main())
    assert one.ok and one.name == "shop"
    assert [result.kind for result in many] == ["http", "host-memory"] and not many[0].ok
    assert [result.name for result in report] == ["here"]


def test_what_is_wrong_is_raised_where_it_is_awaited():
    async def main():
        with pytest.raises(selx.UsageError, match="host-disk"):
            await selx.check_async("host-dsk")
        with pytest.raises(selx.ConfigError, match="pahts"):
            await selx.check_async("host-disk", pahts=["/"])
        with pytest.raises(selx.ConfigError, match="nowhere"):
            await selx.run_async(config="/nowhere.toml")

    asyncio.run(main())


def test_a_task_that_is_cancelled_ends_its_check(tmp_path):
    pid_file = tmp_path / "pid"

    async def main():
        script = f"echo $$ > {pid_file}; exec sleep 300"
        task = asyncio.create_task(selx.check_async("command", program="/bin/sh", args=["-c", script], timeout=60))
        while not (pid_file.exists() and pid_file.read_text().strip()):
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.5

    asyncio.run(main())
    child = pathlib.Path(f"/proc/{pid_file.read_text().strip()}")
    deadline = time.monotonic() + 5
    while child.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not child.exists()


def test_a_loop_that_closes_before_the_check_ends(silent):
    async def main():
        task = asyncio.ensure_future(selx.check_async("http", url=f"http://127.0.0.1:{silent.port}/", timeout=1))
        await asyncio.sleep(0.05)
        task.cancel()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert selx.check("host-memory").measures


def test_without_a_loop_a_future_is_no_use():
    with pytest.raises(RuntimeError, match="loop"):
        selx._selx._Registry().check_async(("host-memory", "python", None, None, {}))


def in_a_child(queue):
    queue.put(selx.check("host-memory").kind)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_every_kind(method):
    selx.check("host-memory")
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_a_child, args=(queue,))
    child.start()
    assert queue.get(timeout=20) == "host-memory"
    child.join(20)
    assert child.exitcode == 0


def test_forks_of_forks_while_others_check():
    stop = threading.Event()

    def go_on():
        while not stop.is_set():
            selx.check("host-memory")

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if forked_again() else 1)
            assert wait_for(child) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def forked_again():
    grandchild = os.fork()
    if grandchild == 0:
        os._exit(0 if selx.check("host-memory").measures else 1)
    return wait_for(grandchild) == 0 and selx.check("host-memory").measures


def wait_for(child):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"
