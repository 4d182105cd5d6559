"""Measuring two or more sides in turn, so that a machine that drifts shows in all of them."""
import dataclasses
import statistics


@dataclasses.dataclass
class Samples:
    """What one side gave: a value of every round."""
    name: str
    unit: str
    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    def text(self):
        low, high = (number(v) for v in (min(self.values), max(self.values)))
        return f"{number(self.median)} {self.unit}" + ("" if low == high else f" ({low} to {high})")


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_turn(sides, unit, repetitions, say, warm_up=True):
    """{name: Samples} of `sides`, {name: function that returns one value}: A B A B ... With `warm_up`, a first round is
    thrown away (compilation, page cache, first touch of memory) when there is more than one."""
    values = {name: [] for name in sides}
    for round in range(-1 if warm_up and repetitions > 1 else 0, repetitions):
        for name, side in sides.items():
            value = side()
            if round >= 0:
                values[name].append(value)
    samples = {name: Samples(name, unit, list_) for name, list_ in values.items()}
    for one in samples.values():
        say(f"    {one.name}: {one.text()}")
    return samples


@dataclasses.dataclass
class Goal:
    """What a row shall reach, by the kernels that ran; others have no goal."""
    avx512: float = None
    avx2: float = None

    def of(self, kernels):
        return {"avx512": self.avx512, "avx2": self.avx2}.get(kernels)


@dataclasses.dataclass
class Row:
    """A line of the table. `factor` is what the goal speaks of: ours / theirs for speeds, theirs / ours for times.

    Without `theirs`, `ours` itself is compared with the goal. `note` is for what was not as asked."""
    what: str
    against: str
    ours: Samples = None
    theirs: Samples = None
    at_least: float = None
    at_most: float = None
    is_time: bool = False
    strictly: bool = False  # more than, not at least
    note: str = ""
    missing: str = ""  # why there is no figure
    kernels: str = ""  # the variant that decoded
    failed: bool = False  # `missing` tells of an error

    @property
    def value(self):
        if self.missing:
            return None
        if self.theirs is None:
            return self.ours.median
        ours, theirs = self.ours.median, self.theirs.median
        return theirs / ours if self.is_time else ours / theirs

    @property
    def goal(self):
        unit = f" {self.ours.unit}" if self.ours and not self.theirs else "x"
        if self.at_least is None and self.at_most is None:
            return "-"
        if self.at_least is not None:
            return f"{'>' if self.strictly else '>='} {number(self.at_least)}{unit}"
        return f"<= {number(self.at_most)}{unit}"

    @property
    def is_met(self):
        if self.value is None or self.goal == "-":
            return None
        if self.at_least is None:
            return self.value <= self.at_most
        return self.value > self.at_least if self.strictly else self.value >= self.at_least
