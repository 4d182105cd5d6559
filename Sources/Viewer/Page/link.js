// The view as the address's part after #, and back: a link to exactly this view.
//
//   #f=histo/50ms/train/traffic.h5&i=120&b=diff/50ms&layout=side&z=2,0.5,0.5

const number = (text) => (text !== null && text !== "" && Number.isFinite(Number(text)) ? Number(text) : undefined)

function numbers(text, count) {
  const list = (text ?? "").split(",").map(Number)
  return list.length === count && list.every(Number.isFinite) ? list : undefined
}

const oneOf = (text, allowed) => (allowed.includes(text) ? text : undefined)

// As query strings, but a plus is a plus: filters have some, and people write links by hand.
function fields(hash) {
  const found = new Map()
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=")
    try {
      if (at > 0) found.set(part.slice(0, at), decodeURIComponent(part.slice(at + 1)))
    } catch {
      // No UTF-8: as if it were not there.
    }
  }
  return { get: (key) => found.get(key) ?? null }
}

// What is missing or makes no sense is undefined: the page then has its own.
export function parse(hash) {
  const q = fields(hash)
  const z = numbers(q.get("z"), 3)
  const span = numbers(q.get("span"), 2)
  const loop = numbers(q.get("loop"), 2)
  const speed = number(q.get("speed"))
  return {
    file: /^[^/]+\/[^/]+\/.+\.h5$/.test(q.get("f") ?? "") ? q.get("f") : undefined,
    frame: number(q.get("i")),
    second: /^[^/]+\/[^/]+$/.test(q.get("b") ?? "") ? q.get("b") : undefined,
    channels: /^\d+(,\d+)*$/.test(q.get("channels") ?? "") ? q.get("channels") : undefined,
    layout: oneOf(q.get("layout"), ["one", "side"]),
    colors: /^[a-z]+$/.test(q.get("colors") ?? "") ? q.get("colors") : undefined,
    boxes: oneOf(q.get("boxes"), ["off", "frame", "hold"]),
    zoom: z && z[0] > 0 ? { k: z[0], x: z[1], y: z[2] } : undefined,
    span: span && span[1] > span[0] ? { from: span[0], to: span[1] } : undefined,
    loop: loop && loop[1] > loop[0] ? { from: loop[0], to: loop[1] } : undefined,
    isLooping: q.get("looping") === "1" ? true : undefined,
    speed: speed >= 0.01 && speed <= 10 ? speed : undefined,
    series: q.get("series")?.split(",").filter(Boolean),
  }
}

export function write(view) {
  const parts = []
  const add = (key, value, unless) => {
    if (value !== undefined && value !== null && value !== "" && value !== unless) {
      parts.push(`${key}=${encodeURIComponent(value).replace(/%(2F|2C|3D|3A|2B)/g, decodeURIComponent)}`)
    }
  }
  add("f", view.file)
  add("i", view.frame)
  add("b", view.second)
  add("channels", view.channels, "all")
  add("layout", view.layout, "one")
  add("colors", view.colors)
  add("boxes", view.boxes, "hold")
  if (view.zoom && view.zoom.k !== 1) add("z", [view.zoom.k, view.zoom.x, view.zoom.y].map((n) => Number(n.toFixed(4))).join(","))
  if (view.span) add("span", `${Math.round(view.span.from)},${Math.round(view.span.to)}`)
  if (view.loop) add("loop", `${Math.round(view.loop.from)},${Math.round(view.loop.to)}`)
  add("looping", view.isLooping ? 1 : undefined)
  add("speed", view.speed, 1)
  add("series", view.series?.join(","))
  return parts.length ? "#" + parts.join("&") : ""
}
