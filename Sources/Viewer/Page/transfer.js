// How a picture comes over: as raw RGBA for putImageData, or as PNG for createImageBitmap.

import { request, ApiError } from "./api.js"

// Raw is faster on one machine, PNG over a network: automatic tries both for a few pictures and keeps what took less.
const TRIAL = 6
const AGAIN = 400

export class Transfer {
  // choice: "auto", "rgba" or "png".
  constructor(choice) {
    this.choice = choice
    this.reset()
  }

  set(choice) {
    this.choice = choice
    this.reset()
  }

  reset() {
    this.times = { rgba: [], png: [] }
    this.settled = null
    this.since = 0
  }

  get format() {
    if (this.choice !== "auto") return this.choice
    if (this.settled && this.since < AGAIN) return this.settled
    if (this.settled) this.reset()
    if (this.times.rgba.length < TRIAL) return "rgba"
    // Raw is quick enough: no trial of PNG.
    if (this.times.png.length === 0 && median(this.times.rgba) < 20) return "rgba"
    if (this.times.png.length < TRIAL) return "png"
    this.settled = median(this.times.rgba) <= median(this.times.png) ? "rgba" : "png"
    this.since = 0
    return this.settled
  }

  learn(format, ms) {
    this.since++
    const list = this.times[format]
    list.push(ms)
    if (list.length > TRIAL) list.shift()
  }

  // -> {width, height, tiles: {columns, width, height, gap} or null, pixels: ImageData or ImageBitmap, bytes}
  async fetch(query, signal) {
    const format = this.format
    const began = performance.now()
    // The browser need not keep raw pixels too: it would write them to a disk.
    const answer = await request("picture", { ...query, format }, { signal, cache: format === "rgba" ? "no-store" : "default" })
    const picture = format === "png" ? await decodePNG(answer) : await decodeRaw(answer)
    this.learn(format, performance.now() - began)
    picture.tiles = tiles(answer.headers.get("X-Tiles"))
    return picture
  }
}

// "columns,width,height,gap", where each channel is drawn by itself.
function tiles(text) {
  const [columns, width, height, gap] = (text ?? "").split(",").map(Number)
  return columns > 0 && width > 0 && height > 0 && gap >= 0 ? { columns, width, height, gap } : null
}

async function decodeRaw(answer) {
  const width = Number(answer.headers.get("X-Width"))
  const height = Number(answer.headers.get("X-Height"))
  const buffer = await answer.arrayBuffer()
  if (!(width > 0 && height > 0) || buffer.byteLength !== width * height * 4) {
    throw new ApiError(0, "broken", "A picture came incomplete.")
  }
  return { width, height, pixels: new ImageData(new Uint8ClampedArray(buffer), width, height), bytes: buffer.byteLength }
}

async function decodePNG(answer) {
  const blob = await answer.blob()
  // The colours as they are: nothing turned into the screen's, nothing multiplied by alpha.
  const pixels = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" })
  return { width: pixels.width, height: pixels.height, pixels, bytes: pixels.width * pixels.height * 4 }
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
