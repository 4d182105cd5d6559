"""Servers under test: `evh5 view`, and the one beside a mount; and a client that sends what it is told to."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import urllib.parse


class Served:
    """Where files are shown by HTTP, and the token."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.host, self.port = urllib.parse.urlsplit(url).hostname, urllib.parse.urlsplit(url).port

    def __truediv__(self, path):
        """The address of a path, with the token in it."""
        return self.url + urllib.parse.quote(str(path), safe="/,=") + (f"?token={self.token}" if self.token else "")

    @property
    def bearer(self):
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, target, method="GET", headers=None, token=True):
        """(status, headers, body) of one request; `target` goes out as it is."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            all = {"Host": f"{self.host}:{self.port}"} | (self.bearer if token else {}) | (headers or {})
            for name, value in all.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def path(self, path, **options):
        """`ask` for a path of the mount."""
        return self.ask("/" + urllib.parse.quote(str(path), safe="/,="), **options)

    def raw(self, data, patience=30):
        """All that comes back when these bytes are sent and nothing more."""
        with socket.create_connection((self.host, self.port), timeout=patience) as client:
            with contextlib.suppress(OSError):
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            back = b""
            with contextlib.suppress(ConnectionError):
                while part := client.recv(65536):
                    back += part
            return back


class View(Served):
    """A running `evh5 view`."""

    def __init__(self, binary, *arguments, **options):
        self.process = binary.start("view", *arguments, "--log-level", "error", **options)
        line = self.process.stdout.readline().decode()
        if not line.startswith("http://"):
            line += self.process.stdout.read().decode()
            raise AssertionError(f"view: exit {self.process.wait(10)}: {line}")
        parts = urllib.parse.urlsplit(line.strip())
        super().__init__(f"http://{parts.netloc}/", urllib.parse.parse_qs(parts.query).get("token", [None])[0])

    def stop(self, number=signal.SIGINT, patience=20):
        """The exit code after a signal."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            return self.process.wait(patience)
        finally:
            self.process.kill()
            self.process.stdout.close()


def of_mount(where):
    """The server beside a mount."""
    http = where.binary.json("status", where.point)["http"]
    return Served(http["url"], pathlib.Path(http["tokenFile"]).read_text().strip() if "tokenFile" in http else None)
