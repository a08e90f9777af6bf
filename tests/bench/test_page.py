import json
import math

from eyelid.bench import Latency, Load, LoadPoint, Measured, Throughput, machine, page, picture

POINTS = [LoadPoint(clients, 100, 50.0, 40.0, 0.02 * clients, 0.03 * clients, 0.004) for clients in (1, 8, 64)]
MEASURED = Measured(
    date="2026-01-01T00:00:00+00:00",
    machine=machine(),
    device="cpu, bfloat16, workers: 2 (asked for)",
    texts=12,
    tokens=1200,
    peaks={"bfloat16": 4e11, "float32": 2e11},
    throughput=[
        Throughput("guard <b>", 120.0, 200.0, 11000.0, 0.05),
        Throughput("encoder", 150.0, 260.0, 14e3, 0.03, 0.6),
    ],
    latency=[Latency("guard <b>", 0.009, 0.02)],
    load=[Load("guard <b>", POINTS)],
    notes=["a note"],
)


def test_the_picture_is_a_png() -> None:
    assert picture(MEASURED).startswith(b"\x89PNG")


def test_nothing_to_draw_is_drawn_too() -> None:
    empty = Measured("", machine(), "", 0, 0, {}, [], [], [])
    assert picture(empty).startswith(b"\x89PNG")
    assert "eyelid bench" in page(empty, b"")


def test_the_page_holds_everything_and_loads_nothing() -> None:
    html = page(MEASURED, b"picture")
    for part in ("GFLOP/s", "60 %", "9.0", "a note", "data:image/png;base64,cGljdHVyZQ=="):
        assert part in html
    assert "guard &lt;b&gt;" in html
    assert "<b>guard" not in html
    assert "http:" not in html
    assert "https:" not in html


def test_the_result_is_plain_data() -> None:
    again = json.loads(json.dumps(MEASURED.as_json()))
    assert again["load"][0]["points"][2]["clients"] == 64
    assert math.isclose(again["throughput"][1]["peak_share"], 0.6)


def test_the_machine_is_described_and_not_named() -> None:
    import platform

    facts = machine()
    assert facts["cores"] >= 1
    assert "torch" in facts["versions"]
    assert platform.node() not in json.dumps(facts)
