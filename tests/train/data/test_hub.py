"""A hub that is not there is known within a second, and one that is there is asked once."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import perf_counter

import datasets
import datasets.config
import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError

from allaprima.train.data import hub
from allaprima.train.data.hub import can_be_reached, hub_answers
from allaprima.train.data.sources import check_content, open_source, open_stream

SECOND = 8
"""What a second may take on a busy machine."""
PATIENCE = 30.0
"""Longer than a busy machine takes for what is known at once."""


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    yield
    hub._ask.cache_clear()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes no connection, as if packets to it were lost."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # what it lets wait
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def seconds_until_said(name: str = "photos/summer") -> float:
    started = perf_counter()
    with pytest.raises(FileNotFoundError, match=rf"'{name}' is neither .* \(it does not answer\)"):
        check_content(name)
    return perf_counter() - started


@pytest.mark.parametrize("seconds", [0, 20])
def test_a_name_that_cannot_be_looked_up(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no network that is known at once; where packets are lost, systems try for 20 seconds."""
    asked: list[object] = []
    ended = threading.Event()

    def unreachable(host: str, *_: object, **__: object) -> object:
        asked.append(host)
        ended.wait(seconds)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    if not seconds:
        monkeypatch.setattr(hub, "_REACHED_WITHIN", PATIENCE)
    assert seconds_until_said() < SECOND
    assert asked == ["huggingface.co"]
    ended.set()


def test_a_proxy_that_takes_no_connection(silent_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent_server}")
    assert seconds_until_said() < SECOND
    monkeypatch.setenv("https_proxy", "127.0.0.1:9")  # no server there
    monkeypatch.setattr(hub, "_REACHED_WITHIN", PATIENCE)
    assert seconds_until_said() < SECOND


def test_one_address_of_many_is_enough(silent_server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the internet is lost where IPv6 is announced and does not work."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = (silent_server, 9, server.getsockname()[1])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(hub, "_REACHED_WITHIN", PATIENCE)
        started = perf_counter()
        assert can_be_reached("https://anywhere.example")
        assert perf_counter() - started < SECOND


@pytest.mark.parametrize(
    ("variable", "value", "stop"),
    [
        ("no_proxy", "", ("hub.example", 443)),
        ("https_proxy", "http://10.0.0.1:3128", ("10.0.0.1", 3128)),
        ("https_proxy", "proxy.example:8080", ("proxy.example", 8080)),
        ("https_proxy", "http://user:word@proxy.example", ("proxy.example", 80)),
        ("all_proxy", "socks5://10.0.0.1", ("10.0.0.1", 1080)),
        ("http_proxy", "http://10.0.0.1:3128", ("hub.example", 443)),
    ],
)
def test_the_first_stop_is_the_proxy(
    variable: str, value: str, stop: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert hub._first_stop("https://hub.example") == stop
    if variable == "https_proxy":
        monkeypatch.setenv("no_proxy", "hub.example")
        assert hub._first_stop("https://hub.example") == ("hub.example", 443)


def test_a_hub_that_answers_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/api/datasets/"):  # its library asks for more
                asked.append(self.path)
            known = self.path.endswith("/datasets/owner/name")
            self.send_response(200 if known else 404)
            self.send_header("X-Error-Code", "" if known else "RepoNotFound")
            self.end_headers()
            self.wfile.write(b'{"id": "owner/name", "siblings": [], "tags": []}' if known else b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    for limit in ("_REACHED_WITHIN", "_ANSWERS_WITHIN"):
        monkeypatch.setattr(hub, limit, PATIENCE)
    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", endpoint)
        assert hub_answers("owner/name")
        assert hub_answers("owner/name:small")
        assert asked == ["/api/datasets/owner/name"]
        with pytest.raises(FileNotFoundError, match="nor a data set on the Hugging Face hub"):
            check_content("owner/nobody")
        assert asked[1:] == ["/api/datasets/owner/nobody"]
        server.shutdown()


def test_a_name_that_the_hub_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: object, name: str, **_: object) -> object:
        raise HFValidationError(name)

    monkeypatch.setattr(hub, "can_be_reached", lambda url: True)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", unknown)
    with pytest.raises(FileNotFoundError, match=r"neither a folder or file here nor a data set on the"):
        check_content("owner/nobody")


@pytest.mark.parametrize("opened", [open_source, open_stream])
def test_offline_a_data_set_that_was_not_loaded_before(
    opened: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "can_be_reached", lambda url: False)
    assert callable(opened)
    started = perf_counter()
    with pytest.raises(FileNotFoundError, match=r"'photos/summer' is neither .* \(it does not answer\)"):
        opened("photos/summer")
    assert perf_counter() - started < SECOND
