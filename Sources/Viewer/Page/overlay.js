// What lies over a frame: boxes with their classes, names of channels, the pixel whose values are shown.
//
// All in CSS pixels of the stage.

import { caption } from "./boxes.js"

// A box of the tensor, in the tile of a channel, as it lies on the stage. spot: the answer of `place`.
export function onStage({ x, y, w, h }, tile, { scale, left, top }) {
  const cell = tile.cell * scale
  return { x: left + tile.x * scale + x * cell, y: top + tile.y * scale + y * cell, w: w * cell, h: h * cell }
}

// put: a box of the sensor -> where it lies on the stage; colorOf: of its class. Where many channels are side by side there is
// no room for names.
export function drawBoxes(context, boxes, put, colorOf, { width, height, isNamed }) {
  context.font = "12px system-ui, sans-serif"
  context.textBaseline = "middle"
  for (const box of boxes) {
    const { x, y, w, h } = put(box)
    if (x > width || y > height || x + w < 0 || y + h < 0) continue
    const color = colorOf(box)
    for (const [ink, wide] of [["rgba(0, 0, 0, 0.75)", 4], [color, 2]]) {
      context.strokeStyle = ink
      context.lineWidth = wide
      context.strokeRect(x, y, w, h)
    }
    if (!isNamed) continue
    const text = w < 40 ? (box.class ?? caption(box)) : caption(box)
    const wide = context.measureText(text).width + 8
    const left = Math.max(0, Math.min(width - wide, x - 1))
    const top = Math.max(0, y >= 18 ? y - 18 : Math.min(height - 18, y + 1))
    context.fillStyle = color
    context.fillRect(left, top, wide, 17)
    context.fillStyle = "#0b0e14"
    context.fillText(text, left + 4, top + 9)
  }
}

export function drawTile(context, name, { x, y, w, h }) {
  context.strokeStyle = "rgba(128, 140, 160, 0.7)"
  context.lineWidth = 1
  context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1)
  context.font = "11px system-ui, sans-serif"
  context.textBaseline = "middle"
  context.fillStyle = "rgba(11, 14, 20, 0.72)"
  context.fillRect(x + 3, y + 3, context.measureText(name).width + 8, 16)
  context.fillStyle = "#f2f4f8"
  context.fillText(name, x + 7, y + 11.5)
}

// A frame around the pixel; around a small one a larger one.
export function drawPixel(context, { x, y, w, h }) {
  const grow = Math.max(0, (9 - w) / 2)
  for (const [ink, wide] of [["#000", 3], ["#fff", 1]]) {
    context.strokeStyle = ink
    context.lineWidth = wide
    context.strokeRect(x - grow, y - grow, w + 2 * grow, h + 2 * grow)
  }
}
