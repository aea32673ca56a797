"""The program `cprobe` as a child process: finding it, starting it, its events, its end."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from circuitprobe.errors import (
    CprobeError,
    EngineNotFoundError,
    EngineVersionError,
    InputError,
)

logger = logging.getLogger("circuitprobe")

#: One line of the engine's stderr: {"event": "progress", "label": ..., "share": ...}, ...
Event = dict[str, Any]
OnEvent = Callable[[Event], None]

#: Versions of the engine that this package can drive: those whose first two numbers are these.
ENGINE_SERIES = "0.2"

_chosen: Path | None = None


def set_engine(program: str | os.PathLike[str] | None) -> None:
    """Chooses the program to run; None: the one that is found.

    Raises EngineNotFoundError if there is no such file.
    """
    global _chosen
    if program is not None and not Path(program).is_file():
        raise EngineNotFoundError(f"{program}: no such program")
    _chosen = None if program is None else Path(program).resolve()


def find_engine() -> Path:
    """The program: that of `set_engine`, of the environment variable CPROBE, of this package's
    wheel, or of PATH, in this order."""
    if _chosen is not None:
        return _chosen
    named = os.environ.get("CPROBE")
    if named:
        if not Path(named).is_file():
            raise EngineNotFoundError(f"{named} (environment variable CPROBE): no such program")
        return Path(named).resolve()
    bundled = Path(__file__).parent / "bin" / "cprobe"
    if bundled.is_file():
        return bundled
    on_path = shutil.which("cprobe")
    if on_path is not None:
        return Path(on_path)
    raise EngineNotFoundError(
        "the program cprobe is not there. Build it (scripts/quickstart in a clone of circuitprobe) and "
        "name it in the environment variable CPROBE or with circuitprobe.set_engine(PATH), or put it on "
        "PATH; or install circuitprobe with `pip install .` in the clone, which builds it too."
    )


@functools.cache
def _versions(program: Path) -> dict[str, Any]:
    done = subprocess.run([program, "--version", "--json"], capture_output=True, text=True, check=False)
    try:
        versions: dict[str, Any] = json.loads(done.stdout)
        version = str(versions["cprobe"])
    except (json.JSONDecodeError, KeyError, TypeError):
        said = (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
        raise EngineVersionError(f"{program}: does not say its version as JSON, so it is too old: {said}") from None
    if version.split(".")[:2] != ENGINE_SERIES.split("."):
        raise EngineVersionError(
            f"{program} is cprobe {version}; this package drives {ENGINE_SERIES}; take the package of its version"
        )
    return versions


def engine_versions() -> dict[str, Any]:
    """What `cprobe --version --json` says: versions, the record's format, devices.

    Raises EngineNotFoundError, EngineVersionError.
    """
    return _versions(find_engine())


def error_of(event: Event) -> CprobeError:
    """The exception that an error event stands for."""
    kind = InputError if event.get("kind") == "input" else CprobeError
    return kind(str(event.get("message", "cprobe failed and did not say why")))


class Progress:
    """Shows the engine's progress events as a bar, and hands notes and warnings to `logging`."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        kind = event.get("event")
        if kind == "note":
            logger.info("%s", event["message"])
        elif kind == "warning":
            logger.warning("%s", event["message"])
        elif kind == "progress" and self._shown:
            self._show(event)

    def _show(self, event: Event) -> None:
        if self._bar is None:
            self._bar = tqdm(total=1.0, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}", leave=False)
        left = event.get("seconds_left")
        self._bar.set_description_str(str(event["label"]), refresh=False)
        self._bar.set_postfix_str("" if left is None else f"{_duration(left)} left", refresh=False)
        self._bar.n = float(event["share"])
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class _Child:
    """The program at work, in a session of its own: an interrupt of this process does not reach it by
    itself. Its output is read by threads, so that it never waits for this process."""

    #: Seconds that an interrupted engine has to say what it kept.
    PATIENCE = 30

    def __init__(self, words: Sequence[str], text: str | None) -> None:
        self.output: list[str] = []
        self.said: list[str] = []  # Lines of stderr that are no events: of a crash, or of a library.
        self.error: Event | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [str(find_engine()), *words],
            stdin=subprocess.DEVNULL if text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            env={**os.environ, "CPROBE_PARENT": str(os.getpid())},
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read_output, self._read_lines)]
        if text is not None:
            self._threads.append(threading.Thread(target=self._write, args=(text,), daemon=True))
        for thread in self._threads:
            thread.start()

    def events(self) -> Iterator[Event]:
        """The events, until the engine closes its stderr."""
        while (line := self._lines.get()) is not None:
            event = _event(line)
            if event is None:
                self.said.append(line.rstrip("\n"))
                continue
            if event["event"] == "error":
                self.error = event
            yield event

    def wait(self) -> int:
        """The exit code; negative: the signal that ended the engine."""
        code = self._process.wait()
        for thread in self._threads:
            thread.join()
        return code

    def stop(self) -> str:
        """Ends the engine, with one SIGINT and, if it does not heed it, by force. Returns its last words."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=self.PATIENCE)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                self._process.kill()
        self.wait()
        for _ in self.events():
            pass
        return "interrupted" if self.error is None else str(self.error.get("message"))

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            self.output.append(stream.read())

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def _write(self, text: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stream:
            stream.write(text)


def _event(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def call(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    progress: bool = False,
    on_event: OnEvent | None = None,
    text: str | None = None,
    check: bool = True,
) -> tuple[str, Event | None]:
    """Runs `cprobe ARGUMENTS --json`.

    Args:
        progress: show a bar.
        on_event: called for every event, in the calling thread. What it raises stops the engine.
        text: given to stdin.
        check: raise the error that the engine ends with.

    Returns: stdout, and the error event of an engine that failed (None: it did not).

    Raises: InputError, CprobeError; EngineNotFoundError; KeyboardInterrupt, with what was kept.
    """
    _versions(find_engine())
    shown = Progress(progress)
    child = _Child([*(os.fspath(one) for one in arguments), "--json"], text)
    try:
        for event in child.events():
            shown(event)
            if on_event is not None:
                on_event(event)
        code = child.wait()
    except BaseException as stopped:
        kept = child.stop()
        if isinstance(stopped, KeyboardInterrupt):
            raise KeyboardInterrupt(kept) from stopped
        raise
    finally:
        shown.close()
    error = child.error if code != 0 else None
    if code != 0 and error is None:
        reason = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
        message = "\n".join([f"cprobe: {reason}", *child.said[-20:]])
        error = {"event": "error", "kind": "internal", "message": message}
    elif child.said:
        logger.warning("%s", "\n".join(child.said))
    if error is not None and check:
        raise error_of(error)
    return "".join(child.output), error


def call_json(arguments: Sequence[str | os.PathLike[str]], **options: Any) -> Any:
    """As `call`, for commands that print one JSON value. Returns it."""
    return json.loads(call(arguments, **options)[0])


def call_lines(arguments: Sequence[str | os.PathLike[str]], **options: Any) -> list[Any]:
    """As `call`, for commands that print a JSON value on each line. Returns them."""
    return [json.loads(line) for line in call(arguments, **options)[0].splitlines()]


def is_interactive() -> bool:
    """Whether progress is worth a bar: in notebooks and on terminals."""
    return "ipykernel" in sys.modules or sys.stderr.isatty()
