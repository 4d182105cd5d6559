// The values of the pixel under the pointer, in a line below the frame.

import { api, isAbort } from "./api.js"
import { el } from "./dom.js"
import { value } from "./format.js"

export class Values {
  constructor() {
    this.element = el("p", { class: "values" })
    this.asked = ""
    this.clear()
  }

  clear(text = "Point at a pixel, tap it, or press C for its values.") {
    this.abort?.abort()
    clearTimeout(this.timer)
    this.asked = ""
    this.element.replaceChildren(el("span", { class: "dim" }, text))
  }

  // channel: the one under the pointer where channels are side by side.
  show(info, frame, x, y, channel) {
    const key = `${info.path} ${info.version} ${frame} ${x} ${y}`
    if (key === this.asked) return
    this.asked = key
    this.abort?.abort()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.fetch(key, info, frame, x, y, channel), 40)
  }

  async fetch(key, info, frame, x, y, channel) {
    this.abort = new AbortController()
    try {
      const { values } = await api("values", { file: info.path, frame, x, y }, { signal: this.abort.signal })
      if (key === this.asked) this.write(info, frame, x, y, values, channel)
    } catch (error) {
      if (!isAbort(error) && key === this.asked) this.clear(error.message)
    }
  }

  write(info, frame, x, y, values, channel) {
    const items = values.map((number, k) => el("span", { class: k === channel ? "value strong" : "value" },
      el("span", { class: "dim" }, `${info.channels?.[k] ?? `channel ${k}`} `), value(number)))
    this.element.replaceChildren(el("span", { class: "value" }, el("span", { class: "dim" }, "x "), String(x), el("span", { class: "dim" }, "  y "), String(y)), ...items)
  }
}
