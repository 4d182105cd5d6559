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


def strengths(frame):
    """How much on and off light each pixel gets, 0..1 each: (2, H, W)."""
    values = frame.astype(np.float32)
    if len(values) == 1:  # signed: on is positive, off negative
        planes = np.stack([np.maximum(-values[0], 0), np.maximum(values[0], 0)])
    else:  # bins x polarity, off first; the strongest bin shows
        planes = values.reshape(-1, 2, *values.shape[1:]).max(axis=0)
    return planes / max(planes.max(), 1e-6)


def picture(frame):
    """The frame in colours, reduced by SCALE: the strongest pixel of each block shows."""
    planes = strengths(frame)
    _, height, width = planes.shape
    height, width = height // SCALE * SCALE, width // SCALE * SCALE
    blocks = planes[:, :height, :width].reshape(2, height // SCALE, SCALE, width // SCALE, SCALE)
    off, on = blocks.max(axis=(2, 4)) ** 0.7
    colours = BACKGROUND + on[..., None] * (ON - BACKGROUND) + off[..., None] * (OFF - BACKGROUND)
    return Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))


def main():
    mount, recording, out = sys.argv[1:]
    rows = []
    for name in ROWS:
        with h5py.File(f"{mount}/{name}/{WINDOW}/{recording}.h5") as file:
            data = file["data"]
            first = len(data) // 4
            frames = data[first : first + COLUMNS]
            print(f"{name}: shape {data.shape}, {data.dtype}, mode {data.attrs['mode']}, delta_t {data.attrs['delta_t']} us,"
                  f" frames {first}..{first + len(frames) - 1} have {np.count_nonzero(frames)} values that are not 0")
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
    sheet.quantize(64).save(out, optimize=True)
    print(f"wrote {out}, {sheet.width}x{sheet.height}")


if __name__ == "__main__":
    main()
