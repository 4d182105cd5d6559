"""Who may ask the server, and what clients that mean harm get: nothing, and the mount does not notice them."""
import contextlib
import pathlib
import random
import resource
import signal
import socket
import threading
import time

import h5py
import pytest

from test_http import served, view, where  # noqa: F401
from test_mount_helper import helper, mount8  # noqa: F401
from toolbox import encoders, scenes
from toolbox.mounting import is_mounted

FILE = "histo/50ms/evt3.h5"


def well(where, served):
    """The mount and the server answer."""
    with h5py.File(where / FILE, "r") as file:
        assert file["data"][-1].any()
    assert served.path(FILE, headers={"Range": "bytes=0-7"})[2] == b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize("headers, status", [
    ({"Authorization": "Bearer wrong"}, 401), ({}, 401), ({"Cookie": "evh5-1=x"}, 401), ({"Authorization": "Basic Og=="}, 401),
])
def test_no_token_and_a_wrong_one(served, headers, status):
    for target in ["/", f"/{FILE}", "/.evh5/status.json", "/nothing", "/.evh5/api/tree", "/.evh5/page/app.js"]:
        got, answer, body = served.ask(target, headers=headers, token=False)
        assert got == status and answer["www-authenticate"].startswith("Bearer")
        # Neither what is there nor the token.
        assert served.token.encode() not in body and b"histo" not in body
        assert served.ask(f"{target}?token={served.token[:-1]}", token=False)[0] == 401
    assert served.ask(f"/{FILE}?token={served.token}", token=False)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "169.254.169.254", "", "a b"])
def test_a_name_that_was_bound_to_this_address(served, host):
    for target in ["/", f"/{FILE}"]:
        assert served.ask(target, headers={"Host": host})[0] in (400, 403)


def test_who_is_refused_is_in_the_log(where, served):
    served.ask("/", headers={"Host": "evil.example"})
    where.wait_for_log("http: a request from 127.0.0.1 was refused (wrong_host)", "evil.example")
    served.ask("/?token=guessed-guessed-guessed", token=False)
    assert "guessed" not in where.log()


def test_names_that_were_given(view, library):
    served = view(library, "--host-name", "login7.example.org,hub.example.org")
    assert served.ask(f"/{FILE}", headers={"Host": "login7.example.org"})[0] == 200
    assert served.ask(f"/{FILE}", headers={"Host": "login8.example.org"})[0] == 403


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
])
def test_pages_of_other_origins(served, headers):
    for target in ["/", f"/{FILE}", "/.evh5/api/tree"]:
        status, answer, _ = served.ask(target, headers=headers)
        assert status == 403 and "access-control-allow-origin" not in answer


@pytest.mark.parametrize("target", [
    "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/histo/50ms/..%2f..%2f..%2fetc/passwd", "/../etc/passwd", "//etc/passwd",
    "/histo/50ms/evt3.h5%00", "/histo/50ms/%00/evt3.h5", "/histo%2f50ms/evt3.h5", "/%c0%ae%c0%ae/etc/passwd", "/histo/50ms/\\..\\..\\etc\\passwd",
    "/histo/50ms/%5c..%5c..%5cetc", "file:///etc/passwd", "/etc/passwd", "/histo/50ms/evt3.raw", "/proc/self/environ",
])
def test_no_address_leads_out(served, target):
    status, _, body = served.ask(target)
    assert status in (400, 404) and b"root:" not in body


def test_links_out_of_the_source(view, source, tmp_path):
    encoders.write(source / "a.raw", "evt3", scenes.raw_events("evt3", scenes.scene(count=1000)))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    encoders.write(outside / "b.raw", "evt3", scenes.raw_events("evt3", scenes.scene(count=1000)))
    for name in ["secret.txt", "b.raw"]:
        (source / name).symlink_to(outside / name)
    (source / "folder").symlink_to(outside)
    served = view(source)
    assert served.path("histo/50ms/a.h5")[0] == 200
    for path in ["secret.txt", "b.h5", "folder/secret.txt", "folder/b.h5"]:
        status, _, body = served.path("histo/50ms/" + path)
        assert status in (403, 404) and b"secret" not in body.replace(b"secret.txt", b"")
    served = view(source, "--follow-links")
    assert served.path("histo/50ms/folder/secret.txt")[2] == b"secret"


def test_nothing_is_written(served):
    for method in ["POST", "PUT", "DELETE", "PATCH", "MKCOL", "PROPFIND", "TRACE"]:
        assert served.path(FILE, method=method)[0] == 405
    status, headers, _ = served.path(FILE, method="OPTIONS")
    assert status == 204 and headers["allow"] == "GET, HEAD, OPTIONS"


def random_line(generator):
    """The beginning of a request: bytes of any kind, or one that was damaged in a place or two."""
    if generator.random() < 0.3:
        return generator.randbytes(generator.randrange(200)) + generator.choice([b"", b"\r\n\r\n", b"\n\n"])
    names = [b"histo", b"50ms", b"evt3.h5", b"..", b"%2f", b"%00", b"%", b"\xff", b"*", b"events", b"?", b"=", b"&", b"#", b" ", b"\0", b"a" * 300, b".evh5"]
    method = generator.choice([b"GET", b"HEAD", b"POST", b"OPTIONS", b"get", b"G\0T", b"", b"PRI"])
    target = generator.choice([b"/", b"", b"//", b"http://x/"]) + b"/".join(generator.choices(names, k=generator.randrange(6)))
    line = method + b" " + target + b" " + generator.choice([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/", b"", b"HTTP/1.1 x"])
    headers = generator.choices([b"Host: localhost", b"Host: x", b"Range: bytes=0-5", b"Range: bytes=" + b"1-2," * 50, b"X:" + b"y" * 2000, b"Content-Length: -1",
                                 b"Transfer-Encoding: chunked", b"Authorization: Bearer x", b": x", b"Cookie: ;;;=", b"Host : x", b"Expect: 100-continue"],
                                k=generator.randrange(5))
    data = bytearray(b"\r\n".join([line, *headers]) + generator.choice([b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n\n"]))
    for _ in range(generator.randrange(3)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(data)


@pytest.mark.budget(300)
@pytest.mark.timeout(300)
def test_ten_thousand_random_request_lines(where, served):
    """None of them has the token, so none may get anything."""
    generator = random.Random(15)
    lines = [random_line(generator) for _ in range(10_000)]
    wrong, answered = [], []

    def ask(part):
        for line in part:
            answer = served.raw(line)
            if answer:
                answered.append(answer[9:12])
            for head in answer.split(b"HTTP/1.")[1:]:
                if not head[2:5] in (b"400", b"401", b"403", b"404", b"405", b"413") or b"histo" in answer:
                    wrong.append((line, answer[:200]))

    threads = [threading.Thread(target=ask, args=(lines[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert len(answered) > 2000 and {b"400", b"401", b"403", b"413"} <= set(answered)
    well(where, served)
    with_token = [line.replace(b"Bearer x", b"Bearer " + served.token.encode()) for line in lines[:2000]]
    for line in with_token:
        assert b"root:" not in served.raw(line)
    well(where, served)


def open_files(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.budget(240)
@pytest.mark.timeout(240)
def test_a_thousand_connections_that_say_nothing(where, served):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1500:
        pytest.skip("needs a limit of 1500 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1500), hard))
    before = open_files(where.pid)
    with contextlib.ExitStack() as stack:
        clients = []
        for i in range(1000):
            client = stack.enter_context(socket.create_connection((served.host, served.port), timeout=120))
            if i % 2:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
            clients.append(client)
            if i % 250 == 249:
                well(where, served)
        # No more are held than there may be, and those only for a while.
        assert open_files(where.pid) < before + 300
        for client in clients:
            with contextlib.suppress(ConnectionError):
                while client.recv(1000):
                    pass
        well(where, served)
    for _ in range(300):
        if open_files(where.pid) <= before + 4:
            break
        time.sleep(0.1)
    assert open_files(where.pid) <= before + 4
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_token_is_for_the_owner_alone(where, served):
    status = where.binary.json("status", where.point)
    file = pathlib.Path(status["http"]["tokenFile"])
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert served.token not in where.log() and served.token not in str(status) and served.token not in (where / ".evh5/status.json").read_text()
    assert f"{served.url}?token={served.token}" in where.binary.run("status", where.point, check=0).stdout
    assert served.path(".evh5/status.json")[0] == 200
    where.stop()
    assert not file.exists()
    with pytest.raises(OSError):
        served.path(FILE)


def test_a_token_file(view, library, tmp_path, evh5):
    file = tmp_path / "token"
    first = view(library, "--token-file", file)
    assert file.stat().st_mode & 0o777 == 0o600 and file.read_text().strip() == first.token
    # It stays, so that addresses stay.
    second = view(library, "--token-file", file)
    assert second.token == first.token and second.path(FILE)[0] == 200
    everywhere = view(library, "--token-file", file, "--http", "0.0.0.0:0")
    assert everywhere.path(FILE)[0] == 200 and everywhere.path(FILE, token=False)[0] == 401
    file.chmod(0o644)
    assert "chmod 600" in evh5.run("view", library, "--token-file", file, check=78).stderr
    file.chmod(0o600)
    file.write_text("short\n")
    assert "has no token" in evh5.run("view", library, "--token-file", file, check=78).stderr
    assert "cannot write the token file" in evh5.run("view", library, "--token-file", tmp_path / "none/token", check=10).stderr


def test_without_a_token_on_loopback_only(view, library, evh5, tmp_path):
    served = view(library, "--no-token")
    assert served.token is None and served.ask(f"/{FILE}", token=False)[0] == 200
    assert served.ask(f"/{FILE}", token=False, headers={"Host": "evil.example"})[0] == 403
    for arguments in (["--http", "0.0.0.0:0", "--no-token"], ["--http", "0.0.0.0:0"], ["--http", "[::]:0"], ["--no-token", "--token-file", tmp_path / "t"],
                      ["--http", "localhost"], ["--http", "example.org:80"], ["--http", "127.0.0.1:99999"], ["--host-name", "a/b"]):
        assert evh5.run("view", library, *arguments, check=64).stderr.startswith("evh5: ")


def test_exit_codes(view, library, evh5, mount, tmp_path):
    served = view(library)
    assert "already in use" in evh5.run("view", library, "--http", f"127.0.0.1:{served.port}", check=13).stderr
    assert "cannot listen on 192.0.2.1:0" in evh5.run("view", library, "--http", "192.0.2.1:0", "--token-file", tmp_path / "t", check=13).stderr
    evh5.run("view", tmp_path / "none", check=4)
    evh5.run("view", check=64)
    point = tmp_path / "point"
    point.mkdir()
    evh5.run("mount", library, point, "--http", f"127.0.0.1:{served.port}", check=13)
    assert not is_mounted(point)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end(view, library, number):
    served = view(library)
    with contextlib.ExitStack() as stack:
        for data in [b"", b"GET / HT", f"GET /timesurface/1ms/evt3.h5?token={served.token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()]:
            client = stack.enter_context(socket.create_connection((served.host, served.port)))
            client.sendall(data)
        began = time.monotonic()
        assert served.stop(number) == 0
        assert time.monotonic() - began < 20
    assert served.process.returncode == 0


def test_an_option_of_mount8(mount8, library):  # noqa: F811
    run, point = mount8
    done = run("-t", "fuse.evh5", "-o", "ro,http=127.0.0.1:0", library, point)
    assert done.returncode == 0, done.stderr
    with h5py.File(point / FILE, "r") as file:
        frames = len(file["data"])
    assert frames > 0
    assert run(point, program="umount").returncode == 0
