"""A server that accepts and stays silent: the hang that health checks meet."""

import signal
import socket
import threading

import pytest

# A shell that starts these tests in the background has them ignore Ctrl-C, and every child with them.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Silent:
    """Accepts every connection, reads nothing, answers nothing, and keeps it open."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._held = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                self._held.append(self._listener.accept()[0])
            except OSError:
                return

    @property
    def accepted(self):
        return len(self._held)

    def close(self):
        # shutdown wakes the thread in accept; close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self._held:
            connection.close()


@pytest.fixture
def silent():
    server = Silent()
    yield server
    server.close()
