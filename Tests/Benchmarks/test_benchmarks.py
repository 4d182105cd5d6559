"""The benchmarks run and every row gets a figure. Which figure is no test's business: this machine may be busy."""
import json
import math
import os
import subprocess
import types

import pytest

import run
from benchmarks import report, suite
from benchmarks.decoding import usable
from benchmarks.measure import Goal, Row, Samples, in_turn
from benchmarks.recordings import Recording, repeat

# What the table promises, in its order.
DECODED = ("decode EVT3", "decode EVT3", "decode EVT2", "decode EVT2.1 (legacy)", "decode EVT4", "decode DAT", *["index scan"] * 3)
ROWS = (*["frames of EVT3 with"] * 6, *["sequential"] * 8, *["the same, frames in the disk cache"] * 8, *["the same, frames in memory"] * 4, "daemon CPU", "4 processes",
        *["from RAW only"] * 4, *["events as columns"] * 4, "disk cache size", "peak memory", "peak memory, a loader", "h5py adding", "the same, from there",
        "bytes that a second session", *["generate"] * 3, *["size of what generate makes"] * 3, "peak memory of generate",
        "generate", "size of what generate makes", "peak memory of generate")


def samples(*values):
    return Samples("side", "unit", list(values))


def row(ours, theirs=None, **rest):
    return Row("what", "against", samples(*ours), theirs and samples(*theirs), **rest)


def test_ratios_are_of_medians_and_say_how_many_times_better():
    assert row([6, 1, 100], [3, 2, 4]).value == 2  # speeds
    assert row([6, 1, 100], [3, 2, 4], is_time=True).value == 0.5
    assert row([0.2]).value == 0.2
    assert row([], missing="not in this version").value is None


def test_goals():
    assert row([2], [1], at_least=2).is_met
    assert not row([1.9], [1], at_least=2).is_met
    assert not row([2], [2], at_least=1, strictly=True).is_met
    assert row([1.1], [1], at_most=1.2).is_met
    assert not row([1.3], [1], at_most=1.2).is_met
    assert row([9], [1]).is_met is None
    assert row([], at_least=2, missing="absent").is_met is None


def test_sides_take_turns_and_the_first_round_is_thrown_away():
    order = []
    found = in_turn({name: lambda name=name: order.append(name) or len(order) for name in "AB"}, "x", 2, lambda text: None)
    assert "".join(order) == "ABABAB"
    assert found["A"].values == [3, 5] and found["B"].values == [4, 6]


def test_sizes_are_powers_of_1000():
    assert [run.size(text) for text in ("1G", "2.5M", "10k", "7")] == [10**9, 2_500_000, 10_000, 7]


def test_written_tables_need_all_rows():
    with pytest.raises(SystemExit):
        run.arguments(["--write", "--only", "scan"])


def test_other_parts_and_findings_of_the_document_are_kept():
    first = report.merged("", "avx512", "## Kernels: avx512\n\nfast\n")
    document = report.merged(first + "\n## Findings\n\nSlow.\n", "avx2", "## Kernels: avx2\n\nas fast\n")
    order = ["# Benchmarks", "## Kernels: avx2\n\nas fast\n", "## Kernels: avx512\n\nfast\n", "## How it is measured", "## Findings\n\nSlow.\n"]
    places = [document.index(text) for text in order]
    assert places == sorted(places)
    again = report.merged(document, "avx2", "## Kernels: avx2\n\nslower\n")
    assert again == document.replace("as fast", "slower")


def test_goals_are_of_the_kernels_that_ran():
    goal = Goal(avx512=3, avx2=2)
    assert [goal.of(kernels) for kernels in ("avx512", "avx2", "sse4")] == [3, 2, None]


def recording(events):
    return Recording("nowhere.raw", dict(events=events, format="EVT3"), "a test")


def test_a_peer_that_counts_wrong_drops_out_with_a_note():
    def right(path, format):
        return 7

    def wrong(path, format):
        return 6

    def broken(path, format):
        raise ValueError("what is this?")

    sides, notes = usable([right, wrong, broken], recording(7), lambda text: None)
    assert list(sides) == ["right"]
    assert notes == ["wrong is left out: it found 6 events of 7", "broken is left out: what is this?"]


def test_a_benchmark_that_fails_becomes_a_row_and_the_others_go_on(monkeypatch):
    def ends(suite):
        yield Row("first", "-", missing="as asked")
        raise OSError("no room")

    monkeypatch.setattr(suite, "BENCHMARKS", dict(ends=ends, goes=lambda suite: iter([Row("last", "-", missing="as asked")])))
    rows = list(suite.Suite.rows(types.SimpleNamespace(say=lambda text: None, kernels="sse4"), None))
    assert [(row.what, row.failed, row.kernels) for row in rows] == [("first", False, "sse4"), ("ends", True, "sse4"), ("last", False, "sse4")]
    assert rows[1].missing == "ended by an error: OSError: no room"


def test_a_repeated_recording_goes_on_in_time(tmp_path):
    import struct

    def words(path):
        content = path.read_bytes()
        payload = content[content.index(b"% end\n") + 6:]
        return list(struct.unpack(f"<{len(payload) // 2}H", payload))

    source, out = tmp_path / "a.raw", tmp_path / "b.raw"
    events = [0x8FFF, 0x6001, 0x0007, 0x2003, 0x8000, 0x6002, 0x2004]  # TIME_HIGH 4095, then 0: it wraps
    source.write_bytes(b"% evt 3.0\n% end\n" + struct.pack("<7H", *events))
    repeat(source, out, 28)
    assert words(out) == events + [0x8001, 0x6001, 0x0007, 0x2003, 0x8002, 0x6002, 0x2004]


def test_every_row_gets_a_figure(tmp_path, monkeypatch):
    rows = []
    line = report.line

    def remember(row):
        if row not in rows:
            rows.append(row)
        return line(row)

    monkeypatch.setattr(report, "line", remember)
    monkeypatch.setenv("EVH5_SHARED", str(tmp_path / "nothing"))  # what everybody has: recordings of evh5 synth
    assert run.main(["--quick", "--repetitions", "1", "--size", "10M", "--frames", "8", "--work", str(tmp_path / "work")]) == 0
    bench = os.environ.get("EVH5_BENCH", run.BUILD / "evh5-bench")
    variants = json.loads(subprocess.run([bench, "kernels"], check=True, capture_output=True).stdout)
    # Each variant has a row of decoding and scanning; others name the one in use.
    decoded = [row for row in rows if row.what.startswith(DECODED)]
    expected = [what for what in DECODED for _ in variants["available"]]
    assert len(decoded) == len(expected) and all(row.what.startswith(what) for row, what in zip(decoded, expected)), [row.what for row in decoded]
    assert {row.kernels for row in decoded} == set(variants["available"])
    others = [row for row in rows if row not in decoded]
    assert len(others) == len(ROWS) and all(row.what.startswith(what) for row, what in zip(others, ROWS)), [row.what for row in others]
    assert {row.kernels for row in others} == {variants["current"]}
    for row in rows:
        # A peer that counts wrong drops out; without any there is no ratio.
        assert not row.missing or row.missing.startswith("no peer reads"), row
        if not row.missing:
            assert math.isfinite(row.value) and row.value > 0, row
    assert not (tmp_path / "work/cache").exists()
