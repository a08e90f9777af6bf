"""Peers as child processes that take turns; see `peers/protocol.py`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from eyelid.errors import ConfigurationError

FOLDER = Path(__file__).parent / "peers"
#: No network, no thread team of a library's own choosing, no telemetry.
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
    "DO_NOT_TRACK": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Method:
    """One way to do the work.

    Args:
        name: in tables.
        script: of `peers/`.
        arguments: of the script.
        environment: which Python runs it: "own" (this one), "main" or "infinity".
        modules: what must be installed there.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    environment: str = "main"
    modules: tuple[str, ...] = field(default=())


PIPELINE = Method("transformers pipeline, one by one", "hf_pipeline.py", modules=("transformers",))
PIPELINE_32 = Method(
    "transformers pipeline, batch_size=32", "hf_pipeline.py", ("--batch", "32"), modules=("transformers",)
)
CROSS_ENCODER = Method("sentence-transformers CrossEncoder", "st_cross_encoder.py", modules=("sentence_transformers",))
ORT = Method("onnxruntime float32, fused", "ort.py", modules=("onnxruntime", "onnx", "transformers"))
ORT_INT8 = Method("onnxruntime int8, dynamic", "ort.py", ("--int8",), modules=("onnxruntime", "onnx", "transformers"))
BATCHED = Method("batched (32 texts, 5 ms)", "batched_queue.py", modules=("batched", "transformers"))
INFINITY = Method("infinity AsyncEngineArray", "infinity_engine.py", (), "infinity", ("infinity_emb",))
EYELID = Method("eyelid, packed float32", "eyelid_engine.py", ("--dtype", "float32"), "own")
EYELID_BF16 = Method("eyelid, packed bfloat16", "eyelid_engine.py", ("--dtype", "bfloat16"), "own")


class Peer:
    """A child process that answers; its processor time is its own to count."""

    def __init__(
        self, method: Method, python: str, model: Path, texts: Path, *, threads: int, cores: Sequence[int]
    ) -> None:
        command = [python, str(FOLDER / method.script), "--model", str(model), "--texts", str(texts)]
        command += ["--threads", str(threads), *method.arguments]
        inherited = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
        environment = {**inherited, **QUIET, **(ONE_THREAD if threads == 1 else {})}
        self.method = method
        self._log = (model / f"{method.script}{'-'.join(method.arguments)}.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )
        self.versions: dict[str, str] = self._answer()["ready"]

    def ask(self, **question: Any) -> dict[str, Any]:
        """Put a question and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"{self.method.name} ended: {self._log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Some of them have threads that never end.
        self._process.kill()
        self._process.communicate()
        self._log.close()


@dataclass(frozen=True, slots=True)
class Environments:
    """The Python of each environment; "" where there is none."""

    main: str = sys.executable
    infinity: str = ""

    def python(self, method: Method) -> str:
        """The interpreter that runs a method.

        Raises:
            ConfigurationError: what it needs is not installed.
        """
        if method.environment == "own":
            return sys.executable
        python = self.main if method.environment == "main" else self.infinity
        if not python:
            raise ConfigurationError(
                f"no environment: see benchmarks/peers/README.md, then --{method.environment} PYTHON"
            )
        look = f"import sys; from importlib.util import find_spec as f; sys.exit(not all(map(f, {method.modules!r})))"
        if subprocess.run([python, "-c", look], check=False).returncode:
            raise ConfigurationError(f"{', '.join(method.modules)}: not all installed; see benchmarks/peers/README.md")
        return python


def with_environments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add where the peers are installed."""
    parser.add_argument("--main", metavar="PYTHON", default=sys.executable, help="of the extra 'peers' (this one)")
    parser.add_argument("--infinity", metavar="PYTHON", default="", help="of peers/infinity.txt (left out)")
    return parser


def environments(args: argparse.Namespace) -> Environments:
    """What the options say."""
    return Environments(args.main, args.infinity)


@contextmanager
def started(
    methods: Sequence[Method],
    environments: Environments,
    model: Path,
    texts: Sequence[str],
    *,
    threads: int = 1,
    cores: Sequence[int] = (),
) -> Iterator[list[Peer]]:
    """The peers that are installed, each loaded and waiting; what is missing is told and left out."""
    file = model / "texts.json"
    file.write_text(json.dumps(list(texts)), encoding="utf-8")
    with ExitStack() as stack:
        peers = []
        for method in methods:
            try:
                python = environments.python(method)
            except ConfigurationError as error:
                print(f"left out: {method.name}: {error}", file=sys.stderr)
            else:
                print(f"loading: {method.name}", file=sys.stderr, flush=True)
                peers.append(stack.enter_context(Peer(method, python, model, file, threads=threads, cores=cores)))
        yield peers
