// How a picture comes over: as raw RGBA for putImageData, or as PNG for createImageBitmap.

import { request, ApiError } from "./api.js"

// In Chromium on one machine, 1280 x 720: PNG takes the browser 26 ms of processor time for a frame, raw pixels 38, as
// 3.7 MB pass through its processes; the server takes 21 and 19. Over a network the difference is larger. Other browsers
// may differ, so automatic tries both for a few pictures and keeps what took less.
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
    if (this.times.png.length < TRIAL) return "png"
    const png = median(this.times.png)
    const raw = this.times.rgba
    // PNG is quick enough, or raw much slower, as over a network: no more of it.
    const isClear = png < 20 || (raw.length > 0 && raw[0] > 2 * png)
    if (!isClear && raw.length < TRIAL) return "rgba"
    this.settled = isClear || png <= median(raw) ? "png" : "rgba"
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
