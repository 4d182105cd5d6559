// Controls of one path component's keys, and what is wrong shown at the control that it is about.

import { el, field, freshId } from "./dom.js"

// One key as a control. options: {name, label, kind, value, default, minimum, maximum, choices, hint, example}; `default` is
// a text as a path has it, and "" where the key is not set.
//   changed(name, text or true or false, control): "" and false mean: as without the key.
export function keyField(options, changed) {
  const { name, kind, value } = options
  const note = el("p", { class: "field-note", id: freshId("note") })
  const tell = (now) => changed(name, now, control)
  const label = options.label ?? name.replaceAll("_", " ")
  let control
  const standard = String(options.default ?? "")
  if (options.choices?.length) {
    const now = value === undefined || value === true ? standard : value
    const list = options.choices.map(String)
    for (const one of [standard, now]) if (!list.includes(one)) list.unshift(one)
    control = el("select", { title: options.hint, onchange: () => tell(control.value === standard ? "" : control.value) },
      list.map((key) => el("option", { value: key }, key === "" ? "not set" : key)))
    control.value = now
  } else if (kind === "bool") {
    const isOn = standard === "true"
    control = el("input", { type: "checkbox", title: options.hint, onchange: () => tell(control.checked === isOn ? "" : String(control.checked)) })
    control.checked = value === undefined ? isOn : value === true || value === "true"
    control.id = freshId("field")
    return check(label, control, note)
  } else if (kind === "flag") {
    control = el("input", { type: "checkbox", title: options.hint, onchange: () => tell(control.checked) })
    control.checked = value !== undefined && value !== "false"
    control.id = freshId("field")
    return check(label, control, note)
  } else {
    const isNumber = kind === "int" || kind === "float"
    control = el("input", { type: "text", inputmode: kind === "int" ? "numeric" : isNumber ? "decimal" : undefined, autocomplete: "off", spellcheck: "false", placeholder: options.example ?? standard, title: options.hint,
      oninput: () => tell(control.value.trim()) })
    control.value = value === undefined || value === true ? "" : value
    const bounds = [options.minimum, options.maximum].map((bound) => bound ?? "")
    if (isNumber && (bounds[0] !== "" || bounds[1] !== "")) control.title = `${options.hint ?? ""} ${bounds[0]} to ${bounds[1]}`.trim()
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
