// How the frame is drawn: channels, side by side, colours, boxes, added datasets, and how pictures come over.

import { el, field, select, freshId } from "./dom.js"
import { boxColor } from "./boxes.js"

export const COLORINGS = [["", "As preview"], ["polarity", "Off and on"], ["halves", "All off, then all on"], ["bins", "Time as colour"], ["signed", "Below and above 0"], ["gray", "Grey"]]
const MANY = 24

export class Display {
  // actions: {look(changes), series(paths), transfer(choice)}
  constructor(look, actions) {
    Object.assign(this, { look, actions })
    this.channels = el("div", { class: "group" })
    this.layout = select([["one", "In one picture"], ["side", "Side by side"]], look.layout, (layout) => actions.look({ layout }))
    this.colors = select(COLORINGS, look.colors, (colors) => actions.look({ colors }))
    this.boxes = select([["off", "Not shown"], ["frame", "At their frame"], ["hold", "Until the next"]], look.boxes, (boxes) => actions.look({ boxes }), { title: "Until the next: for 0.5 s at most" })
    this.transfer = select([["auto", "What is faster"], ["rgba", "Raw pixels"], ["png", "PNG"]], "auto", (choice) => actions.transfer(choice))
    this.classes = el("ul", { class: "classes" })
    this.series = el("div", { class: "group" })
    this.element = el("div", { class: "controls" }, this.channels,
      el("div", { class: "pairs" }, field("Channels", this.layout), field("Colours", this.colors), field("Boxes", this.boxes), field("Pictures come as", this.transfer)),
      this.classes, this.series)
  }

  set({ info, recording, series }) {
    this.layout.value = this.look.layout
    this.colors.value = this.look.colors
    this.boxes.value = this.look.boxes
    this.boxes.disabled = !recording.labels
    this.buildChannels(info)
    this.buildSeries(info, series)
    this.classes.replaceChildren(...(recording.labels ? recording.classes ?? [] : []).map((name, k) => {
      const swatch = el("span", { class: "swatch", "aria-hidden": "true" })
      swatch.style.backgroundColor = boxColor(k)
      return el("li", {}, swatch, name)
    }))
  }

  buildChannels(info) {
    const names = info.channels ?? []
    const count = info.shape[1]
    const key = `${count} ${names.join()} ${this.look.channels}`
    if (key === this.channelsKey) return
    this.channelsKey = key
    if (count < 2) {
      this.channels.replaceChildren()
      return
    }
    const chosen = this.look.channels === "all" ? null : new Set(this.look.channels.split(",").map(Number))
    if (count > MANY) {
      const input = el("input", { type: "text", placeholder: "all, or 0,1,2", autocomplete: "off" })
      input.value = chosen ? this.look.channels : ""
      input.addEventListener("change", () => {
        const list = input.value.split(/[ ,]+/).filter(Boolean).map(Number).filter((c) => Number.isInteger(c) && c >= 0 && c < count)
        this.actions.look({ channels: list.length ? list.join(",") : "all" })
      })
      this.channels.replaceChildren(field(`Channels, 0 to ${count - 1}`, input))
      return
    }
    const boxes = [...Array(count).keys()].map((c) => {
      const box = el("input", { type: "checkbox", id: freshId("channel") })
      box.checked = chosen ? chosen.has(c) : true
      box.dataset.channel = c
      box.addEventListener("change", () => {
        const list = boxes.filter((one) => one.checked).map((one) => Number(one.dataset.channel))
        if (list.length === 0) box.checked = true
        else this.actions.look({ channels: list.length === count ? "all" : list.join(",") })
      })
      return box
    })
    const focused = document.activeElement?.dataset?.channel
    this.channels.replaceChildren(el("fieldset", { class: "checks" }, el("legend", {}, "Channels shown"),
      boxes.map((box, c) => el("label", {}, box, el("span", {}, names[c] ?? `channel ${c}`)))))
    if (focused !== undefined) this.channels.querySelector(`[data-channel="${focused}"]`)?.focus()
  }

  buildSeries(info, shown) {
    const list = (info.datasets ?? []).filter((one) => one.kind === "series")
    const others = (info.datasets ?? []).filter((one) => one.kind !== "series")
    const key = JSON.stringify([info.datasets, shown])
    if (key === this.seriesKey) return
    this.seriesKey = key
    const boxes = list.map((one) => {
      const box = el("input", { type: "checkbox" })
      box.checked = shown.includes(one.path)
      box.dataset.path = one.path
      box.addEventListener("change", () => this.actions.series(boxes.filter((box) => box.checked).map((box) => box.dataset.path)))
      return box
    })
    this.series.replaceChildren(...[
      list.length ? el("fieldset", { class: "checks" }, el("legend", {}, "Added datasets, one value per frame"), boxes.map((box, k) => el("label", {}, box, el("span", {}, list[k].path)))) : null,
      info.datasets_problem ? el("p", { class: "field-note wrong" }, info.datasets_problem) : null,
      others.length ? el("p", { class: "field-note" }, `Also in the file: ${others.map((one) => `${one.path} (${(one.shape ?? []).join(" x ")})`).join(", ")}`) : null,
    ].filter(Boolean))
  }
}
