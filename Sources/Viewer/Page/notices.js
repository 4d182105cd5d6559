// Short messages on top of the page: what went wrong, or was done.

import { el, icon } from "./dom.js"

export class Notices {
  constructor(element, live) {
    Object.assign(this, { element, live })
    this.shown = new Map()
  }

  // key: a later one of the same key takes its place. seconds 0: until it is closed or taken away.
  show(text, { key = text, kind = "info", seconds = 4, action } = {}) {
    this.remove(key)
    const box = el("div", { class: `notice ${kind}` }, el("span", {}, text),
      action ? el("button", { type: "button", class: "text-button", onclick: () => { this.remove(key); action.run() } }, action.text) : null,
      el("button", { type: "button", class: "tool plain", "aria-label": "Close", onclick: () => this.remove(key) }, icon("close")))
    this.element.append(box)
    const timer = seconds ? setTimeout(() => this.remove(key), seconds * 1000) : 0
    this.shown.set(key, { box, timer })
  }

  error(error, key) { this.show(error.message, { key: key ?? error.message, kind: "error", seconds: 8 }) }

  remove(key) {
    const one = this.shown.get(key)
    if (!one) return
    clearTimeout(one.timer)
    one.box.remove()
    this.shown.delete(key)
  }

  // For screen readers only.
  say(text) { this.live.textContent = text }
}
