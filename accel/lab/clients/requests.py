"""Requests from a client of the lab: many at once by curl, each on a new connection."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from accel.lab.hosts import Host

_WRITE = "%{exitcode}|%{http_code}|%header{x-backend}|%{size_download}|%{url}|%{errormsg}\\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one request. `backend` is the one that answered, `size` bytes of body."""

    url: str
    backend: str
    size: int
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error


def curl(
    host: Host, urls: Sequence[str], *, parallel: int = 16, timeout: float = 60.0
) -> list[Answer]:
    """Request each URL once on a connection of its own, `parallel` at a time, by one curl.

    `timeout` in seconds is for each request. Failed requests are answers with an error.
    """
    command = ["curl", "--config", "-", "--silent", "--insecure", "--http1.1", "--no-sessionid"]
    command += ["--header", "Connection: close", "--max-time", str(timeout)]
    command += ["--parallel", "--parallel-immediate", "--parallel-max", str(parallel)]
    command += ["--write-out", _WRITE]
    config = "".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls)
    done = host.namespace.run(command, input=config, check=False)
    answers = [_answer(line) for line in done.stdout.splitlines()]
    if len(answers) != len(urls):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return answers


def _answer(line: str) -> Answer:
    code, status, backend, size, url, message = line.split("|", 5)
    error = ""
    if code != "0":
        error = message or f"curl exit {code}"
    elif status != "200":
        error = f"HTTP {status}"
    return Answer(url=url, backend=backend, size=int(size), error=error)


@dataclass(kw_only=True)
class Tally:
    """Answers counted: per backend, and the errors."""

    requests: int = 0
    backends: Counter[str] = field(default_factory=Counter)
    errors: list[Answer] = field(default_factory=list)

    def add(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self.requests += 1
            if answer.ok:
                self.backends[answer.backend] += 1
            else:
                self.errors.append(answer)


class Traffic:
    """A thread that requests `urls` by curl again and again, into `tally`, until `stop`."""

    def __init__(
        self,
        host: Host,
        urls: Sequence[str],
        *,
        parallel: int = 8,
        timeout: float = 10.0,
        seen: Callable[[Sequence[Answer]], None] | None = None,
    ) -> None:
        self.tally = Tally()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(host, urls, parallel, timeout, seen), daemon=True
        )
        self._thread.start()

    def _run(
        self,
        host: Host,
        urls: Sequence[str],
        parallel: int,
        timeout: float,
        seen: Callable[[Sequence[Answer]], None] | None,
    ) -> None:
        try:
            while not self._stop.is_set():
                answers = curl(host, urls, parallel=parallel, timeout=timeout)
                self.tally.add(answers)
                if seen is not None:
                    seen(answers)
        except BaseException as failure:
            self._failure = failure

    def stop(self) -> Tally:
        """Let the batch under way end and return the tally. Raises what stopped the thread."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.tally
