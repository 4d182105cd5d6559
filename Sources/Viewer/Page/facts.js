// What is known of the chosen recording.

import { el } from "./dom.js"
import { bytes, duration, rate } from "./format.js"

export function facts(r) {
  const rows = [
    ["Recording", r.path],
    ["Format", r.format],
    ["Sensor", r.width && r.height ? `${r.width} x ${r.height} pixels` : null],
    ["Size", bytes(r.size)],
    ["Events", r.events?.toLocaleString("en")],
    ["Of these on", r.on !== undefined && r.on !== null && r.events ? `${r.on.toLocaleString("en")} (${((100 * r.on) / r.events).toFixed(1)} %)` : null],
    ["Duration", duration(r.duration_us)],
    ["Rate", rate(r.rate)],
    ["Triggers", r.triggers ? r.triggers.toLocaleString("en") : null],
    ["Labels", r.labels ? r.labels.toLocaleString("en") : null],
    ["Classes", r.classes?.length ? r.classes.join(", ") : null],
    ["Camera", r.serial],
    ...(r.notes ?? []).map((text) => ["Note", text]),
    ["Labels", r.labels_problem],
    ...Object.entries(r.header ?? {}).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "")
  return [
    ...(r.damage?.length ? [el("div", { class: "damage" }, el("p", {}, "This recording is damaged:"), el("ul", {}, r.damage.map((text) => el("li", {}, text))))] : []),
    el("dl", { class: "facts" }, rows.flatMap(([key, value]) => [el("dt", {}, key), el("dd", {}, value)])),
  ]
}
