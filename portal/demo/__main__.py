"""The demonstration on one machine: ``python -m portal.demo``, or ``make demo``.

Starts the embedded PostgreSQL, prepares the database, starts the web server and one worker, says
where the site is, and runs until Ctrl-C. What it writes is in ``.local/``.

The environment variable ``PORT`` chooses the port (8000). The site listens on 127.0.0.1 only.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.client
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import IO
from urllib.parse import quote

from portal.demo.supervisor import (
    DemonstrationError,
    Interrupted,
    Program,
    Supervisor,
    interruptible,
)
from portal.postgres import PostgresError, embedded_database_url, release

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
READY_SECONDS = 120.0
# plotly ships its notebook widget and example data beside the plotly.js that the pages use.
UNUSED_STATIC_FILES = ("--ignore", "widgetbundle.js", "--ignore", "*.csv.gz")


def main() -> int:
    """Run the demonstration; return the exit status."""
    local = ROOT / ".local"
    data = local / "postgres"
    try:
        with interruptible():
            port = chosen_port(os.environ.get("PORT", ""))
            for folder in (local, local / "log", local / "media", local / "broker"):
                folder.mkdir(exist_ok=True)
            # Held until the process ends, however it ends.
            lock = claim(local / "demo.lock", f"http://{HOST}:{port}/")
            check_port(port)
            say("Starting PostgreSQL ...")
            database = embedded_database_url(data)
            supervisor = Supervisor(environment(local, database, port), ROOT)
            try:
                serve(supervisor, local, port)
            finally:
                say("\nStopping ...")
                supervisor.stop()
                release(data)
                lock.close()
    except Interrupted:
        say("Stopped. 'make demo' starts it again, with the data as they are.")
        return 0
    except (DemonstrationError, PostgresError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    return 0


def serve(supervisor: Supervisor, local: Path, port: int) -> None:
    """Prepare the database, start the programs and watch them until someone says stop."""
    log = local / "log"
    manage = [sys.executable, "manage.py"]
    state = state_of_static_files()
    collected = None
    if not (local / "static").is_dir() or read_stamp(local) != state:
        # Compressing takes a while, and the second processor has nothing else to do.
        say("Compressing the static files, for the first start only ...")
        collect = [*manage, "collectstatic", "--noinput", *UNUSED_STATIC_FILES]
        collected = supervisor.begin(collect, log / "static.log")
    say("Preparing the database ...")
    supervisor.run([*manage, "migrate", "--noinput"], log / "migrate.log")
    say("Loading the demonstration ...")
    sign_ins = supervisor.run([*manage, "load_demonstration"], log / "load.log").strip()
    if collected:
        supervisor.finish(collected)
        (local / "static.stamp").write_text(state)
    for program in programs(local, port):
        supervisor.start(program)
    say("Starting the web server and a worker ...")
    supervisor.wait_until_ready(READY_SECONDS)
    line = "-" * 72
    say(
        f"\n{line}\nThe portal is at  http://{HOST}:{port}/\n\n"
        f"{sign_ins}\n\nCtrl-C stops it.\n{line}"
    )
    supervisor.watch()


def say(text: str) -> None:
    print(text, flush=True)


def chosen_port(text: str) -> int:
    """The port in `PORT`, 8000 if that is empty."""
    try:
        port = int(text or "8000")
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise DemonstrationError(
            f"PORT is '{text}'; expected a number from 1 to 65535, as in: make demo PORT=8001"
        )
    return port


def check_port(port: int) -> None:
    """Refuse a port that another program holds, before anything is started."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            why = "is in use" if error.errno == errno.EADDRINUSE else "is reserved for root"
            other = port + 1 if 1024 <= port < 65535 else 8001
            raise DemonstrationError(
                f"Port {port} {why}. Choose another: make demo PORT={other}"
            ) from error


def claim(path: Path, address: str) -> IO[str]:
    """Lock the folder for this launcher, or say which one has it."""
    try:
        lock = path.open("a+")
    except PermissionError as error:
        raise DemonstrationError(
            f"'{path}' belongs to another user, who started the demonstration first. Start it as "
            f"that user, or remove the folder '{path.parent}' to begin anew."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        running = lock.read().strip()
        lock.close()
        raise DemonstrationError(
            f"The demonstration runs in this folder already ({running}). Stop it with Ctrl-C where "
            f"it was started; a second one needs a folder of its own."
        ) from None
    lock.truncate(0)
    lock.write(f"{address}, process {os.getpid()}\n")
    lock.flush()
    return lock


def secret_key(path: Path) -> str:
    """The site's secret key, made on first use and readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if key := path.read_text().strip():
            return key
        descriptor = os.open(path, os.O_WRONLY)
    key = secrets.token_urlsafe(64)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    return key


def environment(local: Path, database: str, port: int) -> dict[str, str]:
    """What the site's processes are told: the caller's environment, with one machine's settings."""
    production = (
        *("S3_", "CSRF_TRUSTED_ORIGINS", "BEHIND_PROXY", "GUNICORN_CMD_ARGS"),
        *("CACHE_URL", "EMAIL_", "IDENTITY_PROVIDERS", "REQUIRE_SECOND_FACTOR"),
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(production)}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DEBUG": "0",
        "DEMONSTRATION": "1",
        "HTTPS": "0",
        "SECRET_KEY": secret_key(local / "secret_key"),
        "ALLOWED_HOSTS": f"{HOST},localhost,[::1]",
        "SITE_URL": f"http://{HOST}:{port}",
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": f"filesystem://{quote(str(local / 'broker'))}",
        "MEDIA_ROOT": str(local / "media"),
        "STATIC_ROOT": str(local / "static"),
        "PYTHONUNBUFFERED": "1",
    }


def state_of_static_files() -> str:
    """A digest that changes when a static file, or a package that brings some, does."""
    described = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    apps = [*ROOT.glob("portal/*/static"), *ROOT.glob("usecases/*/static")]
    for folder in sorted([ROOT / "static", *apps]):
        for path in sorted(folder.rglob("*")):
            state = path.stat()
            name = path.relative_to(ROOT)
            described.update(f"{name} {state.st_size} {state.st_mtime_ns}".encode())
    return described.hexdigest()


def read_stamp(local: Path) -> str:
    """The digest of the static files that were collected last."""
    try:
        return (local / "static.stamp").read_text()
    except FileNotFoundError:
        return ""


def programs(local: Path, port: int) -> list[Program]:
    """The web server and the worker."""
    log = local / "log"
    web = [
        *(sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"{HOST}:{port}"),
        *("--worker-class", "gthread", "--workers", "2", "--threads", "4", "--timeout", "120"),
        *(
            "--graceful-timeout",
            "5",
            "--no-control-socket",
            "--access-logfile",
            str(log / "access.log"),
        ),
    ]
    worker = [
        *(sys.executable, "-m", "celery", "-A", "portal.celery", "worker", "--concurrency", "1"),
        *("--loglevel", "INFO", "--beat", "--schedule", str(local / "beat-schedule")),
        # What workers tell each other; there is one.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    return [
        Program("The web server", web, log / "web.log", lambda: answers(port)),
        Program("The worker", worker, log / "worker.log", lambda: says_ready(log / "worker.log")),
    ]


def answers(port: int | None, host: str = HOST) -> bool:
    """Whether the site says that it is well."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def says_ready(log: Path) -> bool:
    """Whether Celery's worker has written that it is ready."""
    return any(
        line.rstrip().endswith(" ready.") for line in log.read_text(errors="replace").splitlines()
    )


if __name__ == "__main__":
    sys.exit(main())
