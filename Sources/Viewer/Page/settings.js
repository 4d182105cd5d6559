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
    this.blocks = this.controls.map((controls, k) => el("div", { class: "tensor-block", role: "group", "aria-label": `Tensor ${"AB"[k]}` }, el("p", { class: "tensor-name" }, "AB"[k]), controls.element))
    this.blocks[1].hidden = true
    this.tensors.append(...this.blocks, el("div", { class: "row" }, this.compare))
    this.controls[0].set(session.specs[0])
    this.display.transfer.value = session.pictures.transfer.choice
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
      this.controls[k].set({ preprocessing, window })
      if (k === 1) this.lastSecond = { preprocessing, window }
    })
    const isTwo = Boolean(session.tensors[1])
    this.blocks[1].hidden = !isTwo
    this.element.classList.toggle("two", isTwo)
    this.compare.setAttribute("aria-pressed", String(isTwo))
    if (session.tensors[0]) this.display.set({ info: session.tensors[0].info, recording: session.recording, series })
  }

  learn(recording) { this.facts.replaceChildren(...facts(recording)) }
}
