// The recording's time: the events' rate, triggers and labels as marks, the loop, and where we are. Drag to seek.

import { api, isAbort } from "./api.js"
import { el, button, debounce } from "./dom.js"
import { clock, rate, spoken, count } from "./format.js"
import { listen, wheelFactor } from "./gestures.js"
import { ticks } from "./span.js"

const RATE = 58
const ROW = 11
const AXIS = 17
const BINS = 1200

export class Timeline {
  constructor(span, player, actions) {
    Object.assign(this, { span, player, actions })
    this.data = { rate: null, near: null, triggers: null, labels: null }
    this.canvas = el("canvas", { class: "timeline-canvas", role: "slider", tabindex: 0, "aria-label": "Time", "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0 })
    this.legend = el("p", { class: "timeline-legend" })
    const tools = el("div", { class: "timeline-tools" },
      button("Loop begins here (I)", null, () => player.setLoop(player.t, undefined), { text: "In" }),
      button("Loop ends here (O)", null, () => player.setLoop(undefined, player.t), { text: "Out" }),
      button("Loop over all", null, () => player.clearLoop(), { text: "All" }),
      button("Shorter stretch (Z)", "plus", () => span.zoom(2, player.t)),
      button("Longer stretch (X)", "minus", () => span.zoom(0.5, player.t)),
      button("Whole recording (F)", "fit", () => span.fit()))
    this.element = el("div", {}, el("div", { class: "timeline-head" }, this.legend, tools), this.canvas)
    this.context = this.canvas.getContext("2d")
    this.still = document.createElement("canvas")
    this.loadNear = debounce(150, () => this.near())
    new ResizeObserver(() => this.resized()).observe(this.canvas)
    span.addEventListener("change", () => { this.loadNear(); this.redraw() })
    for (const what of ["time", "seek"]) player.addEventListener(what, () => this.moved())
    player.addEventListener("state", () => this.redraw())
    this.listen()
  }

  async set(recording) {
    this.abort?.abort()
    this.abort = new AbortController()
    this.recording = recording
    this.data = { rate: null, near: null, triggers: null, labels: null }
    this.canvas.setAttribute("aria-valuemin", recording.begin_us)
    this.canvas.setAttribute("aria-valuemax", recording.end_us)
    this.resized()
    const { signal } = this.abort
    const path = recording.path
    const put = (key) => (answer) => {
      if (signal.aborted) return
      this.data[key] = answer
      this.redraw()
    }
    const quiet = (error) => { if (!isAbort(error)) this.actions.failed(error) }
    await Promise.all([
      api("rate", { path, bins: BINS }, { signal }).then(put("rate"), quiet),
      recording.triggers ? api("triggers", { path }, { signal }).then(put("triggers"), quiet) : null,
    ])
    if (!this.span.isWhole) this.loadNear()
  }

  setLabels(times) {
    this.data.labels = times
    this.resized()
  }

  // The rate of the stretch that is shown, in finer steps.
  async near() {
    this.nearAbort?.abort()
    if (!this.recording || this.span.isWhole) {
      this.data.near = null
      return
    }
    const abort = (this.nearAbort = new AbortController())
    const { from, to } = this.span
    try {
      const answer = await api("rate", { path: this.recording.path, bins: BINS, begin: Math.floor(from), end: Math.ceil(to) }, { signal: abort.signal })
      // A server that knows no stretch answers all of it.
      if (abort.signal.aborted || answer.end_us - answer.begin_us > (to - from) * 1.5 + 2) return
      this.data.near = answer
      this.redraw()
    } catch {
      // The coarse one stays.
    }
  }

  get rows() { return (this.data.triggers?.t.length ? 1 : 0) + (this.data.labels?.length ? 1 : 0) }

  resized() {
    const ratio = window.devicePixelRatio || 1
    const height = RATE + this.rows * ROW + AXIS
    this.canvas.style.height = `${height}px`
    const width = this.canvas.clientWidth || 1
    this.size = { width, height, ratio }
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
    }
    this.span.width = width
    this.redraw()
  }

  moved() {
    if (this.player.isPlaying && !this.dragging) this.span.follow(this.player.t)
    this.say()
    this.later()
  }

  say() {
    const { t, isPlaying } = this.player
    if (isPlaying && performance.now() - (this.said ?? 0) < 500) return
    this.said = performance.now()
    this.canvas.setAttribute("aria-valuenow", Math.round(t))
    this.canvas.setAttribute("aria-valuetext", spoken(t))
  }

  redraw() {
    this.isOld = true
    this.later()
  }

  later() {
    if (this.pending) return
    // While it plays, the line moves a pixel or less at a time.
    if (this.player.isPlaying && !this.isOld && performance.now() - (this.drawnAt ?? 0) < 80) return
    this.pending = requestAnimationFrame((now) => {
      this.pending = 0
      this.drawnAt = now
      this.draw()
    })
  }

  color(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim() }

  draw() {
    if (!this.size || !this.recording) return
    if (this.isOld) this.drawStill()
    this.isOld = false
    const { context, size } = this
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, this.canvas.width, this.canvas.height)
    context.drawImage(this.still, 0, 0)
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0)
    const x = this.span.x(this.player.t)
    if (x >= -6 && x <= size.width + 6) {
      context.fillStyle = this.ink.accent
      context.fillRect(x - 0.75, 0, 1.5, size.height - AXIS)
      context.beginPath()
      context.moveTo(x - 5, 0)
      context.lineTo(x + 5, 0)
      context.lineTo(x, 7)
      context.fill()
    }
    this.actions.drawn?.()
  }

  drawStill() {
    this.ink = Object.fromEntries(["text", "dim", "line", "accent", "rate", "trigger", "label", "loop"].map((name) => [name, this.color(`--${name}`)]))
    const context = this.still.getContext("2d")
    const { width, height, ratio } = this.size
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, height)
    const { loop, isLooping } = this.player
    if (loop) {
      const [from, to] = [this.span.x(loop.from), this.span.x(loop.to)]
      context.globalAlpha = isLooping ? 1 : 0.4
      context.fillStyle = this.ink.loop
      context.fillRect(from, 0, Math.max(1, to - from), RATE)
      context.globalAlpha = 1
    }
    const most = this.drawRate(context)
    let y = RATE
    if (this.data.triggers?.t.length) {
      this.drawMarks(context, this.data.triggers.t, y, this.ink.trigger)
      y += ROW
    }
    if (this.data.labels?.length) {
      this.drawMarks(context, this.data.labels, y, this.ink.label)
      y += ROW
    }
    this.drawAxis(context, y)
    this.writeLegend(most)
  }

  drawRate(context) {
    const answer = this.data.near ?? this.data.rate
    if (!answer || answer.counts.length === 0) return null
    const { width } = this.size
    const bin = (answer.end_us - answer.begin_us) / answer.counts.length
    // Of each column of pixels the densest bin.
    const columns = new Float64Array(Math.ceil(width))
    let most = 0
    for (let px = 0; px < columns.length; px++) {
      const from = Math.floor((this.span.t(px) - answer.begin_us) / bin)
      const to = Math.max(from + 1, Math.ceil((this.span.t(px + 1) - answer.begin_us) / bin))
      for (let k = Math.max(0, from); k < Math.min(to, answer.counts.length); k++) columns[px] = Math.max(columns[px], answer.counts[k])
      most = Math.max(most, columns[px])
    }
    context.fillStyle = this.ink.rate
    context.beginPath()
    context.moveTo(0, RATE)
    for (let px = 0; px < columns.length; px++) {
      const y = RATE - (columns[px] / Math.max(1, most)) * (RATE - 10)
      context.lineTo(px, y)
      context.lineTo(px + 1, y)
    }
    context.lineTo(width, RATE)
    context.fill()
    return (most / bin) * 1e6
  }

  drawMarks(context, times, y, color) {
    context.fillStyle = color
    let before = -1
    for (const t of times) {
      const x = Math.round(this.span.x(t))
      if (x === before || x < 0 || x > this.size.width) continue
      before = x
      context.fillRect(x, y + 2, 1, ROW - 3)
    }
  }

  drawAxis(context, y) {
    const { width } = this.size
    context.fillStyle = this.ink.line
    context.fillRect(0, y, width, 1)
    context.font = "11px system-ui, sans-serif"
    context.textBaseline = "alphabetic"
    const { step, list } = ticks(this.span, 84)
    const decimals = step >= 1e6 ? 0 : step >= 1e3 ? 3 : 6
    for (const t of list) {
      const x = this.span.x(t)
      context.fillStyle = this.ink.line
      context.fillRect(x, y, 1, 4)
      const text = decimals === 0 ? clock(t, 0).replace(/\.$/, "") : clock(t, decimals)
      const wide = context.measureText(text).width
      context.fillStyle = this.ink.dim
      context.fillText(text, Math.min(width - wide, Math.max(0, x - wide / 2)), y + 14)
    }
  }

  writeLegend(most) {
    const part = (kind, text) => el("span", { class: `key ${kind}` }, text)
    const { triggers, labels } = this.data
    this.legend.replaceChildren(...[
      part("rate", most === null ? "Events" : `Events, at most ${rate(most)}`),
      triggers?.t.length ? part("trigger", count(this.recording.triggers, "trigger")) : null,
      labels?.length ? part("label", count(this.recording.labels ?? labels.length, "label")) : null,
    ].filter(Boolean))
  }

  listen() {
    const { span, player } = this
    listen(this.canvas, {
      // A finger may be about to scroll the page, or the first of two.
      down: (p) => {
        this.dragging = true
        if (p.type !== "touch") this.actions.seek(span.t(p.x), true)
      },
      cancel: () => { this.dragging = this.pinching = false },
      drag: (p) => { if (!this.pinching) this.actions.seek(span.t(Math.min(this.size.width, Math.max(0, p.x))), true) },
      up: (p) => {
        if (!this.pinching) this.actions.seek(span.t(Math.min(this.size.width, Math.max(0, p.x))), false)
        this.dragging = this.pinching = false
      },
      pinch: (p, factor, dx) => {
        this.pinching = true
        span.zoom(factor, span.t(p.x))
        span.pan(-dx / this.size.width)
      },
      double: () => span.fit(),
      wheel: (p, event) => {
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) span.pan((event.deltaX || event.deltaY) / this.size.width)
        else span.zoom(wheelFactor(event), span.t(p.x))
        return true
      },
    })
  }
}
