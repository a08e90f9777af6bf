"""`eyelid train` and `eyelid calibrate`: the embedded detector, and MLLM-Protector's two models."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from eyelid.cli._exit import usage
from eyelid.cli._guard import DeviceOption, JsonOption, ThreadsOption
from eyelid.cli._training import mended, quietly, refuse_given, tell_worth, with_bar

train = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train detectors and detoxifiers, small and large."
)

DataArgument = Annotated[
    Path, typer.Argument(metavar="DATA", exists=True, file_okay=False, help="Folder with the four training files.")
]
BackboneOption = Annotated[
    Path | None, typer.Option("--backbone", exists=True, file_okay=False, help="Folder of all-MiniLM-L6-v2.")
]
RecipeOption = Annotated[
    Path | None, typer.Option("--recipe", exists=True, dir_okay=False, help="Another recipe than the packaged one.")
]


@train.callback()
def group() -> None:
    """Train detectors and detoxifiers, small and large."""


FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="DATA...", exists=True, help="Files of rows: .jsonl, .jsonl.gz or .json.")
]
RunOption = Annotated[Path, typer.Option("--out", file_okay=False, help="Run folder; a run that was cut off goes on.")]
BaseOption = Annotated[
    Path,
    typer.Option("--base", exists=True, file_okay=False, help="Folder of the model to begin with, in safetensors."),
]
EpochsOption = Annotated[int, typer.Option(min=1, help="Passes over the rows.")]
BatchOption = Annotated[int, typer.Option(min=1, help="Rows of one step.")]
AccumulateOption = Annotated[int, typer.Option(min=1, help="Forward passes that a step is cut into.")]
RateOption = Annotated[float, typer.Option("--rate", min=0.0, help="Rate of learning at the beginning.")]
LengthOption = Annotated[int, typer.Option(min=16, help="Tokens; longer rows are left out, not cut.")]
HeldOutOption = Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of the requests kept for measuring.")]
AlphaOption = Annotated[int, typer.Option(min=1, help="Of the adapter.")]
DropoutOption = Annotated[float, typer.Option(min=0.0, max=0.9, help="Of the adapter.")]
TargetsOption = Annotated[
    str, typer.Option(metavar="A,B", help="Layers that get an adapter; queries and values if not given.")
]
FullOption = Annotated[bool, typer.Option("--full", help="Train all weights, not an adapter.")]
SeedOption = Annotated[int, typer.Option(help="Of order, dropout, new weights and what is held out.")]
SaveOption = Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")]
RecomputeOption = Annotated[
    bool, typer.Option("--recompute", help="Keep less in memory and compute it again: slower, and the same weights.")
]

#: What does nothing in the other of `detector`'s two uses, and with --full.
_EMBEDDED = ("backbone", "recipe", "share")
_ADAPTER = ("rank", "alpha", "dropout", "targets")
_SEQUENCE = (
    *("preset", "template", "epochs", "batch", "accumulate", "rate", "max_length", "held_out", "full", "recompute"),
    *("save_every", "device", *_ADAPTER),
)


@train.command()
def detector(
    ctx: typer.Context,
    data: FilesArgument,
    out: RunOption,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            exists=True,
            file_okay=False,
            help="Folder of a model of transformers to train; the embedded detector is trained if not given.",
        ),
    ] = None,
    backbone: BackboneOption = None,
    recipe: RecipeOption = None,
    seed: SeedOption = 0,
    share: Annotated[float, typer.Option(min=0.001, max=1.0, help="Part of the rows; for learning curves.")] = 1.0,
    preset: Annotated[
        str, typer.Option(help="With --base: default, paper or release, the loss of MLLM-Protector.")
    ] = "default",
    template: Annotated[
        str | None, typer.Option(help="With --base: what the model reads, with {prompt} and {response}.")
    ] = None,
    epochs: EpochsOption = 4,
    batch: BatchOption = 8,
    accumulate: AccumulateOption = 1,
    rate: RateOption = 2e-5,
    max_length: LengthOption = 512,
    held_out: HeldOutOption = 0.05,
    rank: Annotated[int, typer.Option(min=1, help="Of the adapter.")] = 32,
    alpha: AlphaOption = 32,
    dropout: DropoutOption = 0.1,
    targets: TargetsOption = "",
    full: FullOption = False,
    recompute: RecomputeOption = False,
    save_every: SaveOption = 200,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a harm detector: the embedded one, or with --base any model that classifies.

    Without --base, DATA is a folder with responses.jsonl.gz, prompts.jsonl.gz, texts.jsonl.gz and injection.jsonl.gz;
    it takes about an hour on two cores, and what comes out is a folder for --weights.

    With --base, DATA are files of pairs as PKU-SafeRLHF has them (prompt, response_0, response_1, is_response_0_safe,
    is_response_1_safe, safer_response_id) or of single answers (query, response, label). Rows are read, one logit is
    trained on the model as an adapter, and it is measured on requests that it was not trained on. `eyelid export`
    makes a folder of it that SequenceDetector loads.

    Examples:

      eyelid train detector data/train --out run

      eyelid train detector pairs.jsonl.gz --base models/open_llama_3b_v2 --preset release --out run
    """
    if base is None:
        refuse_given(ctx, _SEQUENCE, "only with --base; the embedded detector is trained by its own recipe (--recipe)")
        _embedded(data, out, backbone, recipe, seed, share, threads, as_json)
        return
    refuse_given(ctx, _EMBEDDED, "only without --base")
    if full:
        refuse_given(ctx, _ADAPTER, "of an adapter, and --full trains none")
    from eyelid.training.protector import DetectorSettings, train_sequence_detector

    numbers = {"epochs": epochs, "batch": batch, "accumulate": accumulate, "rate": rate, "max_length": max_length}
    numbers |= {"held_out": held_out, "seed": seed, "save_every": save_every, "recompute": recompute}
    with_bar(
        lambda tell: train_sequence_detector(
            data,
            base,
            out,
            settings=DetectorSettings.preset(preset, **numbers, lora=_lora(full, rank, alpha, dropout, targets)),
            template=template,
            device=device,
            threads=threads or _cpus(),
            **tell,
        ),
    )
    tell_worth(out, as_json)


@train.command()
def detoxifier(
    ctx: typer.Context,
    data: FilesArgument,
    base: BaseOption,
    out: RunOption,
    without_question: Annotated[
        bool, typer.Option("--without-question", help="The model does not read the request beside the answer.")
    ] = False,
    unequal: Annotated[
        bool, typer.Option("--only-unsafe", help="Leave out pairs of two safe answers, which the release uses.")
    ] = False,
    refusal: Annotated[str, typer.Option(help="What to write where both answers of a pair are unsafe.")] = "",
    epochs: EpochsOption = 4,
    batch: BatchOption = 8,
    accumulate: AccumulateOption = 1,
    rate: RateOption = 2e-5,
    max_length: LengthOption = 512,
    held_out: HeldOutOption = 0.05,
    rank: Annotated[int, typer.Option(min=1, help="Of the adapter.")] = 128,
    alpha: AlphaOption = 32,
    dropout: DropoutOption = 0.1,
    targets: TargetsOption = "",
    full: FullOption = False,
    recompute: RecomputeOption = False,
    seed: SeedOption = 0,
    save_every: SaveOption = 200,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model that rewrites harmful answers (MLLM-Protector's second part).

    DATA are files of pairs as PKU-SafeRLHF has them, of which the less safe answer is rewritten into the safer one, or
    into a refusal where both are unsafe; or of rewrites (query, original, target). The loss counts the tokens of the
    target alone. `eyelid export` makes a folder of it that GenerativeDetoxifier loads.

    Example:

      eyelid train detoxifier pairs.jsonl.gz --base models/vicuna-7b-v1.5 --out run
    """
    if full:
        refuse_given(ctx, _ADAPTER, "of an adapter, and --full trains none")
    from eyelid.training.protector import DetoxifierSettings, train_detoxifier

    with_bar(
        lambda tell: train_detoxifier(
            data,
            base,
            out,
            settings=DetoxifierSettings(
                epochs=epochs,
                batch=batch,
                accumulate=accumulate,
                rate=rate,
                max_length=max_length,
                held_out=held_out,
                seed=seed,
                save_every=save_every,
                recompute=recompute,
                with_question=not without_question,
                both_safe=not unequal,
                refusal=refusal,
                lora=_lora(full, rank, alpha, dropout, targets),
            ),
            device=device,
            threads=threads or _cpus(),
            **tell,
        ),
    )
    tell_worth(out, as_json)


def _embedded(
    data: list[Path],
    out: Path,
    backbone: Path | None,
    recipe: Path | None,
    seed: int,
    share: float,
    threads: int | None,
    as_json: bool,
) -> None:
    from eyelid.training import train_detector

    if len(data) != 1 or not data[0].is_dir():
        usage("without --base, DATA is one folder with the four training files; name a model with --base for others")
    with_bar(
        lambda tell: train_detector(
            data[0],
            out,
            backbone=backbone,
            recipe=recipe,
            threads=threads or _cpus(),
            seed=seed,
            share=share,
            **tell,
        )
    )
    _end(out, as_json)


def _lora(full: bool, rank: int, alpha: int, dropout: float, targets: str) -> Any:
    from eyelid.training.protector import Lora

    names = tuple(filter(None, (name.strip() for name in targets.split(","))))
    return None if full else Lora(rank=rank, alpha=alpha, dropout=dropout, targets=names)


def calibrate(
    data: DataArgument,
    run: Annotated[Path, typer.Option("--run", exists=True, file_okay=False, help="A folder that training made.")],
    backbone: BackboneOption = None,
    recipe: RecipeOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the probabilities of a run anew, on queries and sources that it was not trained on.

    Example:

      eyelid calibrate data/train --run run
    """
    from eyelid.training import calibrate as fit

    quietly()
    say = Console(stderr=True).log
    mended(lambda: fit(data, run, backbone=backbone, recipe=recipe, threads=threads or _cpus(), say=say))
    _end(run, as_json)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _end(run: Path, as_json: bool) -> None:
    report = json.loads((run / "calibration-report.json").read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps({"run": str(run), "calibration": report}))
        return
    typer.echo(f"{'question':<10} {'source':<34} {'label':>5} {'texts':>6} {'over 0.5':>9}  (* never trained on)")
    for line in report:
        mark = "*" if line["held_out"] else " "
        typer.echo(
            f"{line['question']:<10} {line['source'][:33]:<33}{mark} {line['label']:>5} {line['texts']:>6} "
            f"{line['over']['0.5']:>9.3f}"
        )
