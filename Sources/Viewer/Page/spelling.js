// Path components and what they say: "histo,roi=0+0+64x48" and "50ms,stride=10ms", taken apart and put together.

// -> {name, values: Map(key -> text)}; a key without "=" has the value true.
export function parseComponent(text) {
  const [name, ...rest] = text.split(",")
  const values = new Map()
  for (const part of rest) {
    const at = part.indexOf("=")
    if (at < 0) values.set(part, true)
    else values.set(part.slice(0, at), part.slice(at + 1))
  }
  return { name, values }
}

export function writeComponent({ name, values }) {
  const parts = [name]
  for (const [key, value] of values) {
    if (value === true) parts.push(key)
    else if (value !== "" && value !== false && value !== null && value !== undefined) parts.push(`${key}=${value}`)
  }
  return parts.join(",")
}

export const WINDOW_KINDS = [
  ["time", "Time"],
  ["events", "Number of events"],
  ["either", "Events, or a time at most"],
  ["parts", "Equal parts"],
  ["at", "At listed times"],
  ["between", "Between listed times"],
]

// -> {kind, values: Map}; values has "length" (time), "count", "parts", "list" besides the keys of the path.
export function parseWindow(text) {
  const { name, values } = parseComponent(text)
  const rest = new Map(values)
  if (name.startsWith("between=")) return { kind: "between", values: rest.set("list", name.slice(8)) }
  if (name.endsWith("parts")) return { kind: "parts", values: rest.set("parts", name.slice(0, -5)) }
  rest.set("length", name)
  if (rest.has("at")) {
    rest.set("list", rest.get("at"))
    rest.delete("at")
    return { kind: "at", values: rest }
  }
  if (name.endsWith("ev")) {
    rest.delete("length")
    rest.set("count", name.slice(0, -2))
    return { kind: rest.has("max_period") ? "either" : "events", values: rest }
  }
  return { kind: "time", values: rest }
}

// The keys that a window of a kind takes, besides its own.
export const WINDOW_KEYS = {
  time: ["stride", "start_ts", "max_duration"],
  events: ["stride", "start_ts", "max_duration"],
  either: ["max_period", "start_ts", "max_duration"],
  parts: ["start_ts"],
  at: ["align", "closed", "start_ts"],
  between: ["closed", "start_ts"],
}

const DEFAULTS = { length: "50ms", count: "10000", parts: "10", list: "labels", max_period: "30ms" }

export function writeWindow({ kind, values }) {
  const own = (key) => values.get(key) || DEFAULTS[key]
  const rest = new Map()
  let name
  if (kind === "time") name = own("length")
  else if (kind === "events" || kind === "either") name = `${own("count")}ev`
  else if (kind === "parts") name = `${own("parts")}parts`
  else if (kind === "between") name = `between=${own("list")}`
  else {
    name = own("length")
    rest.set("at", own("list"))
  }
  for (const key of WINDOW_KEYS[kind]) {
    const value = key === "max_period" && kind === "either" ? own(key) : values.get(key)
    if (value) rest.set(key, value)
  }
  // What the page has no control for stays.
  for (const [key, value] of values) {
    const isKnown = key in DEFAULTS || Object.values(WINDOW_KEYS).flat().includes(key)
    if (!isKnown) rest.set(key, value)
  }
  return writeComponent({ name, values: rest })
}

// "histo/50ms/train/traffic_0.h5" -> its parts. The page makes such names too, of a recording's `file`.
export function parseFile(path) {
  const [preprocessing, window, ...rest] = path.split("/")
  return { preprocessing, window, stem: rest.join("/").replace(/\.h5$/, "") }
}

export function writeFile(preprocessing, window, stem, part = 0) {
  const inParts = parseComponent(window).values.has("max_duration")
  return `${preprocessing}/${window}/${stem}${inParts ? `_${part}` : ""}.h5`
}

// Where a box of the sensor lies in the tensor: its region, mirrored, turned, made smaller.
//   size: {width, height} of the sensor; shape: (N, C, H, W)
export function placement(preprocessing, size, shape) {
  const { values } = parseComponent(preprocessing)
  const roi = /^(\d+)\+(\d+)\+(\d+)x(\d+)$/.exec(values.get("roi") ?? "")
  const region = roi ? { x: +roi[1], y: +roi[2], w: +roi[3], h: +roi[4] } : { x: 0, y: 0, w: size.width, h: size.height }
  const flip = String(values.get("flip") ?? "")
  const isTurned = values.get("transpose") === true || values.get("transpose") === "true"
  const [, , H, W] = shape
  const full = isTurned ? { w: region.h, h: region.w } : region
  return ({ x, y, w, h }) => {
    x -= region.x
    y -= region.y
    if (flip.includes("x")) x = region.w - x - w
    if (flip.includes("y")) y = region.h - y - h
    if (isTurned) [x, y, w, h] = [y, x, h, w]
    return { x: (x * W) / full.w, y: (y * H) / full.h, w: (w * W) / full.w, h: (h * H) / full.h }
  }
}
