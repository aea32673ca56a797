"""The program `cprobe` as a child process: finding it, starting it, its events, its end."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

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


@contextlib.contextmanager
def _child(arguments: Sequence[str], stdin: int | None) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own, which gets exactly one SIGINT when this one is interrupted."""
    process = subprocess.Popen(
        [str(find_engine()), *arguments],
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        env={**os.environ, "CPROBE_PARENT": str(os.getpid())},
    )
    try:
        yield process
    except BaseException:
        # Also KeyboardInterrupt, and whatever on_event raises. What is finished is kept.
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()
                process.wait()
        raise


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
        on_event: called for every event, in the calling thread.
        text: given to stdin.
        check: raise the error that the engine ends with.

    Returns: stdout, and the error event of an engine that failed (None: it did not).

    Raises: InputError, CprobeError; EngineNotFoundError; KeyboardInterrupt, with what was kept.
    """
    _versions(find_engine())
    words = [os.fspath(argument) for argument in arguments]
    shown = Progress(progress)
    error: Event | None = None
    said: list[str] = []  # Lines of stderr that are no events: a crash of the program or a library.
    output: list[str] = []
    kept = ""
    try:
        with _child([*words, "--json"], subprocess.PIPE if text is not None else None) as process:
            assert process.stdout is not None and process.stderr is not None
            reader = threading.Thread(target=_read_into, args=(process.stdout, output), daemon=True)
            reader.start()
            writer = None
            if text is not None:
                writer = threading.Thread(target=_write, args=(process.stdin, text), daemon=True)
                writer.start()
            try:
                for line in process.stderr:
                    event = _event(line)
                    if event is None:
                        said.append(line.rstrip("\n"))
                        continue
                    if event["event"] == "error":
                        error = event
                    shown(event)
                    if on_event is not None:
                        on_event(event)
            except KeyboardInterrupt:
                kept = _last_words(process)
                raise
            reader.join()
            code = process.wait()
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(kept) from interrupt
    finally:
        shown.close()
    if code != 0 and error is None:
        reason = f"ended by signal {-code}" if code < 0 else f"exit code {code}"
        error = {"event": "error", "kind": "internal", "message": "\n".join([f"cprobe: {reason}", *said[-20:]])}
    elif said:
        logger.warning("%s", "\n".join(said))
    if error is not None and check:
        raise error_of(error)
    return "".join(output), error


def _last_words(process: subprocess.Popen[str]) -> str:
    """Interrupts the engine and waits for what it says of the stop."""
    process.send_signal(signal.SIGINT)
    words = "interrupted"
    assert process.stderr is not None
    for line in process.stderr:
        event = _event(line)
        if event is not None and event["event"] == "error":
            words = str(event["message"])
    process.wait()
    return words


def _event(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _read_into(stream: IO[str], output: list[str]) -> None:
    output.append(stream.read())


def _write(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(text)


def call_json(arguments: Sequence[str | os.PathLike[str]], **options: Any) -> Any:
    """As `call`, for commands that print one JSON value. Returns it."""
    return json.loads(call(arguments, **options)[0])


def call_lines(arguments: Sequence[str | os.PathLike[str]], **options: Any) -> list[Any]:
    """As `call`, for commands that print a JSON value on each line. Returns them."""
    return [json.loads(line) for line in call(arguments, **options)[0].splitlines()]


def is_interactive() -> bool:
    """Whether progress is worth a bar: in notebooks and on terminals."""
    return "ipykernel" in sys.modules or sys.stderr.isatty()
