"""`eyelid synthesize safe-harm` and `eyelid synthesize ecso`: data that trains the models of both methods."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from eyelid.cli._exit import usage
from eyelid.cli._guard import DeviceOption, JsonOption, PolicyOption, ThreadsOption, WeightsOption
from eyelid.cli._synthesize_parts import Parts, bar, end, ending, licences, shares, templates

synthesize = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make data that trains models, by a model that you have."
)

HostOption = Annotated[
    str,
    typer.Option("--host", metavar="SPEC", help="The model: transformers:FOLDER, openai:URL#MODEL or scripted:FILE."),
]
OutOption = Annotated[
    Path, typer.Option("--out", file_okay=False, help="Folder of the data; work that was cut off goes on.")
]
AdapterOption = Annotated[
    Path | None, typer.Option("--adapter", exists=True, file_okay=False, help="PEFT adapter of a transformers host.")
]
TokenOption = Annotated[str, typer.Option(help="Environment variable with the token of a server.")]
PlaintextOption = Annotated[bool, typer.Option("--plaintext", help="Take http for servers elsewhere.")]
TimeoutOption = Annotated[float, typer.Option(min=0.1, help="Seconds for each answer of the host.")]
LicenceOption = Annotated[
    list[str] | None,
    typer.Option("--licence", metavar="PART=NAME", help="For the card; data=NAME is that of the set. Repeat."),
]
RetryOption = Annotated[bool, typer.Option("--retry-failed", help="Do anew what the host or a detector failed at.")]
DetectorOption = Annotated[
    str,
    typer.Option(
        "--detector", metavar="WHO", help="Who checks: embedded, detector:FOLDER[#ADAPTER] or guard:FOLDER[#FAMILY]."
    ),
]


@synthesize.callback()
def group() -> None:
    """Make data that trains models, by a model that you have."""


@synthesize.command("safe-harm")
def safe_harm(
    ctx: typer.Context,
    host: HostOption,
    out: OutOption,
    scenarios: Annotated[
        Path | None,
        typer.Option("--scenarios", exists=True, dir_okay=False, help="Kinds of harmful requests, one a line."),
    ] = None,
    ask_scenarios: Annotated[
        int | None, typer.Option("--ask-scenarios", min=1, help="So many that the model names itself, instead.")
    ] = None,
    detector: DetectorOption = "embedded",
    harmless_below: Annotated[float, typer.Option(help="A harmless answer scores below.")] = 0.5,
    harmful_from: Annotated[float, typer.Option(help="A harmful answer scores so much or more.")] = 0.5,
    questions: Annotated[int, typer.Option(min=1, help="Of each scenario.")] = 20,
    tries: Annotated[int, typer.Option(min=1, help="Of an answer, before its question is dropped.")] = 3,
    near: Annotated[float, typer.Option(help="From which share of common n-grams on questions are the same.")] = 0.8,
    splits: Annotated[str, typer.Option(metavar="A,B,C", help="Train, validation and test.")] = "0.9,0.05,0.05",
    prompts: Annotated[
        Path | None, typer.Option("--prompts", exists=True, dir_okay=False, help="TOML with other templates.")
    ] = None,
    budget: Annotated[int, typer.Option(min=1, help="Tokens of an answer at most.")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of what the model writes.")] = 0.8,
    seed: Annotated[int, typer.Option(help="Of sampling, order and split.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Questions worked on together.")] = 16,
    licence: LicenceOption = None,
    retry_failed: RetryOption = False,
    adapter: AdapterOption = None,
    timeout: TimeoutOption = 120.0,
    token_env: TokenOption = "OPENAI_API_KEY",
    plaintext: PlaintextOption = False,
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Pairs of a harmless and a harmful answer, to train detectors and detoxifiers (MLLM-Protector).

    The model writes questions for each scenario, and two answers to each question. A detector has to take each answer
    for what it should be; else it is asked for again and in the end dropped. Questions that say the same are left out.

    OUT gets train.jsonl, validation.jsonl and test.jsonl, which `eyelid train` reads, and card.json and README.md,
    which say how they came about. Harmful answers are to be vague sketches; keep them apart all the same.

    Models that were taught to refuse will not write harmful answers; what they refuse is counted.

    Exit codes: 0 done, 1 the host or the detector failed (the same command goes on, with --retry-failed over the gaps),
    2 usage, 130 interrupted.

    Examples:

      eyelid synthesize safe-harm --host openai:http://localhost:8000/v1#writer --scenarios kinds.txt --out pairs

      eyelid synthesize safe-harm --host transformers:models/writer --ask-scenarios 13 --questions 100 --out pairs
    """
    from eyelid.synthesis import SafeHarm, read_scenarios, synthesize_safe_harm

    if (scenarios is None) == (ask_scenarios is None):
        usage("give --scenarios FILE, or --ask-scenarios N for the model to name some")
    with ending(), ExitStack() as closing:
        kinds = ask_scenarios or read_scenarios(scenarios or Path())
        parts = Parts(ctx, closing, "balanced", weights, threads, device)
        checker, identity = parts.detector(detector)
        model, name = parts.host(host, adapter=adapter, token_env=token_env, seconds=timeout, plaintext=plaintext)
        plan = SafeHarm(
            host=model,
            host_name=name,
            detector=checker,
            detector_name=identity,
            harmless_below=harmless_below,
            harmful_from=harmful_from,
            prompts=templates(prompts),
            questions=questions,
            tries=tries,
            near=near,
            splits=shares(splits),
            budget=budget,
            temperature=temperature,
            seed=seed,
            batch=batch,
            seconds=timeout,
        )
        with bar() as tell:
            made = synthesize_safe_harm(
                plan, kinds, out, licence=licences(licence), retry_failed=retry_failed, progress=tell
            )
        dropped = made["dropped"]
        failed = sum(count for why, count in dropped.items() if why.endswith(("_failed", "_unchecked")))
        end(made, out, as_json, failed=failed)


@synthesize.command()
def ecso(
    ctx: typer.Context,
    data: Annotated[
        Path,
        typer.Option("--data", exists=True, dir_okay=False, help="Rows {image, query}, LLaVA's JSON, or VLGuard's."),
    ],
    images: Annotated[
        Path, typer.Option("--images", exists=True, file_okay=False, help="Folder below which the images lie.")
    ],
    host: HostOption,
    out: OutOption,
    layout: Annotated[str, typer.Option(metavar="NAME", help="auto, rows, llava or vlguard.")] = "auto",
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Look at answers with the guard as well, not the model alone.")
    ] = True,
    release: Annotated[bool, typer.Option("--release", help="The steps as the paper's code takes them.")] = False,
    only: Annotated[str, typer.Option(metavar="all|replaced", help="Which answers are kept.")] = "all",
    drop_refusals: Annotated[bool, typer.Option("--drop-refusals", help="Leave out answers that refuse.")] = False,
    keep_failures: Annotated[
        bool, typer.Option("--keep-failures", help="Keep the refusals that stand in for failed looks.")
    ] = False,
    drop_flagged: Annotated[
        float | None, typer.Option("--drop-flagged", metavar="SCORE", help="Leave out what --detector scores so high.")
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="WHO",
            help="Who scores what is kept, from the first call on: embedded (with the guard it is by itself), "
            "detector:FOLDER[#ADAPTER] or guard:FOLDER[#FAMILY].",
        ),
    ] = None,
    longest: Annotated[int | None, typer.Option(min=1, help="Characters of an answer at most.")] = None,
    utility: Annotated[
        Path | None,
        typer.Option("--utility", exists=True, dir_okay=False, help="Ordinary data in LLaVA's format to mix in."),
    ] = None,
    ratio: Annotated[float, typer.Option(min=0.0, help="Its rows for each row that was made.")] = 1.0,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many requests.")] = None,
    budget: Annotated[int, typer.Option(min=1, help="Tokens of an answer at most.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of first answers.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of sampling, and of what is mixed in.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Requests worked on together.")] = 32,
    licence: LicenceOption = None,
    retry_failed: RetryOption = False,
    adapter: AdapterOption = None,
    timeout: TimeoutOption = 120.0,
    token_env: TokenOption = "OPENAI_API_KEY",
    plaintext: PlaintextOption = False,
    policy: PolicyOption = "balanced",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Requests about images to data for fine-tuning: unsafe answers are given again with closed eyes (ECSO).

    The model answers each request and judges its answer; where it is unsafe, it describes the image for the request
    and answers from the description alone. The guard judges as well, unless --no-guard leaves it to the model, as in
    the paper. Nobody labels anything.

    OUT gets sft.json in LLaVA's format, records.jsonl with everything that was said, and card.json and README.md.
    Called again with other filters or utility data it asks nothing and writes sft.json anew.

    Exit codes: 0 done, 1 some requests failed or were not scored (--retry-failed does them anew), 2 usage,
    130 interrupted.

    Examples:

      eyelid synthesize ecso --data requests.jsonl --images photos --host transformers:models/llava-1.5-7b --out sft

      eyelid synthesize ecso --data VLGuard/train.json --images VLGuard/train --no-guard --utility llava_instruct.json
      --ratio 2 --host openai:http://localhost:8000/v1#llava --licence images=CC-BY-4.0 --out sft
    """
    from eyelid.synthesis import Keep, Labelling, Source, Utility, synthesize_ecso

    with ending(), ExitStack() as closing:
        parts = Parts(ctx, closing, policy, weights, threads, device)
        keep = Keep(
            which=only,  # type: ignore[arg-type]  # it checks the word
            refusals=not drop_refusals,
            failures=keep_failures,
            below=drop_flagged,
            longest=longest,
        )
        source = Source(data, layout)
        who = ("embedded" if guard else "") if detector is None else detector
        model, name = parts.host(host, adapter=adapter, token_env=token_env, seconds=timeout, plaintext=plaintext)
        checker, identity = parts.detector(who) if who else (None, "")
        how = Labelling(
            host=model,
            host_name=name,
            guard=parts.guard if guard else None,
            guard_detectors=parts.identity if guard else "",
            rules=parts.rules(release=release),
            detector=checker,
            detector_name=identity,
            budget=budget,
            temperature=temperature,
            seed=seed,
            batch=batch,
            seconds=timeout,
        )
        with bar() as tell:
            made = synthesize_ecso(
                source,
                images,
                out,
                how,
                keep=keep,
                utility=None if utility is None else Utility(path=utility, ratio=ratio, seed=seed),
                licence=licences(licence),
                limit=limit,
                retry_failed=retry_failed,
                progress=lambda done, total: tell("requests", done, total),
            )
        end(made, out, as_json, failed=made["counts"]["failed"] + made["counts"]["unchecked"])
