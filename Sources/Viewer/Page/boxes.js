// Labels: fetched by stretches of time, and which of them a frame shows.

import { api, isAbort } from "./api.js"

const COLORS = ["#ffd166", "#06d6a0", "#ef476f", "#4cc9f0", "#f78c6b", "#c77dff", "#b8e986", "#ff9ff3", "#9bb1ff", "#f4f4f4"]
const MOST = 5000

export const boxColor = (id) => COLORS[((id % COLORS.length) + COLORS.length) % COLORS.length]

export class Boxes extends EventTarget {
  // recording: the answer of `recording`.
  constructor(recording) {
    super()
    this.recording = recording
    this.blocks = new Map() // number -> boxes in the order of time, or null while they come
    const length = Math.max(1, recording.end_us - recording.begin_us)
    const perSecond = (recording.labels ?? 0) / (length / 1e6)
    // Some 500 boxes at once.
    this.span = Math.min(60e6, Math.max(1e6, perSecond > 0 ? (500 / perSecond) * 1e6 : 60e6))
    this.times = null
  }

  // Of a class, as the list of classes has it.
  color(box) {
    const k = (this.recording.classes ?? []).indexOf(box.class)
    return boxColor(k >= 0 ? k : (box.class_id ?? 0))
  }

  get isEmpty() { return this.recording.labels === 0 || this.recording.labels === null || this.recording.labels === undefined }

  // Distinct times of labels, thinned.
  async loadTimes(signal) {
    if (this.isEmpty) return []
    this.times = (await api("label_times", { path: this.recording.path }, { signal })).t
    return this.times
  }

  block(number) {
    if (this.blocks.has(number)) return this.blocks.get(number)
    this.blocks.set(number, null)
    if (this.blocks.size > 60) this.blocks.delete(this.blocks.keys().next().value)
    const start = Math.floor(number * this.span)
    api("labels", { path: this.recording.path, start, end: Math.floor((number + 1) * this.span), limit: MOST }).then(
      (answer) => {
        this.blocks.set(number, answer.boxes.filter((box) => [box.x, box.y, box.w, box.h].every(Number.isFinite)))
        this.dispatchEvent(new Event("change"))
      },
      (error) => { if (!isAbort(error)) this.blocks.delete(number) })
    return null
  }

  within(from, to) {
    const found = []
    for (let number = Math.floor(from / this.span); number <= Math.floor(to / this.span); number++) {
      for (const box of this.block(number) ?? []) if (box.t > from && box.t <= to) found.push(box)
    }
    return found
  }

  // mode "frame": labels of (start, end], a label being of the events up to its time. "hold": those, or the latest
  // before, for half a second at most.
  shown(mode, start, end) {
    if (mode === "off" || this.isEmpty) return []
    // A label at the very beginning belongs to the first frame.
    const from = start <= this.recording.begin_us ? start - 1 : start
    let found = this.within(from, end)
    if (mode === "hold" && found.length === 0) found = this.within(end - 500_000, end)
    if (mode === "hold" && found.length > 0) {
      const latest = found[found.length - 1].t
      found = found.filter((box) => box.t === latest)
    }
    return found
  }
}

export function caption(box) {
  let text = box.class ?? (box.class_id === undefined || box.class_id === null ? "box" : `class ${box.class_id}`)
  if (box.track_id !== undefined && box.track_id !== null) text += ` #${box.track_id}`
  if (box.confidence !== undefined && box.confidence !== null && box.confidence < 1) text += ` ${box.confidence.toFixed(2)}`
  return text
}
