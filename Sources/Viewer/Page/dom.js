// Making elements. Styles go in by CSSOM only: the page's content security policy knows no inline style.

const SVG = "http://www.w3.org/2000/svg"

// Drawn on 16 x 16, stroked.
const ICONS = {
  list: "M2 4h12M2 8h12M2 12h8",
  link: "M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.7 7.2",
  export: "M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.5h11",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  help: "M1.5 4.5h13v7h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 9.5h6",
  close: "M4 4l8 8M12 4l-8 8",
  first: "M3.5 3v10M13 3.5L6.5 8l6.5 4.5z",
  back: "M11.5 3.5L5 8l6.5 4.5z",
  play: "M4.5 2.8v10.4L13 8z",
  pause: "M5 3v10M11 3v10",
  forward: "M4.5 3.5L11 8l-6.5 4.5z",
  last: "M12.5 3v10M3 3.5L9.5 8 3 12.5z",
  loop: "M3 7.5a4 4 0 0 1 4-4h6M11 1.5l2 2-2 2M13 8.5a4 4 0 0 1-4 4H3M5 10.5l-2 2 2 2",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  folder: "M1.5 4h4.6l1.4 1.7h7v7.3h-13z",
  turn: "M6 3.5L10.5 8 6 12.5",
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg")
  svg.setAttribute("viewBox", "0 0 16 16")
  svg.setAttribute("class", "icon")
  svg.setAttribute("aria-hidden", "true")
  const path = document.createElementNS(SVG, "path")
  path.setAttribute("d", ICONS[name])
  svg.append(path)
  return svg
}

// el("button", {type: "button", class: "tool", onclick: f, "aria-label": "Play"}, "text", node, ...)
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? "" : String(value))
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined))
  return element
}

export function button(label, iconName, onclick, more = {}) {
  const { text, ...properties } = more
  return el("button", { type: "button", class: "tool", "aria-label": text ? undefined : label, title: label, onclick, ...properties },
    iconName ? icon(iconName) : null, text ? el("span", {}, text) : null)
}

export function setIcon(element, name) {
  element.querySelector("svg")?.remove()
  element.prepend(icon(name))
}

export const byId = (id) => document.getElementById(id)

let counter = 0
export const freshId = (what) => `${what}-${++counter}`

// A label above its control. The note below says what is wrong, or what to write.
export function field(label, control, note) {
  control.id ||= freshId("field")
  const row = el("div", { class: "field" }, el("label", { for: control.id }, label), control)
  if (note) {
    note.id ||= freshId("note")
    control.setAttribute("aria-describedby", note.id)
    row.append(note)
  }
  return row
}

export function select(options, value, onchange, more = {}) {
  const element = el("select", { onchange: () => onchange(element.value), ...more },
    options.map(([key, text]) => el("option", { value: key }, text)))
  element.value = value
  return element
}

// One call at most per `delay` ms, the last one always.
export function debounce(delay, action) {
  let timer = 0
  return (...values) => {
    clearTimeout(timer)
    timer = setTimeout(() => action(...values), delay)
  }
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Without https or without leave there is no clipboard; the old way works from a click.
    const area = el("textarea", { readonly: true, class: "hidden" })
    area.value = text
    const host = document.querySelector("dialog[open]") ?? document.body
    host.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    if (!done) throw new Error("the browser does not let the page copy")
  }
}
