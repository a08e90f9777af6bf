"""What `synthesize` is given in words, as hosts, detectors and templates; its progress and its last words."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from eyelid.cli._exit import ExitCode, usage
from eyelid.cli._guard import make_guard
from eyelid.cli._identified import identified
from eyelid.cli._record import printable, to_json
from eyelid.errors import ConfigurationError, EngineError

if TYPE_CHECKING:
    from eyelid import Guard
    from eyelid.ecso import EcsoRules
    from eyelid.protocols import Assessment, Detector, Host, ScoreRequest
    from eyelid.synthesis import SafeHarmPrompts
    from eyelid.types import Failure

_DETECTORS = "embedded, detector:FOLDER[#ADAPTER], guard:FOLDER[#FAMILY]"


class Parts:
    """Makes the parts of the work when they are first needed.

    Args:
        ctx: knows how a guard is loaded.
        closing: closes at its end what has to be.
        policy, weights, threads, device: of the guard.
    """

    def __init__(
        self,
        ctx: typer.Context,
        closing: ExitStack,
        policy: str,
        weights: Path | None,
        threads: int | None,
        device: str,
    ) -> None:
        self._ctx, self._closing, self._policy = ctx, closing, policy
        self._weights, self._threads, self._device = weights, threads, device

    def host(self, spec: str, *, adapter: Path | None = None, **more: Any) -> tuple[Host, str]:
        """The model and what is to be said of it in a card.

        Raises:
            ConfigurationError: the word names none, or what it names cannot be loaded.
        """
        from eyelid.hosts import open_host

        host = open_host(spec, device=self._device, adapter=adapter, **more)
        close: Callable[[], object] | None = getattr(host, "close", None)
        if close is not None:
            self._closing.callback(close)
        kind, _, where = spec.partition(":")
        return host, identified(host.name, Path(where), adapter) if kind == "transformers" else host.name

    @cached_property
    def guard(self) -> Guard:
        """The guard, loaded."""
        more: dict[str, Any] = {} if self._device == "auto" else {"device": self._device}
        guard = make_guard(self._ctx, self._policy, weights=self._weights, threads=self._threads, **more)
        return self._closing.enter_context(guard)

    @cached_property
    def identity(self) -> str:
        """Which weights the embedded detector has, where eyelid's own loader makes it."""
        if self._ctx.obj is not None:
            return "embedded"
        from eyelid.models import find_weights, sha256

        return f"embedded@{sha256(find_weights(self._weights) / 'manifest.json')[:12]}"

    def rules(self, *, release: bool) -> EcsoRules:
        """Those of the policy, or what the paper's code does."""
        from eyelid import Policy
        from eyelid.ecso import EcsoRules

        if release:
            return EcsoRules.preset("release")
        name = self._policy
        return (Policy.from_toml(Path(name)) if name.endswith(".toml") or "/" in name else Policy.preset(name)).ecso

    def detector(self, word: str) -> tuple[Detector, str]:
        """A detector and what is to be said of it in a card.

        Raises:
            ConfigurationError: the word names none, or what it names cannot be loaded.
        """
        kind, _, where = word.partition(":")
        if kind == "embedded" and not where:
            return _Embedded(self.guard, self.identity), self.identity
        if kind not in ("detector", "guard") or not where:
            raise ConfigurationError(f"{word!r} names no detector; known: {_DETECTORS}")
        from eyelid.detectors import GuardModelDetector, SequenceDetector

        place, _, more = where.partition("#")
        folder = Path(place)
        if kind == "guard":
            family = Path(more) if more.endswith(".toml") else more or None
            guard = GuardModelDetector(folder, family=family, device=self._device)
            return guard, identified(guard.name, folder)
        adapter = Path(more) if more else None
        name = (adapter or folder).resolve().name
        detector = SequenceDetector(folder, adapter=adapter, device=self._device, name=name)
        return detector, identified(name, folder, adapter)


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The detectors of a guard as one detector, without its policy."""

    guard: Guard = field(repr=False)
    name: str

    def score(self, batch: Sequence[ScoreRequest], /) -> list[Assessment | Failure]:
        return self.guard.score(batch)


def templates(path: Path | None) -> SafeHarmPrompts:
    """The templates of a TOML file, in the place of those that it names.

    Raises:
        ConfigurationError: it is no such file, or a template lacks a field.
    """
    from eyelid._names import known
    from eyelid.synthesis import SafeHarmPrompts

    if path is None:
        return SafeHarmPrompts()
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):  # without the cause, which would quote the file
        raise ConfigurationError(f"{path} is no TOML file that can be read") from None
    for name, text in found.items():
        known("template", name, (each.name for each in fields(SafeHarmPrompts)))
        if not isinstance(text, str):
            raise ConfigurationError(f"{path}: the template {name} must be a text")
    return SafeHarmPrompts(**found)


def shares(words: str) -> tuple[float, ...]:
    """Numbers with commas between them.

    Raises:
        ConfigurationError: one is no number.
    """
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError:
        raise ConfigurationError(f"--splits {words!r}: write three numbers such as 0.9,0.05,0.05") from None


def licences(words: Sequence[str] | None) -> dict[str, str]:
    """What was said about licences.

    Raises:
        ConfigurationError: a word is not of the form PART=NAME.
    """
    pairs = [word.partition("=") for word in words or ()]
    for word, (_, sign, _) in zip(words or (), pairs, strict=True):
        if not sign:
            raise ConfigurationError(f"--licence {word!r}: write PART=NAME, such as images=CC-BY-4.0")
    return {part.strip(): name.strip() for part, _, name in pairs}


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on a terminal, one for each stage; what is given is told how far each is."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = shown.add_task(stage, total=total)
            shown.update(tasks[stage], completed=done, total=total)

        yield tell


@contextmanager
def ending() -> Iterator[None]:
    """Errors and interruption as exit codes."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except ConfigurationError as error:
        usage(error)
    except EngineError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.INCOMPLETE) from None


def end(made: Mapping[str, Any], out: Path, as_json: bool, *, failed: int) -> None:
    """Say what was made, and end."""
    if as_json:
        typer.echo(to_json({"out": str(out), **made}))
    else:
        for name, count in made["counts"].items():
            typer.echo(f"{name.replace('_', ' '):<28} {count if count is not None else '-'}")
        for name, count in made["dropped"].items():
            typer.echo(f"{'dropped, ' + name.replace('_', ' '):<28} {count}")
        typer.echo(f"→ {printable(str(out))}")
    raise typer.Exit(ExitCode.INCOMPLETE if failed else ExitCode.ALLOWED)
