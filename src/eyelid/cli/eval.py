"""`eyelid eval`: measure a model and its defences on a benchmark."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from eyelid.cli._eval_parts import DEFENSES, JUDGES, Parts, Wanted
from eyelid.cli._exit import ExitCode, usage
from eyelid.cli._guard import DeviceOption, JsonOption, PolicyOption, ThreadsOption, WeightsOption
from eyelid.cli._record import to_json
from eyelid.errors import ConfigurationError, EngineError

if TYPE_CHECKING:
    from eyelid.evaluation.runs import Plan, Progress, Rows
    from eyelid.evaluation.tables import Summary


#: Where there is no terminal for a bar, a line is written so often, in seconds.
_TELL_SECONDS = 30.0


def evaluate(
    ctx: typer.Context,
    benchmark: Annotated[str, typer.Argument(metavar="BENCH", help="Which one; --list shows all.")] = "",
    data: Annotated[
        Path | None, typer.Option("--data", exists=True, help="The benchmark's files, as its authors lay them out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", file_okay=False, help="Folder of the run; one that was cut off goes on.")
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="SPEC", help="The model: transformers:FOLDER, openai:URL#MODEL or scripted:FILE."
        ),
    ] = "",
    adapter: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A PEFT adapter for the model of --host.")
    ] = None,
    defense: Annotated[
        list[str] | None,
        typer.Option(
            "--defense",
            metavar="NAME",
            help=f"What stands between: {', '.join(DEFENSES)}. Several share --host's answers.",
        ),
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option("--judge", metavar="WHO", help=f"Who judges: {JUDGES}. Several side by side.")
    ] = None,
    rubric: Annotated[
        list[str] | None,
        typer.Option(
            "--rubric",
            metavar="NAME|FILE",
            help="What judges that are hosts are told; the benchmark's own if not given.",
        ),
    ] = None,
    judge_threshold: Annotated[
        float, typer.Option(help="From which score on a detector judges an answer unsafe.")
    ] = 0.5,
    conditions: Annotated[str, typer.Option(metavar="A,B", help="Columns of the benchmark's tables.")] = "",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Other options of the benchmark; --list shows them."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many rows.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many rows at random, by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    direct: Annotated[
        Path | None,
        typer.Option("--direct", exists=True, file_okay=False, help="A finished run whose first answers are taken."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do rows with failures anew.")] = False,
    budget: Annotated[int, typer.Option(min=1, help="Tokens of a first answer at most.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of first answers.")] = 0.0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for each answer of a host.")] = 120.0,
    batch: Annotated[int, typer.Option(min=1, help="Rows worked on together; 1 to measure what a user waits.")] = 32,
    concurrency: Annotated[int, typer.Option(min=1, help="Batches at the same time.")] = 2,
    token_env: Annotated[str, typer.Option(help="Environment variable with the token of servers.")] = "OPENAI_API_KEY",
    plaintext: Annotated[
        bool, typer.Option("--plaintext", help="Take http for servers that are not this machine.")
    ] = False,
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    report: Annotated[bool, typer.Option(help="Write report.html and report.md.")] = True,
    list_all: Annotated[bool, typer.Option("--list", help="List the benchmarks, and where to get them.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a model and its defences on a benchmark.

    The model answers every row, a defence stands in between, and judges look at the first and at the final answer.
    Every row is kept in records.jsonl with all that was asked, said and decided. The same command goes on where it
    was interrupted; with other settings it refuses.

    Benchmarks of labelled texts (rows, images, injecagent, bipia, agentdojo) need no --host: the guard looks at each
    text, and the summary says how well it tells harm from what is harmless.

    Figures of different judges measure different things and are never put together. The judge "keyword" counts
    every answer that does not refuse as harmful, also one that was made harmless.

    Exit codes: 0 all rows done, 1 some rows or judgements failed (--retry-failed does them anew), 2 usage, 130
    interrupted.

    Examples:

      eyelid eval --list

      eyelid eval rows --data labelled.jsonl --out runs/embedded

      eyelid eval mm-safetybench --data MM-SafetyBench --host openai:http://localhost:8000/v1#llava --defense none
      --defense reask --judge keyword --judge host:openai:http://localhost:8001/v1#judge --out runs/llava
    """
    from eyelid.evaluation.benchmarks import find, read
    from eyelid.evaluation.runs import Rows

    if list_all:
        _list(as_json)
        return
    if not benchmark or data is None or out is None:
        usage("name a benchmark, its files with --data and the run's folder with --out; --list shows the benchmarks")
    wanted = Wanted(
        host=host,
        adapter=adapter,
        judges=judge or (),
        rubrics=rubric or (),
        threshold=judge_threshold,
        policy=policy,
        weights=weights,
        threads=threads,
        device=device,
        token_env=token_env,
        plaintext=plaintext,
        seconds=timeout,
        seed=seed,
    )
    try:
        chosen = _options(option or (), conditions)
        found = find(benchmark)
        rows = Rows(read(benchmark, data, **chosen), data, limit=limit, draw=sample, seed=seed)
        with ExitStack() as closing:
            parts = Parts(ctx, found, wanted, closing)
            if parts.labelled and direct is not None:
                raise ConfigurationError(f"the texts of {benchmark} are given; leave out --direct, nobody answers")
            names = list(dict.fromkeys(defense or (["block"] if parts.labelled else ["none"])))
            settings = {
                "options": {name: list(values) for name, values in found.choose(chosen).items()},
                "budget": budget,
                "temperature": temperature,
                "seed": seed,
                "seconds": timeout,
                "batch": batch,
                "concurrency": concurrency,
            }
            plans = _plans(parts, benchmark, names, settings)
            folders = [out] if len(names) == 1 else [out / name for name in names]
            _warn(names, [each.name for each in plans[0].judges])
            _run_all(plans, rows, folders, direct, retry_failed, labelled=parts.labelled)
        _end(folders, out, report, as_json)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on from here", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except ConfigurationError as error:
        usage(error)
    except EngineError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.INCOMPLETE) from None


def _options(given: Sequence[str], conditions: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in given]
    for word, (_, sign, _) in zip(given, pairs, strict=True):
        if not sign:
            raise ConfigurationError(f"--option {word!r}: write NAME=VALUE")
    return {name.strip(): value for name, _, value in pairs} | ({"conditions": conditions} if conditions else {})


def _plans(parts: Parts, benchmark: str, names: Sequence[str], settings: Mapping[str, Any]) -> list[Plan]:
    from eyelid.evaluation.runs import Plan

    if not parts.labelled and parts.host is None:
        raise ConfigurationError(f"the rows of {benchmark} are asked of a model; name it with --host")
    judges = parts.judges()
    return [
        Plan(benchmark=benchmark, host=parts.host, defense=parts.defense(name), judges=judges, **settings)
        for name in names
    ]


def _warn(names: Sequence[str], judges: Sequence[str]) -> None:
    guarded = [name for name in names if name not in ("none", "ecso")]
    if guarded and any(name.startswith("detector:embedded") for name in judges):
        typer.echo(
            f"note: {', '.join(guarded)} and the judge embedded are the same detector; what it lets through it will "
            "also judge safe. Read the figures of another judge.",
            err=True,
        )


def _run_all(
    plans: Sequence[Plan],
    rows: Rows,
    folders: Sequence[Path],
    direct: Path | None,
    retry_failed: bool,
    *,
    labelled: bool,
) -> None:
    """One run after the other; all take the first answers of the first."""
    from eyelid.evaluation.runs import run

    console, told = Console(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        for number, (plan, folder) in enumerate(zip(plans, folders, strict=True)):
            task = bar.add_task(plan.defense.name, total=None)

            def tell(at: Progress, task: Any = task, name: str = plan.defense.name) -> None:
                nonlocal told
                failed = f", {at.failed} failed" if at.failed else ""
                bar.update(task, total=at.total, completed=at.done, description=f"{name}{failed}")
                if bar.disable and time.monotonic() - told >= _TELL_SECONDS:
                    told = time.monotonic()
                    typer.echo(f"{name}: {at.done} of {at.total} rows{failed}, {at.eta or 0:.0f} s left", err=True)

            shared = direct if number == 0 or labelled else (direct or folders[0])
            run(plan, rows, folder, direct=shared, retry_failed=retry_failed, progress=tell)


def _end(folders: Sequence[Path], out: Path, report: bool, as_json: bool) -> None:
    from eyelid.evaluation.runs import summarise

    summaries = [summarise(folder) for folder in folders]
    said, page = _report(folders, out) if report else (None, None)
    if as_json:
        runs = {each["defense"]: {**each, "out": str(folder)} for each, folder in zip(summaries, folders, strict=True)}
        warnings = list(said.warnings) if said else []
        typer.echo(to_json({"runs": runs, "warnings": warnings, "report": page and str(page)}))
    else:
        for summary in summaries:
            _say(summary)
        for line in (*said.warnings, *said.sentences) if said else ():
            typer.echo(line)
        typer.echo(f"→ {page or out}")
    failed = any(each["failed"] for each in summaries)
    raise typer.Exit(ExitCode.INCOMPLETE if failed else ExitCode.ALLOWED)


def _report(folders: Sequence[Path], out: Path) -> tuple[Summary, Path]:
    from eyelid.evaluation.tables import write_report

    try:
        return write_report(folders, out), out / "report.html"
    except OSError as error:
        raise ConfigurationError(
            f"the report cannot be written in {out}: {error.strerror or 'no reason given'}; all rows are done, and the "
            "same command writes it again"
        ) from error


def _say(summary: Mapping[str, Any]) -> None:
    """A run in a few lines."""
    head = " · ".join(filter(None, (summary["benchmark"], summary["host"], summary["defense"])))
    typer.echo(f"{head}: {summary['rows']} rows, {summary['changed']} changed, {summary['failed']} failed")
    if summary["failed"]:
        reasons = ", ".join(f"{reason} ({rows} rows)" for reason, rows in summary["failures"].items())
        typer.echo(f"  failed: {reasons}; --retry-failed does them anew")
    names = ("auroc", "auprc", "recall", "fpr", "ece")
    if detection := summary["detection"]:
        found = [f"{name} {detection[name]:.4f}" for name in names if detection[name] is not None]
        typer.echo(f"  {', '.join(found)} ({detection['harmful']} harmful, {detection['harmless']} harmless)")
    for judge, figures in summary["judges"].items():
        for measure, by_condition in figures.items():
            if measure != "unread":
                for condition, cell in by_condition.items():
                    before, after = cell["direct"]["macro"], cell["defended"]["macro"]
                    unread = f", {figures['unread']} without a verdict" if figures["unread"] else ""
                    typer.echo(
                        f"  {judge}: {measure.replace('_', ' ')}, {condition}: {before:.1%} → {after:.1%} "
                        f"(macro over {cell['scenarios']}, {cell['rows']} rows{unread})"
                    )


def _list(as_json: bool) -> None:
    from eyelid.evaluation.benchmarks import BENCHMARKS

    if as_json:
        names = ("title", "measures", "layout", "licence", "citation", "link", "judged_by")
        found = [
            {
                "name": each.name,
                **{name: getattr(each, name).strip() for name in names},
                "kinds": [str(kind) for kind in each.kinds],
                "options": {option.name: list(option.values) for option in each.options},
            }
            for each in BENCHMARKS.values()
        ]
        typer.echo(to_json(found))
        return
    for each in BENCHMARKS.values():
        typer.echo(f"{each.name}: {each.title}. {each.measures}.")
        typer.echo("".join(f"    {line}\n" for line in each.layout.strip().splitlines()), nl=False)
        for option in each.options:
            values = ", ".join(option.values) or "any text"
            typer.echo(f"  --option {option.name}={','.join(option.default)}: {option.about} ({values})")
        where = " · ".join(filter(None, (each.licence, each.link)))
        typer.echo(f"  {where}\n")
