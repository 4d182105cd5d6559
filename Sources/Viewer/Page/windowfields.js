// The window's controls: its kind, then what that kind needs.

import { el, field, select } from "./dom.js"
import { keyField } from "./fields.js"
import { parseWindow, writeWindow, WINDOW_KINDS, WINDOW_KEYS } from "./spelling.js"

const FIELDS = {
  length: { label: "Length", example: "50ms" },
  count: { label: "Events", example: "10000", kind: "int" },
  parts: { label: "Parts", example: "10", kind: "int" },
  list: { label: "List of times", example: "labels, trigger0, a file's name" },
  max_period: { label: "Time at most", example: "30ms" },
  stride: { label: "Stride", example: "as the window" },
  start_ts: { label: "Begin at", example: "0" },
  max_duration: { label: "Files of", example: "all in one" },
  align: { label: "Listed time is", choices: ["end", "start", "center"], default: "end" },
  closed: { label: "Closed", choices: ["left", "right", "both"], default: "left" },
}
const OWN = { time: ["length"], events: ["count"], either: ["count", "max_period"], parts: ["parts"], at: ["length", "list"], between: ["list"] }

export class WindowFields {
  // changed(text, part, control); part is the number of the file, where max_duration makes several.
  constructor(suggested, changed) {
    Object.assign(this, { suggested, changed })
    this.element = el("div", { class: "group" })
  }

  set(text, part = 0) {
    this.window = parseWindow(text)
    this.part = part
    this.build()
  }

  build() {
    const { kind, values } = this.window
    const one = (name) => keyField({ kind: "text", ...FIELDS[name], name, value: values.get(name) }, (key, now, control) => {
      values.set(key, now)
      this.tell(control)
    })
    const kinds = select(WINDOW_KINDS, kind, (next) => {
      this.window.kind = next
      this.build()
      this.element.querySelector("select").focus()
      this.tell(this.element.querySelector("select"))
    })
    kinds.dataset.key = "window"
    const note = el("p", { class: "field-note" })
    const part = keyField({ name: "part", label: "File shown", kind: "int", default: "0", value: this.part ? String(this.part) : undefined }, (_, now, control) => {
      this.part = Number(now) || 0
      this.tell(control)
    })
    const own = OWN[kind]
    const more = WINDOW_KEYS[kind].filter((key) => !own.includes(key))
    const isSet = this.element.querySelector("details")?.open || more.some((key) => values.get(key))
    this.element.replaceChildren(field("Window", kinds, note), ...(kind === "time" || kind === "events" ? [this.chips()] : []), el("div", { class: "pairs" }, own.map(one)),
      el("details", { open: isSet }, el("summary", {}, "More of the window"), el("div", { class: "pairs" }, ...more.map(one), values.get("max_duration") ? part : "")))
  }

  // Lengths that are often wanted.
  chips() {
    const { kind, values } = this.window
    const fits = this.suggested.filter((text) => text.endsWith("ev") === (kind === "events"))
    const key = kind === "events" ? "count" : "length"
    return el("div", { class: "chips", role: "group", "aria-label": "Often used windows" }, fits.map((text) => {
      const own = kind === "events" ? text.slice(0, -2) : text
      return el("button", { type: "button", class: "chip", "aria-pressed": String(values.get(key) === own), onclick: () => {
        values.set(key, own)
        this.build()
        this.tell(this.element.querySelector(`[data-key=${key}]`))
        ;[...this.element.querySelectorAll(".chip")].find((chip) => chip.textContent === text)?.focus()
      } }, text)
    }))
  }

  get text() { return writeWindow(this.window) }

  tell(control) {
    const { values } = this.window
    const now = values.get("length") ?? `${values.get("count")}ev`
    for (const chip of this.element.querySelectorAll(".chip")) chip.setAttribute("aria-pressed", String(chip.textContent === now))
    this.changed(this.text, this.window.values.get("max_duration") ? this.part : 0, control)
  }
}
