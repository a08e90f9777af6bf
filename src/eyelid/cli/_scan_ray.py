"""`eyelid scan --ray`: the batches of a scan on Ray Data, for corpora that outgrow a machine.

One process beside the command reads the lines, so that only this machine needs the files; each worker loads the guard
once; what became of the batches comes back in any order. A batch whose worker died is looked at again elsewhere.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from eyelid.cli._rows import BadLine
from eyelid.cli._scan_batches import Batch, Corpus, Done, look_at, read_batches
from eyelid.errors import ConfigurationError, EngineError
from eyelid.serving import ray_session

if TYPE_CHECKING:
    from eyelid import Guard

#: How often a batch is looked at as a whole, and then each of its rows by itself, when workers die over it.
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a scan runs.

    Args:
        address: of a Ray cluster; "" for this machine.
        workers: guards; as many as there is room for if left out.
        cpus: of each.
        gpus: of each.
    """

    address: str = ""
    workers: int | None = None
    cpus: int = 1
    gpus: float = 0.0


def scan_on_ray(corpus: Corpus, make: Callable[[], Guard], cluster: Cluster) -> Iterator[Done]:
    """What became of each batch, in any order, each once.

    Args:
        corpus: what is read, on this machine.
        make: loads the guard; called in each worker, so it must survive pickling.
        cluster: where it runs.

    Raises:
        ConfigurationError: Ray or a guard cannot be had.
        EngineError: Ray failed for good; what it failed on is not written, and can be scanned again.
    """
    with ray_session(cluster.address):
        from ray.data import DataContext
        from ray.exceptions import RayError

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.target_max_block_size = 1  # each batch travels, runs and fails by itself
        with DataContext.current(context):
            try:
                yield from _each_once(_dataset(corpus, make, cluster).iter_rows(), corpus.size)
            except RayError as error:
                raise EngineError(
                    f"Ray gave up ({type(error).__name__}); the same command goes on from here"
                ) from error


def _dataset(corpus: Corpus, make: Callable[[], Guard], cluster: Cluster) -> Any:
    import ray
    import ray.data

    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    ledger = ray.remote(num_cpus=0, label_selector=here)(Ledger).remote()
    workers = cluster.workers or _room(cluster)
    read = partial(_read, ray.put(corpus))
    return (
        ray.data.from_items([0])
        .map_batches(read, batch_size=None, num_cpus=0, label_selector=here)
        .map(
            cast(Any, Scanner),  # its protocol wants a class that takes nothing
            fn_constructor_kwargs={"make": make, "ledger": ledger},
            compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=workers, max_size=workers),
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus or None,
        )
    )


def _room(cluster: Cluster) -> int:
    """How many workers the cluster can hold."""
    import ray

    room = 0.0
    for node in cast(Any, ray).nodes():
        if node["Alive"]:
            has = node["Resources"]
            by_gpus = has.get("GPU", 0) // cluster.gpus if cluster.gpus else float("inf")
            room += min(has.get("CPU", 0) // cluster.cpus, by_gpus)
    if not room:
        need = f"{cluster.cpus} CPUs" + (f" and {cluster.gpus:g} GPUs" if cluster.gpus else "")
        raise ConfigurationError(
            f"no machine of the cluster has {need}; ask for less, or give --workers to wait for it"
        )
    return int(room)


def _read(corpus: Any, _: object) -> Iterator[dict[str, list[bytes]]]:
    import ray

    for batch in read_batches(ray.get(corpus)):
        yield {"batch": [pickle.dumps(batch)]}


def _each_once(rows: Iterator[Mapping[str, bytes]], size: int) -> Iterator[Done]:
    seen: set[int] = set()
    for row in rows:
        done: Done | ConfigurationError = pickle.loads(row["done"])
        if isinstance(done, ConfigurationError):
            raise done
        if done.number not in seen:
            seen.add(done.number)
            size -= done.size
            yield done
    if size > 0:
        raise EngineError("Ray did not give back every batch; the same command looks at what is missing")


class Ledger:
    """Counts how often work was begun and not ended, which is how often it took its worker with it."""

    def __init__(self) -> None:
        self._begun: Counter[tuple[int, int]] = Counter()

    def begin(self, key: tuple[int, int]) -> int:
        """Note that work begins; how often it has begun by now."""
        self._begun[key] += 1
        return self._begun[key]

    def end(self, key: tuple[int, int]) -> None:
        """Note that work has ended."""
        del self._begun[key]


class Scanner:
    """A worker with its guard. Why a guard cannot be loaded is handed back in place of what became of a batch."""

    def __init__(self, *, make: Callable[[], Guard], ledger: Any) -> None:
        import ray

        if not ray.get_gpu_ids():
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._ledger = ledger
        self._guard: Guard | ConfigurationError
        try:
            self._guard = make()
        except ConfigurationError as error:
            self._guard = error

    def __call__(self, row: Mapping[str, bytes]) -> dict[str, bytes]:
        """Look at a batch."""
        found = self._guard
        return {"done": pickle.dumps(found if isinstance(found, ConfigurationError) else self._look(found, row))}

    def _look(self, guard: Guard, row: Mapping[str, bytes]) -> Done:
        batch: Batch = pickle.loads(row["batch"])
        with self._noted(batch.number, -1) as tries:
            return look_at(guard, batch) if tries <= _TRIES else self._one_by_one(guard, batch)

    def _one_by_one(self, guard: Guard, batch: Batch) -> Done:
        lines, counts, bad = b"", Counter(skipped=batch.skipped), list(batch.bad)
        for place, row in enumerate(batch.rows):
            with self._noted(batch.number, place) as tries:
                if tries > _TRIES:
                    bad.append(BadLine(row.line, "not looked at: whatever looked at it died", row.file))
                    continue
                done = look_at(guard, replace(batch, rows=(row,), bad=(), skipped=0))
            lines, counts = lines + done.lines, counts + done.counts
        return Done(batch.number, lines, counts, tuple(bad), batch.size)

    @contextmanager
    def _noted(self, *key: int) -> Iterator[int]:
        import ray

        yield ray.get(self._ledger.begin.remote(key))
        self._ledger.end.remote(key)
