"""How a verb gets its guard: by the loader that the application was given, so that tests need no weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

import typer

import eyelid
from eyelid.cli._exit import usage
from eyelid.errors import ConfigurationError

if TYPE_CHECKING:
    from eyelid import Exchange, Guard, Outcome, Policy

PolicyOption = Annotated[
    str, typer.Option("--policy", help="strict, balanced, monitor, or a TOML file.", metavar="NAME|FILE")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", help="A run of `eyelid train detector` to use instead of the shipped weights."),
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads for the models.")]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto (a GPU if there is one), cpu, cuda or cuda:N.", metavar="NAME")
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="SPEC",
        help="The model whose answers are checked, for policies that ask it again (reask): transformers:FOLDER, "
        "openai:URL#MODEL (token in OPENAI_API_KEY) or scripted:FILE.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output instead of text for people.")]


class GuardLoader(Protocol):
    """Makes the guard that a verb works with."""

    def __call__(
        self, policy: str | Path | Policy, *, weights: Path | None, threads: int | None, **more: Any
    ) -> Guard: ...


def load_default(policy: str | Path | Policy, *, weights: Path | None, threads: int | None, **more: Any) -> Guard:
    """The guard with the embedded detector and detoxifier, and with the reader where it is installed.

    Without it, texts are checked all the same and every image is a failed look.
    """
    images = all(find_spec(module) for module in ("rapidocr", "onnxruntime"))
    return eyelid.load_guard(policy, weights=weights, threads=threads, images=images, **more)


def open_guard(
    ctx: typer.Context,
    policy: str,
    *,
    weights: Path | None = None,
    threads: int | None = None,
    model: str = "",
    **more: Any,
) -> Guard:
    """Load the guard, or end with what is missing; `model` names the one that it may ask again."""
    try:
        if model:
            from eyelid.hosts import open_host

            more["host"] = open_host(model)
        return make_guard(ctx, policy, weights=weights, threads=threads, **more)
    except ConfigurationError as error:
        usage(error)


def make_guard(
    ctx: typer.Context, policy: str, *, weights: Path | None = None, threads: int | None = None, **more: Any
) -> Guard:
    """Load the guard; `more` are other keywords of the loader.

    Raises:
        ConfigurationError: the policy, the weights or an extra has to be mended.
    """
    return _loader(ctx)(_named(policy), weights=weights, threads=threads, **more)


def guard_maker(
    ctx: typer.Context, policy: str, *, weights: Path | None = None, threads: int | None = None
) -> Callable[[], Guard]:
    """What loads the guard in another process; a policy file is read here, weights are looked for there.

    Raises:
        ConfigurationError: the policy file has to be mended.
    """
    named = _named(policy)
    carried = eyelid.Policy.from_toml(named) if isinstance(named, Path) else named
    return partial(_loader(ctx), carried, weights=weights, threads=threads)


def _loader(ctx: typer.Context) -> GuardLoader:
    return cast(GuardLoader, ctx.obj or load_default)


def _named(policy: str) -> str | Path:
    return Path(policy) if policy.endswith(".toml") or "/" in policy else policy


def look(guard: Guard, exchange: Exchange) -> Outcome:
    """Check one exchange; under a policy that raises, what was stopped is an outcome here as well."""
    return guard.check_many([exchange])[0]
