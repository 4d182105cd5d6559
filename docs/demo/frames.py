"""Reads frames of one recording through the mount with h5py, says what it sees, and draws them as a PNG.

usage: frames.py MOUNT RECORDING PNG"""
import sys

import h5py
import numpy as np
from PIL import Image, ImageDraw

ROWS = ["histo", "diff", "timesurface", "event_cube", "multi_channel_timesurface", "histo_quantized"]
WINDOW = "50ms"
COLUMNS = 4
SCALE = 6  # pixels of the sensor per pixel of the picture, along each side
BACKGROUND, ON, OFF = np.array([18, 22, 30]), np.array([255, 190, 70]), np.array([70, 150, 255])


def planes_of(frame):
    """How much off and on each pixel shows: (2, H, W), not negative."""
    values = frame.astype(np.float32)
    if len(values) == 1:  # signed: on is positive, off negative
        return np.stack([np.maximum(-values[0], 0), np.maximum(values[0], 0)])
    return values.reshape(-1, 2, *values.shape[1:]).max(axis=0)  # bins x polarity; the strongest bin shows


def picture(frame):
    """The frame in colours, each block of SCALE x SCALE pixels averaged to one."""
    planes = planes_of(frame)
    height, width = (side // SCALE * SCALE for side in planes.shape[1:])
    blocks = planes[:, :height, :width].reshape(2, height // SCALE, SCALE, width // SCALE, SCALE).mean(axis=(2, 4))
    # The weakest tenth is left dark: single noise events would only make the file bigger.
    off, on = np.clip(blocks / max(np.percentile(blocks, 99), 1e-6) * 1.1 - 0.1, 0, 1)
    colours = BACKGROUND + on[..., None] * (ON - BACKGROUND) + off[..., None] * (OFF - BACKGROUND)
    return Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))


def main():
    mount, recording, out = sys.argv[1:]
    rows = []
    for name in ROWS:
        with h5py.File(f"{mount}/{name}/{WINDOW}/{recording}.h5") as file:
            data = file["data"]
            chosen = [len(data) * (column + 1) // (COLUMNS + 1) for column in range(COLUMNS)]
            frames = data[chosen]
            print(f"{name}: shape {data.shape}, {data.dtype}, mode {data.attrs['mode']}, delta_t {data.attrs['delta_t']} us,"
                  f" frames {chosen} have {np.count_nonzero(frames)} values that are not 0")
            assert data.attrs["events_to_tensor"].decode() == name and data.attrs["mode"] == "delta_t"
            assert np.count_nonzero(frames) > 0
            rows.append((f"{name}/{WINDOW}", [picture(frame) for frame in frames]))
    gap, label = 4, 16
    width, height = rows[0][1][0].size
    sheet = Image.new("RGB", (COLUMNS * (width + gap) + gap, len(rows) * (height + label + gap) + gap), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for row, (title, pictures) in enumerate(rows):
        top = gap + row * (height + label + gap)
        draw.text((gap, top), title, fill=(40, 40, 40))
        for column, image in enumerate(pictures):
            sheet.paste(image, (gap + column * (width + gap), top + label))
    sheet.quantize(48, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"wrote {out}, {sheet.width}x{sheet.height}")


if __name__ == "__main__":
    main()
