import asyncio
from collections.abc import Sequence

from eyelid.bench import Plan, Subject, matrix_peak
from eyelid.bench._measure import latency, load, throughput

PLAN = Plan(texts=12, rounds=3, singles=4, patience=0.05, clients=(1, 4), seconds=0.02)
TEXTS = [f"text {number}" for number in range(12)]
TOKENS = [10 + number for number in range(12)]


class Busy:
    """Does its work on the processor, a little for each text."""

    def __init__(self, name: str, work: int = 2_000, **more: object) -> None:
        self.seen: list[list[str]] = []
        self.work = work
        self.subject = Subject(name, self.many, self.one, **more)  # type: ignore[arg-type]

    def many(self, texts: Sequence[str]) -> None:
        self.seen.append(list(texts))
        for _ in texts:
            sum(range(self.work))

    async def one(self, text: str) -> None:
        self.seen.append([text])
        await asyncio.sleep(0.001)


def rows(*busy: Busy, kind: str = "cpu"):
    return throughput(
        [each.subject for each in busy],
        TEXTS,
        TOKENS,
        PLAN,
        operations=lambda lengths: 100.0 * sum(lengths),
        peaks=lambda: {"float32": 1e9},
        kind=kind,
        tell=lambda what: None,
    )


def test_methods_take_turns_on_the_same_texts() -> None:
    fast, slow = Busy("fast", dtype="float32"), Busy("slow", work=20_000)
    (first, second), peaks = rows(fast, slow)
    assert fast.seen == slow.seen == [TEXTS[number::3] for number in range(3)]
    assert first.per_cpu_second > second.per_cpu_second > 0
    assert first.tokens_per_cpu_second > 10 * first.per_cpu_second
    assert peaks == {"float32": 1e9}


def test_a_share_of_the_peak_only_where_a_precision_is_known() -> None:
    (known, unknown), _ = rows(Busy("known", dtype="float32"), Busy("unknown"))
    assert known.peak_share is not None
    assert 0 < known.peak_share < 1
    assert unknown.peak_share is None


def test_a_slow_method_need_not_do_all() -> None:
    slow = Busy("slow", work=2_000_000, chunk=1)
    (row,), _ = rows(slow)
    assert sum(map(len, slow.seen)) < len(TEXTS)
    assert row.per_cpu_second > 0


def test_latency_of_single_texts() -> None:
    busy, silent = Busy("busy"), Busy("silent", single=False)
    (row,) = latency([busy.subject, silent.subject], TEXTS[:4], lambda what: None)
    assert busy.seen == [[text] for text in TEXTS[:4]]
    assert 0 < row.p50 <= row.p99


def test_load_rises_and_no_text_comes_twice() -> None:
    told: list[str] = []
    busy = Busy("busy")
    (found,) = load([busy.subject, Subject("alone", lambda texts: None)], TEXTS, PLAN, told.append)
    assert [point.clients for point in found.points] == [1, 4]
    asked = [text for texts in busy.seen for text in texts]
    assert len(set(asked)) == len(asked) == sum(point.requests for point in found.points)
    assert told == ["1 clients: busy", "4 clients: busy"]


def test_a_matrix_peak_is_measured() -> None:
    peak = matrix_peak("float32", [(64, 64), (64, 128)], seconds=0.02, rows=(32, 64))
    assert 1e8 < peak < 1e14
