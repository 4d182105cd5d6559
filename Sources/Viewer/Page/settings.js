// The right column: the tensor's path by controls, the drawing, the recording's facts.

import { el, button } from "./dom.js"
import { Controls } from "./controls.js"
import { Display } from "./display.js"
import { facts } from "./facts.js"

function section(title, ...children) {
  return el("details", { class: "section", open: true }, el("summary", {}, el("h2", {}, title)), ...children)
}

export class Settings {
  constructor(element, actions, look) {
    Object.assign(this, { element, actions })
    this.choices = { preprocessings: [], windows: { suggested: [] }, filters: [] }
    this.display = new Display(look, actions)
    this.facts = el("div", {}, el("p", { class: "field-note" }, "No recording is open."))
    this.compare = button("Two tensors side by side (2)", null, () => this.toggleCompare(), { text: "Compare", "aria-pressed": "false" })
    this.tensors = section("Tensor")
    element.append(this.tensors, section("Drawing", this.display.element), section("Recording", this.facts))
  }

  // choices: what the server has.
  start(choices, session) {
    this.choices = choices
    this.session = session
    this.controls = [0, 1].map((k) => new Controls(choices, {
      change: (spec, signal) => this.actions.change(k, spec, signal), copyPath: this.actions.copyPath, copyPython: this.actions.copyPython, region: () => this.actions.region(k),
    }))
    this.tabs = [0, 1].map((k) => el("button", { type: "button", role: "tab", class: "tool", id: `tab-${k}`, "aria-controls": `tensor-${k}`, hidden: true, onclick: () => this.turn(k), onkeydown: (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return
      event.preventDefault()
      this.turn(1 - k)
      this.tabs[1 - k].focus()
    } }, "AB"[k]))
    this.blocks = this.controls.map((controls, k) => el("div", { role: "tabpanel", id: `tensor-${k}`, "aria-labelledby": `tab-${k}` }, controls.element))
    this.tensors.append(el("div", { class: "tabs" }, el("div", { role: "tablist", "aria-label": "Tensor whose path the controls show" }, this.tabs), this.compare), ...this.blocks)
    this.turn(0)
    this.controls[0].set(session.specs[0])
    this.display.transfer.value = session.pictures.transfer.choice
  }

  // Whose controls are seen, 0 for A and 1 for B.
  turn(k) {
    this.tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === k))
      tab.tabIndex = i === k ? 0 : -1
      this.blocks[i].hidden = i !== k
    })
  }

  toggleCompare() {
    const { session } = this
    if (session.tensors[1]) return this.actions.second(null)
    const first = session.tensors[0]?.info
    if (!first) return undefined
    // Something else than A, to have something to compare.
    const other = this.choices.preprocessings.find((one) => one.name !== first.preprocessing.split(",")[0])
    return this.actions.second({ preprocessing: this.lastSecond?.preprocessing ?? other?.name ?? first.preprocessing, window: this.lastSecond?.window ?? first.window })
  }

  show(session, series) {
    if (!this.controls) return
    session.tensors.forEach((tensor, k) => {
      if (!tensor) return
      const { preprocessing, window } = tensor.info
      this.controls[k].set({ preprocessing, window, part: session.specs[k]?.part ?? 0 })
      if (k === 1) this.lastSecond = { preprocessing, window }
    })
    const isTwo = Boolean(session.tensors[1])
    if (isTwo !== !this.tabs[1].hidden) {
      for (const tab of this.tabs) tab.hidden = !isTwo
      this.turn(isTwo ? 1 : 0)
    }
    this.compare.setAttribute("aria-pressed", String(isTwo))
    if (session.tensors[0]) this.display.set({ info: session.tensors[0].info, recording: session.recording, series })
  }

  learn(recording) { this.facts.replaceChildren(...facts(recording)) }
}
