// The path of one tensor as controls: preprocessing, its parameters, the window, filters; and the path itself to write in.

import { api, isAbort } from "./api.js"
import { el, field, select, debounce, button } from "./dom.js"
import { keyField, complain } from "./fields.js"
import { WindowFields } from "./windowfields.js"
import { parseComponent, writeComponent } from "./spelling.js"

// Examples where the server has a sentence.
const EXAMPLES = { roi: "X+Y+WxH", refractory: "1ms", noise: "10ms", hotpixels: "a file's name" }

export class Controls {
  // actions: {change({preprocessing, window, part}) -> Promise, copyPath(), copyPython(kind), region() -> "X+Y+WxH" or null}
  constructor(choices, actions) {
    Object.assign(this, { choices, actions })
    this.spec = { preprocessing: "", window: "" }
    this.window = new WindowFields(choices.windows?.suggested ?? [], (text, part, control) => this.changed({ window: text, part }, control))
    this.names = el("div", { class: "group" })
    this.filters = el("div", { class: "group" })
    this.path = el("input", { type: "text", class: "path", autocomplete: "off", spellcheck: "false", autocapitalize: "off", onchange: () => this.typed() })
    this.pathNote = el("p", { class: "field-note" })
    this.element = el("div", { class: "controls" }, this.names, this.window.element, this.filters, field("Path", this.path, this.pathNote),
      el("div", { class: "row" }, button("Copy the path (P)", null, actions.copyPath, { text: "Copy path" }), button("Copy Python that reads this frame over HTTP (Y)", null, () => actions.copyPython("http"), { text: "Python over HTTP" }),
        button("Copy Python that reads this frame through a mount", null, () => actions.copyPython("mount"), { text: "Python on a mount" })))
    this.soon = debounce(350, (control) => this.ask(control))
  }

  // Keys that every preprocessing takes.
  get common() { return this.choices.common ?? [] }

  // A tensor is shown: its canonical path.
  set(spec) {
    const isSame = ["preprocessing", "window", "part"].every((key) => spec[key] === this.spec[key])
    this.spec = { ...spec }
    // The controls say so already, as it was they that were changed.
    const isSpelled = this.component && writeComponent(this.component) === spec.preprocessing && this.window.text === spec.window && this.window.part === spec.part
    if (this.isBuilt && (isSame || isSpelled)) {
      this.writePath()
      return
    }
    // Somebody who writes in a field keeps it as it is written.
    const active = document.activeElement
    if (this.isBuilt && this.element.contains(active) && active.matches("input[type=text]:not(.path)")) {
      this.writePath()
      return
    }
    this.component = parseComponent(spec.preprocessing)
    const key = this.element.contains(active) ? active.dataset.key : null
    this.build()
    this.window.set(spec.window, spec.part)
    this.writePath()
    this.isBuilt = true
    if (key) this.element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus()
  }

  writePath() {
    this.path.value = `${this.spec.preprocessing}/${this.spec.window}`
    complain(this.path, null)
  }

  build() {
    const { component, choices } = this
    const known = choices.preprocessings.find((one) => one.name === component.name)
    const names = choices.preprocessings.map((one) => [one.name, one.name])
    if (!known) names.push([component.name, component.name])
    const pick = select(names, component.name, (name) => this.choose(name, pick))
    pick.dataset.key = "preprocessing"
    const note = el("p", { class: "field-note" }, known?.title ?? "")
    const filterNames = new Set((choices.filters ?? []).map((one) => one.name))
    const parameters = [...(known?.parameters ?? [])].filter((one) => !filterNames.has(one.name))
    const own = new Set(parameters.map((one) => one.name))
    parameters.push(...this.common.filter((one) => !own.has(one.name)))
    // What somebody opened stays open.
    const isSet = this.names.querySelector("details")?.open || parameters.some((one) => component.values.has(one.name))
    this.names.replaceChildren(field("Preprocessing", pick, note),
      el("details", { open: isSet }, el("summary", {}, "Parameters"), el("div", { class: "pairs" }, parameters.map((one) => this.key(one)))))
    this.buildFilters()
  }

  buildFilters() {
    const list = this.choices.filters ?? []
    const isSet = this.filters.querySelector("details")?.open || list.some((one) => this.component.values.has(one.name))
    const region = button("Filter the region that is shown", null, () => {
      const text = this.actions.region()
      if (!text) return
      this.component.values.set("roi", text)
      this.buildFilters()
      this.tell(this.filters.querySelector("[data-key=roi]"))
    }, { text: "Region as shown" })
    this.filters.replaceChildren(el("details", { open: isSet }, el("summary", {}, "Filters"), el("div", { class: "pairs" }, list.map((one) => this.key({ ...one, kind: one.kind === "bool" ? "flag" : one.kind, example: EXAMPLES[one.name] }))), list.some((one) => one.name === "roi") ? el("div", { class: "row" }, region) : null))
  }

  key(options) {
    return keyField({ ...options, value: this.component.values.get(options.name) }, (name, now, control) => {
      if (now === "" || now === false) this.component.values.delete(name)
      else this.component.values.set(name, now)
      this.tell(control)
    })
  }

  // Another preprocessing keeps the filters, and parameters that both have.
  choose(name, control) {
    const next = this.choices.preprocessings.find((one) => one.name === name)
    const keep = new Set([...(next?.parameters ?? []), ...(this.choices.filters ?? []), ...this.common].map((one) => one.name))
    for (const key of [...this.component.values.keys()]) if (!keep.has(key)) this.component.values.delete(key)
    this.component.name = name
    this.build()
    const again = this.names.querySelector("select")
    again.focus()
    this.tell(again)
  }

  tell(control) { this.changed({ preprocessing: writeComponent(this.component) }, control) }

  changed(part, control) {
    this.wanted = { ...(this.wanted ?? this.spec), ...part }
    this.path.value = `${this.wanted.preprocessing}/${this.wanted.window}`
    if (control?.matches("input[type=text]")) this.soon(control)
    else this.ask(control)
  }

  typed() {
    const [preprocessing, window, ...rest] = this.path.value.trim().replace(/^\/+/, "").split("/")
    if (`${preprocessing}/${window}` === `${this.spec.preprocessing}/${this.spec.window}` && rest.length === 0) {
      // As it is shown: what was wrong is gone.
      this.abort?.abort()
      this.wanted = null
      this.writePath()
      return
    }
    this.wanted = { preprocessing, window: window ?? this.spec.window }
    this.ask(this.path)
  }

  // Whether there is such a path; the server says what is meant instead.
  async ask(control) {
    this.abort?.abort()
    const abort = (this.abort = new AbortController())
    const wanted = this.wanted
    if (!wanted) return
    for (const wrong of this.element.querySelectorAll("[aria-invalid]")) complain(wrong, null)
    try {
      const { path } = await api("spell", { preprocessing: wanted.preprocessing, window: wanted.window }, { signal: abort.signal })
      const [preprocessing, window] = path.split("/")
      await this.actions.change({ preprocessing, window, part: wanted.part ?? 0 }, abort.signal)
      if (abort.signal.aborted) return
      this.wanted = null
    } catch (error) {
      if (isAbort(error) || abort.signal.aborted) return
      this.complain(control, error)
    }
  }

  complain(control, error) {
    // The part of the path that the message names last is the wrong one.
    const use = (suggestion) => {
      const said = error.message.split("did you mean")[0]
      const parts = this.path.value.split(/[/,=]/).filter((part) => part !== "" && part !== suggestion)
      const wrong = parts.reduce((best, part) => (said.lastIndexOf(part) > said.lastIndexOf(best) ? part : best), parts[0])
      this.path.value = this.path.value.replace(wrong, suggestion)
      this.typed()
    }
    const target = control?.isConnected ? control : this.path
    if (!complain(target, error, use)) complain(this.path, error, use)
    this.element.querySelectorAll("details").forEach((one) => { if (one.contains(target)) one.open = true })
  }
}

