"""The benchmarks run and every row gets a figure. Which figure is no test's business: this machine may be busy."""
import math

import pytest

import run
from benchmarks import report
from benchmarks.measure import Row, Samples, in_turn
from benchmarks.recordings import repeat

# What the table promises, in its order.
ROWS = ("decode EVT3", "decode EVT3", "decode EVT2", "decode DAT", "index scan", "index scan", *["sequential"] * 4,
        *["the same, frames in the disk cache"] * 8, *["the same, frames in memory"] * 4, "daemon CPU", "4 processes",
        *["from RAW only"] * 4, "disk cache size", "peak memory", "h5py adding", "the same, from there", "bytes that a second session",
        *["generate"] * 3, *["size of what generate makes"] * 3, "peak memory of generate")


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


def test_findings_of_the_document_are_kept():
    assert report.findings("# Benchmarks\n\n## The machine\n") == ""
    assert report.findings("# Benchmarks\n\n## Findings\n\nSlow.\n") == "\n## Findings\n\nSlow.\n"


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
    run.main(["--quick", "--repetitions", "1", "--size", "10M", "--frames", "8", "--work", str(tmp_path / "work")])
    assert len(rows) == len(ROWS) and all(row.what.startswith(what) for row, what in zip(rows, ROWS)), [row.what for row in rows]
    for row in rows:
        if row.missing:
            assert row.missing == "not in this version" and "cache" in row.what, row
        else:
            assert math.isfinite(row.value) and row.value > 0, row
    assert not (tmp_path / "work/cache").exists()
