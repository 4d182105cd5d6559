// One tensor's frame: the picture, what lies over it, zoom and pan, the values of a pixel.

import { el, button } from "./dom.js"
import { listen, wheelFactor } from "./gestures.js"
import { place } from "./zoom.js"
import { caption } from "./boxes.js"
import { drawBoxes, drawTile, drawPixel, onStage } from "./overlay.js"
import { placement, parseComponent } from "./spelling.js"
import { Cursor } from "./cursor.js"
import { spoken } from "./format.js"

const AHEAD = 8

export class Pane {
  // look: {channels, layout, colors, boxes, isLight()}, shared by panes.
  constructor(name, pictures, zoom, look) {
    Object.assign(this, { name, pictures, zoom, look })
    this.tensor = null
    this.frame = 0 // wanted
    this.drawn = -1
    this.counts = { drawn: 0, left: 0 }
    this.cursor = new Cursor(this)
    this.heading = el("p", { class: "pane-title" })
    this.message = el("p", { class: "pane-message" })
    this.canvas = el("canvas", { class: "frame", width: 1, height: 1 })
    this.over = el("canvas", { class: "over" })
    this.stage = el("div", { class: "stage", tabindex: 0, role: "img", "aria-label": "No frame yet" }, this.canvas, this.over, this.message)
    const tools = el("div", { class: "pane-tools" },
      button("Larger (+)", "plus", () => zoom.by(1.5)), button("Smaller (-)", "minus", () => zoom.by(1 / 1.5)), button("Whole frame (0)", "fit", () => zoom.fit()))
    this.element = el("section", { class: "pane", "aria-label": `Tensor ${name}` }, el("div", { class: "pane-head" }, this.heading, tools), this.stage, this.cursor.values.element)
    this.context = this.canvas.getContext("2d", { alpha: false, willReadFrequently: false })
    this.paint = this.over.getContext("2d")
    this.size = { width: 1, height: 1 }
    new ResizeObserver(() => this.resized()).observe(this.stage)
    zoom.addEventListener("change", () => this.layout())
    pictures.addEventListener("picture", (event) => this.arrived(event.detail.key))
    pictures.addEventListener("failed", (event) => { if (event.detail.key === this.key(this.frame)) this.failed(event.detail.error) })
    this.listen()
  }

  // tensor: {info, times}; recording: for boxes.
  set(tensor, recording, boxes) {
    this.tensor = tensor
    this.recording = recording
    this.boxes = boxes
    boxes?.addEventListener("change", () => {
      this.overlay()
      this.label()
    })
    this.drawn = -1
    this.cursor.clear()
    this.refresh()
    if (!tensor) {
      this.pictures.forget(this)
      this.clear("")
      return
    }
    this.put = placement(tensor.info.preprocessing, recording, tensor.info.shape)
    const [count, channels, height, width] = tensor.info.shape
    this.heading.replaceChildren(el("b", {}, this.name), ` ${tensor.info.preprocessing}/${tensor.info.window} `,
      el("span", { class: "dim" }, `${channels} x ${height} x ${width} ${tensor.info.dtype}`))
    if (count === 0) this.clear("The recording has no whole frame of this window.")
    else this.say("")
  }

  clear(text) {
    this.canvas.width = this.canvas.height = 1
    this.picture = null
    this.overlay()
    this.say(text)
  }

  say(text) {
    this.message.textContent = text
    this.message.classList.toggle("shown", text !== "")
  }

  failed(error) {
    if (error.code !== "gone") this.say(error.message)
  }

  // What is drawn differently has another family.
  refresh() {
    const { look, tensor } = this
    if (!tensor) return
    const query = { file: tensor.info.path, v: tensor.info.version, channels: look.channels, layout: look.layout, colors: look.colors, light: look.isLight() ? 1 : undefined }
    const fits = look.channels === "all" || look.channels.split(",").every((c) => Number(c) < tensor.info.shape[1])
    if (!fits) query.channels = "all"
    this.query = query
    this.family = JSON.stringify(query)
    this.isStale = true
  }

  key(frame) { return `${this.family}#${frame}` }

  wish(frame) { return { key: this.key(frame), query: { ...this.query, frame } } }

  // Shows `frame`, or while playing the newest one there is before it.
  //   next: how the clock goes on, {isPlaying, isHasty, step (frames from one picture to the next), lead (frames until a
  //   picture asked for now is there), from, to (the loop)}.
  show(frame, next = {}) {
    if (!this.tensor || this.tensor.info.shape[0] === 0) return
    this.frame = frame
    const count = this.tensor.info.shape[0]
    const wishes = []
    if (next.isPlaying) {
      const from = next.from ?? 0
      const to = Math.min(count - 1, next.to ?? count - 1)
      // Multiples of the step, so that the next call wants the same ones.
      let k = next.step === 1 ? frame + Math.floor(next.lead) : Math.ceil((frame + next.lead) / next.step) * next.step
      if (this.drawn < 0 || this.isStale) wishes.push(this.wish(frame))
      for (let n = 0; n < AHEAD; n++, k += next.step) {
        if (k <= to) wishes.push(this.wish(k))
        else if (next.isLooping && to > from) wishes.push(this.wish(from + ((k - from) % (to - from + 1))))
        else break
      }
    } else {
      wishes.push(this.wish(frame))
      // The neighbours are next when somebody steps.
      if (!next.isHasty) for (const near of [frame + 1, frame - 1]) if (near >= 0 && near < count) wishes.push(this.wish(near))
    }
    this.isPlaying = next.isPlaying
    this.isHasty = next.isHasty
    this.draw()
    this.pictures.want(this, wishes, this.sparing(next))
  }

  // While playing, what is newer than what is seen may come though its time has passed: a slow server would never show
  // anything else. While somebody drags, what is asked for may come too: to break off every one of them costs the server
  // more than it saves.
  sparing({ isPlaying, isHasty }) {
    const number = (key) => (key.startsWith(this.family + "#") ? Number(key.slice(this.family.length + 1)) : -1)
    if (isHasty) return (key) => number(key) >= 0
    if (isPlaying) return (key) => number(key) > this.drawn || (this.drawn > this.frame && number(key) >= 0)
    return () => false
  }

  // The best picture there is for the wanted frame: itself; while playing the newest between the last drawn and it.
  best() {
    if (this.pictures.has(this.key(this.frame))) return this.frame
    if (this.isPlaying) {
      const oldest = this.isStale || this.drawn > this.frame ? this.frame - 64 : Math.max(this.drawn + 1, this.frame - 512)
      for (let k = this.frame - 1; k >= Math.max(0, oldest); k--) if (this.pictures.has(this.key(k))) return k
    }
    return -1
  }

  draw() {
    const frame = this.best()
    if (frame < 0 || (frame === this.drawn && !this.isStale)) {
      this.label()
      return
    }
    this.drawPicture(frame)
  }

  drawPicture(frame) {
    const picture = this.pictures.get(this.key(frame))
    const { pixels, width, height } = picture
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width
      this.canvas.height = height
    }
    if (pixels instanceof ImageData) this.context.putImageData(pixels, 0, 0)
    else this.context.drawImage(pixels, 0, 0)
    if (this.isPlaying && this.drawn >= 0 && frame > this.drawn + 1) this.counts.left += frame - this.drawn - 1
    const isOther = !this.picture || this.picture.width !== width || this.picture.height !== height
    const [, , H, W] = this.tensor.info.shape
    this.picture = { width, height, W, H, tiles: this.layTiles(picture) }
    this.drawn = frame
    this.isStale = false
    this.counts.drawn++
    this.say("")
    if (isOther) this.resized()
    else this.overlay()
    this.label()
    if (!this.isPlaying) this.cursor.ask()
  }

  arrived(key) {
    if (!this.tensor || !key.startsWith(this.family + "#")) return
    const frame = Number(key.slice(this.family.length + 1))
    if (frame === this.frame || this.isPlaying) this.draw()
    // While somebody drags, what is nearer than what is seen.
    else if (this.isHasty && (this.isStale || this.drawn < 0 || Math.abs(frame - this.frame) < Math.abs(this.drawn - this.frame))) this.drawPicture(frame)
  }

  label() {
    if (!this.tensor || this.drawn < 0) return
    const { times, info } = this.tensor
    const start = times.start(this.drawn)
    let text = `Tensor ${this.name}: ${info.preprocessing}, frame ${this.drawn} of ${info.shape[0]}, at ${spoken(start)}`
    const boxes = this.shownBoxes()
    if (boxes.length) text += `; ${boxes.length} boxes: ${boxes.slice(0, 8).map(caption).join(", ")}`
    if (!this.isPlaying) this.stage.setAttribute("aria-label", text)
  }

  shownBoxes() {
    if (!this.boxes || this.drawn < 0) return []
    const { times } = this.tensor
    return this.boxes.shown(this.look.boxes, times.start(this.drawn), times.stop(this.drawn))
  }

  resized() {
    const box = this.stage.getBoundingClientRect()
    this.size = { width: box.width, height: box.height }
    const ratio = window.devicePixelRatio || 1
    this.over.width = Math.max(1, Math.round(box.width * ratio))
    this.over.height = Math.max(1, Math.round(box.height * ratio))
    this.layout()
  }

  layout() {
    if (!this.picture) return
    const { scale, left, top } = (this.spot = place(this.zoom, this.size, this.picture.width, this.picture.height))
    this.canvas.style.transform = `translate(${left}px, ${top}px) scale(${scale})`
    // Large pixels have edges; where a frame is made smaller, none may be lost.
    this.canvas.classList.toggle("smooth", scale * (window.devicePixelRatio || 1) < 1)
    this.stage.classList.toggle("zoomed", this.zoom.k > 1)
    this.overlay()
  }

  overlay() {
    const { paint, size } = this
    const boxes = this.shownBoxes()
    // An empty one would be painted with each frame.
    const isEmpty = !this.picture || !this.spot || !(boxes.length || this.cursor.pixel || this.picture.tiles.length > 1)
    this.over.hidden = isEmpty
    if (isEmpty) return
    const ratio = window.devicePixelRatio || 1
    paint.setTransform(ratio, 0, 0, ratio, 0, 0)
    paint.clearRect(0, 0, size.width, size.height)
    for (const tile of this.picture.tiles) {
      const toStage = (box) => onStage(box, tile, this.spot)
      if (boxes.length) drawBoxes(paint, boxes, (box) => toStage(this.put(box)), (box) => this.boxes.color(box), { ...size, isNamed: tile.w * this.spot.scale > 180 })
      if (tile.name) drawTile(paint, tile.name, toStage({ x: 0, y: 0, w: this.picture.W, h: this.picture.H }))
      if (this.cursor.pixel) drawPixel(paint, toStage({ ...this.cursor.pixel, w: 1, h: 1 }))
    }
  }

  // What is seen as the filter `roi` has it, in the sensor's pixels: {text}, or {problem}.
  region() {
    const { picture, spot, size, zoom, recording } = this
    if (!picture || !spot || zoom.k === 1) return { problem: "Zoom into the frame first; the part that you see becomes the region." }
    if (picture.tiles.length > 1) return { problem: "Show the channels in one picture first." }
    const { values } = parseComponent(this.tensor.info.preprocessing)
    if (["roi", "flip", "transpose"].some((key) => values.has(key))) return { problem: "The frame has a region, a flip or a transpose already; take it out first." }
    const bound = (place, most) => Math.min(most, Math.max(0, Math.round(place)))
    const [sx, sy] = [recording.width / picture.width / spot.scale, recording.height / picture.height / spot.scale]
    const left = bound(-spot.left * sx, recording.width - 1)
    const top = bound(-spot.top * sy, recording.height - 1)
    const right = bound((size.width - spot.left) * sx, recording.width)
    const bottom = bound((size.height - spot.top) * sy, recording.height)
    return { text: `${left}+${top}+${Math.max(1, right - left)}x${Math.max(1, bottom - top)}` }
  }

  // Where each channel lies in the picture, in its pixels; one without a name if they are drawn as one. A tile may be
  // smaller than the tensor: `cell` pixels for one of it.
  layTiles({ width, height, tiles }) {
    const { shape, channels: names } = this.tensor.info
    const list = this.query.channels === "all" ? [...Array(shape[1]).keys()] : this.query.channels.split(",").map(Number)
    if (!tiles) return [{ x: 0, y: 0, w: width, h: height, cell: width / shape[3] }]
    return list.map((channel, k) => ({
      x: (k % tiles.columns) * (tiles.width + tiles.gap), y: Math.floor(k / tiles.columns) * (tiles.height + tiles.gap), w: tiles.width, h: tiles.height,
      cell: tiles.width / shape[3], channel, name: names?.[channel] ?? `channel ${channel}`,
    }))
  }

  listen() {
    const point = (p) => ({ x: (p.x - this.spot.left) / this.spot.scale / this.picture.width, y: (p.y - this.spot.top) / this.spot.scale / this.picture.height })
    const pan = (dx, dy) => this.zoom.set({ k: this.zoom.k, x: this.zoom.x - dx / (this.picture.width * this.spot.scale), y: this.zoom.y - dy / (this.picture.height * this.spot.scale) })
    listen(this.stage, {
      hover: (p) => { if (p.type !== "touch") this.cursor.hover(p) },
      leave: () => this.cursor.leave(),
      tap: (p) => this.cursor.tap(p),
      drag: (p, dx, dy) => { if (this.picture && this.zoom.k > 1) pan(dx, dy) },
      pinch: (p, factor, dx, dy) => {
        if (!this.picture) return
        const { x, y } = point(p)
        this.zoom.by(factor, x, y)
        if (this.zoom.k > 1) pan(dx, dy)
      },
      wheel: (p, event) => {
        if (!this.picture) return false
        const { x, y } = point(p)
        this.zoom.by(wheelFactor(event), x, y)
        return true
      },
    })
  }
}
