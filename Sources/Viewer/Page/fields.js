// Controls of one path component's keys, and what is wrong shown at the control that it is about.

import { el, field, freshId } from "./dom.js"

// One key as a control. options: {name, label, kind, value, default, minimum, maximum, choices, hint, disabled}.
//   changed(name, text or true or false, control): "" and false mean: as without the key.
export function keyField(options, changed) {
  const { name, kind, value } = options
  const note = el("p", { class: "field-note", id: freshId("note") })
  const tell = (now) => changed(name, now, control)
  const label = options.label ?? name.replaceAll("_", " ")
  let control
  if (options.choices?.length) {
    const first = options.default === undefined || options.default === null ? [["", options.hint || "not set"]] : []
    const now = value === undefined || value === true ? String(options.default ?? "") : value
    const list = [...first, ...options.choices.map((one) => [String(one), String(one)])]
    if (!list.some(([key]) => key === now)) list.push([now, now])
    control = el("select", { onchange: () => tell(control.value === String(options.default ?? "") ? "" : control.value) },
      list.map(([key, text]) => el("option", { value: key }, text)))
    control.value = now
  } else if (kind === "bool") {
    const standard = options.default === true || options.default === "true"
    control = el("input", { type: "checkbox", onchange: () => tell(control.checked === standard ? "" : String(control.checked)) })
    control.checked = value === undefined ? standard : value === true || value === "true"
    control.id = freshId("field")
    return check(label, control, note)
  } else if (kind === "flag") {
    control = el("input", { type: "checkbox", onchange: () => tell(control.checked) })
    control.checked = value !== undefined && value !== "false"
    control.id = freshId("field")
    return check(label, control, note)
  } else {
    const isNumber = kind === "int" || kind === "float"
    control = el("input", { type: "text", inputmode: kind === "int" ? "numeric" : isNumber ? "decimal" : undefined, autocomplete: "off", spellcheck: "false", placeholder: String(options.default ?? options.hint ?? ""),
      oninput: () => tell(control.value.trim()) })
    control.value = value === undefined || value === true ? "" : value
    const bounds = [options.minimum, options.maximum].map((bound) => bound ?? "")
    if (isNumber && (bounds[0] !== "" || bounds[1] !== "")) control.title = `from ${bounds[0] === "" ? "any" : bounds[0]} to ${bounds[1] === "" ? "any" : bounds[1]}`
  }
  control.dataset.key = name
  return field(label, control, note)
}

function check(label, control, note) {
  control.setAttribute("aria-describedby", note.id)
  return el("div", { class: "field check" }, el("label", {}, control, el("span", {}, label)), note)
}

// Shows an error at a control, or takes it away (error null). use(suggestion) puts a near miss in place.
export function complain(control, error, use) {
  const note = document.getElementById(control?.getAttribute("aria-describedby") ?? "")
  if (!note) return false
  note.replaceChildren()
  note.classList.toggle("wrong", error !== null)
  if (error === null) {
    control.removeAttribute("aria-invalid")
    return true
  }
  control.setAttribute("aria-invalid", "true")
  note.append(error.message)
  note.setAttribute("role", "alert")
  if (error.suggestion && use) note.append(" ", el("button", { type: "button", class: "text-button", onclick: () => use(error.suggestion) }, `Use ${error.suggestion}`))
  return true
}
