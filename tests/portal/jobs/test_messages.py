"""Messages in a folder: whole as soon as they are seen, and without complaints."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection

from portal import environment
from portal.jobs import messages


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    messages.install()
    url, options = environment.broker(f"filesystem://{tmp_path}/broker")
    with Connection(url, transport_options=options) as opened:
        yield opened


def test_a_message_is_taken_once_and_in_order(connection: Connection) -> None:
    with connection.SimpleQueue("jobs") as queue:
        queue.put({"pk": 1})
        time.sleep(0.01)  # the order is that of milliseconds
        queue.put({"pk": 2})
        taken = [queue.get(timeout=5), queue.get(timeout=5)]
        assert [message.payload["pk"] for message in taken] == [1, 2]
        with pytest.raises(Empty):
            queue.get(block=False)


def test_no_half_written_message_is_seen(connection: Connection, tmp_path: Path) -> None:
    folder = tmp_path / "broker" / "messages"
    sizes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in folder.glob("*.msg"):
                sizes.add(path.stat().st_size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with connection.SimpleQueue("whole") as queue:
        for _ in range(200):
            queue.put({"pk": 1})
    done.set()
    watcher.join()
    assert 0 not in sizes
    assert len(list(folder.iterdir())) == 200


def test_queues_declared_at_the_same_moment_are_all_known(tmp_path: Path) -> None:
    messages.install()
    url, options = environment.broker(f"filesystem://{tmp_path}/broker")
    start = threading.Barrier(8)
    errors: list[Exception] = []

    def declare(number: int) -> None:
        with Connection(url, transport_options=options) as opened:
            channel = opened.channel()
            start.wait(10)
            try:
                for turn in range(10):
                    channel._queue_bind("all", "", "", f"queue-{number}-{turn}")
                    channel.get_table("all")
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=declare, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Connection(url, transport_options=options) as opened:
        assert len(opened.channel().get_table("all")) == 80


def test_a_folder_needs_no_host(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    connection.info()
    assert caplog.text == ""


def test_a_broker_s_address_is_read_from_its_url() -> None:
    assert environment.broker("amqp://mq/site") == ("amqp://mq/site", {})
    url, options = environment.broker("rediss://cache:6380/1")
    assert (url, options) == ("rediss://cache:6380/1", {"socket_connect_timeout": 3})
    with pytest.raises(ImproperlyConfigured, match="absolute/folder"):
        environment.broker("filesystem://folder")
