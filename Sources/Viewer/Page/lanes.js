// Datasets of one value per frame that somebody has added to the tensor's file, each as a line under the timeline.

import { api, isAbort } from "./api.js"
import { el, debounce } from "./dom.js"
import { value } from "./format.js"

const HEIGHT = 46
const POINTS = 2000

export class Lanes {
  constructor(span, player) {
    Object.assign(this, { span, player })
    this.element = el("div", { class: "lanes" })
    this.lanes = new Map() // dataset -> {element, canvas, text, data}
    span.addEventListener("change", () => this.redraw())
    new ResizeObserver(debounce(50, () => this.redraw())).observe(this.element)
  }

  // datasets: paths to show, of this tensor.
  set(tensor, datasets) {
    const isOther = this.tensor?.info.path !== tensor?.info.path || this.tensor?.info.version !== tensor?.info.version
    this.tensor = tensor
    if (isOther) this.clear()
    const there = new Set((tensor?.info.datasets ?? []).filter((one) => one.kind === "series").map((one) => one.path))
    const wanted = datasets.filter((path) => there.has(path))
    for (const [path, lane] of this.lanes) {
      if (wanted.includes(path)) continue
      lane.element.remove()
      this.lanes.delete(path)
    }
    for (const path of wanted) if (!this.lanes.has(path)) this.add(path)
  }

  clear() {
    for (const lane of this.lanes.values()) lane.element.remove()
    this.lanes.clear()
  }

  async add(path) {
    const text = el("span", { class: "lane-value" })
    const canvas = el("canvas", { class: "lane-canvas", role: "img", "aria-label": `Dataset ${path}` })
    const lane = { canvas, text, data: null, element: el("div", { class: "lane" }, el("p", { class: "lane-head" }, el("span", {}, path), text), canvas) }
    this.lanes.set(path, lane)
    this.element.append(lane.element)
    try {
      const answer = await api("series", { file: this.tensor.info.path, dataset: path, points: POINTS })
      const low = answer.values ?? answer.minimum
      const high = answer.values ?? answer.maximum
      const finite = [...low, ...high].filter(Number.isFinite)
      if (finite.length === 0) throw new Error("no numbers")
      lane.data = { low, high, isWhole: answer.values !== undefined, count: answer.count ?? low.length, min: Math.min(...finite), max: Math.max(...finite) }
      canvas.setAttribute("aria-label", `Dataset ${path}, from ${value(lane.data.min)} to ${value(lane.data.max)}`)
      this.draw(lane)
    } catch (error) {
      if (!isAbort(error)) text.textContent = error.message
    }
  }

  redraw() {
    if (this.pending) return
    this.pending = requestAnimationFrame(() => {
      this.pending = 0
      for (const lane of this.lanes.values()) this.draw(lane)
    })
  }

  draw(lane) {
    if (!lane.data || !this.tensor) return
    const { canvas, data } = lane
    const ratio = window.devicePixelRatio || 1
    const width = canvas.clientWidth || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(HEIGHT * ratio)
    const context = canvas.getContext("2d")
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const style = getComputedStyle(document.documentElement)
    const height = (number) => (data.max > data.min ? HEIGHT - 4 - ((number - data.min) / (data.max - data.min)) * (HEIGHT - 8) : HEIGHT / 2)
    context.strokeStyle = style.getPropertyValue("--series").trim()
    context.lineWidth = 1.25
    context.lineJoin = "round"
    context.beginPath()
    const points = data.low.length
    const { times } = this.tensor
    let isDown = false
    for (let k = 0; k < points; k++) {
      const frame = Math.min(times.count - 1, Math.round(((k + 0.5) * data.count) / points - 0.5))
      const x = this.span.x((times.start(frame) + times.stop(frame)) / 2)
      if (!Number.isFinite(data.low[k]) || !Number.isFinite(data.high[k])) {
        isDown = false
        continue
      }
      if (isDown) context.lineTo(x, height(data.high[k]))
      else context.moveTo(x, height(data.high[k]))
      if (data.low[k] !== data.high[k]) context.lineTo(x, height(data.low[k]))
      isDown = true
    }
    context.stroke()
    this.now()
  }

  // The values at the frame that is shown.
  at(frame) {
    this.frame = frame
    this.now()
  }

  now() {
    for (const lane of this.lanes.values()) {
      if (!lane.data || this.frame === undefined) continue
      const { data } = lane
      const k = Math.min(data.low.length - 1, Math.floor((this.frame * data.low.length) / Math.max(1, data.count)))
      const now = data.low[k] === data.high[k] ? value(data.low[k]) : `${value(data.low[k])} to ${value(data.high[k])}`
      lane.text.textContent = `${now}   (${value(data.min)} to ${value(data.max)})`
    }
  }
}
