"""What filters cost: every frame of histo/50ms, one thread, in processor time, beside the same without filters."""
from .measure import Row, in_turn

# As paths have them; of 1280 x 720 a region of a quarter, and all.
FILTERS = {
    "roi of a quarter": "roi=320+180+640x360", "roi of all": "roi=0+0+1280x720", "polarity": "polarity=on", "flip and transpose": "flip=x,transpose",
    "refractory": "refractory=1ms", "noise": "noise=10ms",
}
NONE = "the same without filters"


def filtered(suite):
    """Rows of one filter each, on dense EVT3."""
    recording = suite.recordings["dense"]

    def speed(spec):
        def run():
            found = suite.bench.call("frames", recording.path, spec, "50ms", kernels=suite.bench.kernels)
            return found["events"] / found["cpu"] / 1e6
        return run

    sides = (recording.info["width"], recording.info["height"])
    named = {name: text for name, text in FILTERS.items() if sides == (1280, 720) or not text.startswith("roi")}
    found = in_turn({NONE: speed("histo")} | {name: speed(f"histo,{text}") for name, text in named.items()}, "Mev/s", suite.repetitions, suite.say)
    for name, text in named.items():
        yield Row(f"frames of {recording.info['format']} with {text}", NONE, found[name], found[NONE])
