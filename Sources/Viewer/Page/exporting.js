// Saves a frame or a stretch: as PNG, GIF or MP4, whatever the server can make.

import { api, request, isAbort } from "./api.js"
import { el, button, field, select } from "./dom.js"
import { bytes } from "./format.js"

const NAMES = { png: "PNG; of several frames a moving one", gif: "GIF", mp4: "MP4" }
const MOST = 2000

export class Exporting {
  // view() -> {path, frame, count, query (as of picture), loop: {first, last} or null, fps}
  constructor(view) {
    this.view = view
    this.dialog = el("dialog", { class: "dialog", "aria-labelledby": "export-title" })
    document.body.append(this.dialog)
    this.dialog.addEventListener("close", () => this.abort?.abort())
  }

  async open() {
    const view = this.view()
    if (!view) return
    this.can ??= await api("exports")
    const { formats, missing } = this.can
    const number = (value, more = {}) => {
      const input = el("input", { type: "number", min: 0, max: view.count - 1, step: 1, required: true, ...more })
      input.value = value
      return input
    }
    const last = view.loop?.last ?? Math.min(view.count - 1, view.frame + 99)
    this.format = select(formats.map((name) => [name, NAMES[name] ?? name.toUpperCase()]), formats.includes("mp4") ? "mp4" : formats[0], () => {})
    this.first = number(view.loop?.first ?? view.frame)
    this.last = number(last)
    this.step = number(1, { min: 1, max: Math.max(1, view.count) })
    this.fps = number(Math.min(60, Math.max(1, Math.round(view.fps))), { min: 1, max: 60 })
    this.status = el("p", { class: "field-note", role: "status" })
    this.save = button("Save", null, () => this.run(), { text: "Save", "data-primary": true })
    this.dialog.replaceChildren(el("h2", { id: "export-title", tabindex: -1, autofocus: true }, "Save frames"),
      el("div", { class: "pairs" }, field("Format", this.format), field("Frames per second", this.fps), field("First frame", this.first), field("Last frame", this.last), field("Every", this.step)),
      el("p", { class: "field-note" }, "Drawn as it is now: channels, colours, light or dark."),
      ...Object.values(missing ?? {}).map((text) => el("p", { class: "field-note" }, text)), this.status,
      el("div", { class: "row end" }, button("Only this frame", null, () => { this.format.value = "png"; this.first.value = this.last.value = view.frame }, { text: "Only this frame" }),
        button("Close", null, () => this.dialog.close(), { text: "Close" }), this.save))
    this.dialog.showModal()
  }

  async run() {
    const view = this.view()
    const [first, last, step] = [this.first, this.last, this.step].map((input) => Number(input.value))
    const frames = Math.floor((last - first) / step) + 1
    if (!this.first.checkValidity() || !this.last.checkValidity() || last < first) return this.say("Frames go from the first to the last, both in the tensor.")
    if (frames > MOST) return this.say(`These are ${frames} frames; at most ${MOST} at once. Take a shorter stretch, or every second frame.`)
    const { v, ...drawing } = view.query
    const format = this.format.value
    const query = { ...drawing, first, last, step, fps: Math.max(1, Math.min(format === "gif" ? 50 : 60, Math.round(Number(this.fps.value)))), format }
    this.abort?.abort()
    const abort = (this.abort = new AbortController())
    this.save.disabled = true
    try {
      this.say(`The server draws ${frames} frames ...`)
      const answer = await request("export", query, { signal: abort.signal })
      const blob = await answer.blob()
      const url = URL.createObjectURL(blob)
      const name = `${view.path.replace(/\.h5$/, "").replaceAll("/", "_")}_${first}${last > first ? `-${last}` : ""}.${format}`
      el("a", { href: url, download: name }).click()
      setTimeout(() => URL.revokeObjectURL(url), 60_000)
      this.say(`Saved ${name}, ${bytes(blob.size)}.`)
    } catch (error) {
      if (!isAbort(error)) this.say(error.message)
    } finally {
      this.save.disabled = false
    }
  }

  say(text) { this.status.textContent = text }
}

