// Puts the page together.

import { api, onConnection, isConnected } from "./api.js"
import { byId, icon, debounce, copyText } from "./dom.js"
import { parse, write } from "./link.js"
import { parseFile, parseComponent } from "./spelling.js"
import { Transfer } from "./transfer.js"
import { Pictures } from "./pictures.js"
import { Player } from "./player.js"
import { Span } from "./span.js"
import { Zoom } from "./zoom.js"
import { Pane } from "./pane.js"
import { Session } from "./session.js"
import { Timeline } from "./timeline.js"
import { Transport } from "./transport.js"
import { Lanes } from "./lanes.js"
import { Tree } from "./tree.js"
import { Settings } from "./settings.js"
import { Exporting } from "./exporting.js"
import { Keys } from "./keys.js"
import { Theme, stored, store } from "./theme.js"
import { Notices } from "./notices.js"
import { Library } from "./library.js"
import { overHTTP, throughMount } from "./snippet.js"
import { clock, spoken } from "./format.js"

const PLAIN = { preprocessing: "histo", window: "50ms", part: 0 }

// The token has become a cookie; nobody is to copy it with the address.
const here = new URL(location.href)
if (here.searchParams.has("token")) {
  here.searchParams.delete("token")
  history.replaceState(null, "", here)
}

for (const element of document.querySelectorAll("[data-icon]")) element.prepend(icon(element.dataset.icon))

const notices = new Notices(byId("notices"), byId("live"))
const theme = new Theme(byId("theme"), byId("theme-name"))
const library = new Library(byId("library"), byId("library-toggle"), byId("library-close"))
const transfer = new Transfer(stored("transfer", "auto"))
const memory = navigator.deviceMemory ?? 4
const pictures = new Pictures(transfer, (memory >= 4 ? 256 : 96) << 20)
const player = new Player()
const span = new Span()
const zoom = new Zoom()
const look = { channels: "all", layout: "one", colors: "", boxes: "hold", isLight: () => theme.isLight }
const panes = ["A", "B"].map((name) => new Pane(name, pictures, zoom, look))
panes.forEach((pane, k) => { pane.cursor.onMove = (spot, isPinned) => panes[1 - k].cursor.mirror(spot, isPinned) })
const session = new Session({ player, span, pictures, panes, notices })
const view = { series: [] }

byId("panes").append(panes[0].element, panes[1].element)
panes[1].element.hidden = true

const timeline = new Timeline(span, player, { seek: (t, isHasty) => session.seek(t, isHasty), failed: (error) => notices.error(error, "timeline") })
const lanes = new Lanes(span, player)
byId("timeline").append(timeline.element, lanes.element)
const transport = new Transport(byId("transport"), player, {
  toggle: () => player.toggle(), step: (by) => session.step(by), frame: (frame) => session.step(frame - session.frame),
  edge: (side) => session.step(side < 0 ? -session.frame : session.times.count - 1 - session.frame),
})

const tree = new Tree(byId("tree"), byId("search"), byId("library-note"), (recording) => {
  library.close()
  open(recording.file)
})

async function open(stem, from = {}) {
  try {
    await session.open(stem, from)
  } catch (error) {
    const { preprocessing, window } = session.specs[0]
    const isPlain = preprocessing === PLAIN.preprocessing && window === PLAIN.window
    // A region, say, need not fit every recording.
    const action = isPlain || error.status === 0 ? undefined : { text: `Open as ${PLAIN.preprocessing}/${PLAIN.window}`, run: () => {
      session.specs = [{ ...PLAIN }, null]
      open(stem)
    } }
    notices.show(error.message, { key: "open", kind: "error", seconds: action ? 0 : 8, action })
  }
}

// What is copied or saved of the view.
const shown = () => {
  const tensor = session.tensors[0]
  return tensor && { path: tensor.info.path, frame: session.frame, count: tensor.info.shape[0], channels: look.channels, query: panes[0].query, mountPoint: settings.choices.mount_point,
    fps: (1e6 / tensor.times.step) * player.speed, loop: player.loop && { first: tensor.times.at(player.loop.from), last: tensor.times.at(player.loop.to - 1) } }
}

async function copy(text, what) {
  try {
    await copyText(text)
    notices.show(`Copied ${what}.`, { key: "copied", seconds: 2.5 })
  } catch (error) {
    notices.show(`Not copied: ${error.message}. Here it is: ${text}`, { key: "copied", seconds: 0, kind: "error" })
  }
}

const actions = {
  copyPath: () => shown() && copy(shown().path, "the path"),
  copyPython: (kind = "http") => shown() && copy(kind === "mount" ? throughMount(shown()) : overHTTP(shown()), "Python that reads this frame"),
  copyLink: () => {
    writeLink()
    copy(location.href, "the link to this view")
  },
}

const settings = new Settings(byId("settings"), {
  look: (changes) => setLook(changes),
  series: (paths) => {
    view.series = paths
    lanes.set(session.tensors[0], paths)
    keepLink()
  },
  transfer: (choice) => {
    transfer.set(choice)
    store("transfer", choice)
  },
  change: (k, spec, signal) => session.change(k, spec, signal),
  second: (spec) => session.second(spec).catch((error) => notices.error(error)),
  copyPath: actions.copyPath,
  copyPython: actions.copyPython,
  region: (k) => {
    const { text, problem } = panes[k].region()
    if (problem) notices.show(problem)
    return text
  },
}, look)

function setLook(changes) {
  Object.assign(look, changes)
  for (const pane of panes) pane.refresh()
  session.follow(true)
  for (const pane of panes) pane.overlay()
  settings.show(session, view.series)
  keepLink()
}

const exporting = new Exporting(shown)
const openExport = () => exporting.open().catch((error) => notices.error(error))

const keys = new Keys({
  toggle: () => player.toggle(), back: () => session.step(-1), forward: () => session.step(1), back10: () => session.step(-10), forward10: () => session.step(10),
  first: () => session.step(-session.frame), last: () => session.times && session.step(session.times.count), slower: () => player.faster(-1), faster: () => player.faster(1),
  loop: () => player.setLooping(!player.isLooping), loopIn: () => player.setLoop(player.t, undefined), loopOut: () => player.setLoop(undefined, player.t),
  spanIn: () => span.zoom(2, player.t), spanOut: () => span.zoom(0.5, player.t), spanFit: () => span.fit(), spanBack: () => span.pan(-0.5), spanOn: () => span.pan(0.5),
  larger: () => zoom.by(1.5), smaller: () => zoom.by(1 / 1.5), fit: () => zoom.fit(), up: () => zoom.pan(0, -0.15), down: () => zoom.pan(0, 0.15), left: () => zoom.pan(-0.15, 0), right: () => zoom.pan(0.15, 0),
  cursor: () => active().cursor.toggle(), boxes: () => setLook({ boxes: { off: "frame", frame: "hold", hold: "off" }[look.boxes] }), side: () => setLook({ layout: look.layout === "one" ? "side" : "one" }),
  compare: () => settings.toggleCompare(), ...actions, export: openExport, search: () => { library.open(); byId("search").focus() }, theme: () => theme.next(), help: () => keys.help(),
  cursorKey: (event) => {
    const pane = active()
    const { cursor } = pane
    if (!cursor.isPinned) return false
    const by = event.shiftKey ? 10 : 1
    const move = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key]
    if (event.key === "Escape") cursor.set(null)
    // Arrows are the pixel's only after C, and while the frame has the focus.
    else if (move && cursor.isByKeys && document.activeElement === pane.stage) cursor.move(...move)
    else return false
    return true
  },
})

function active() { return panes.find((pane) => pane.stage === document.activeElement) ?? panes[0] }

byId("copy-link").addEventListener("click", actions.copyLink)
byId("open-export").addEventListener("click", openExport)
byId("open-help").addEventListener("click", () => keys.help())

// The link to this view; written while nothing moves.
function writeLink() {
  const tensor = session.tensors[0]
  if (!tensor) return
  const second = session.tensors[1]
  const hash = write({
    file: tensor.info.path, frame: session.frame, second: second && `${second.info.preprocessing}/${second.info.window}`, channels: look.channels, layout: look.layout, colors: look.colors, boxes: look.boxes,
    zoom, span: span.isWhole ? undefined : span, loop: player.loop, isLooping: player.isLooping, speed: player.speed, series: view.series,
  })
  if (hash !== location.hash) history.replaceState(null, "", hash)
}
const keepLink = debounce(250, writeLink)

async function readLink() {
  const said = parse(location.hash)
  if (!said.file) return false
  const { preprocessing, window, stem } = parseFile(said.file)
  const part = parseComponent(window).values.has("max_duration") ? /_(\d+)$/.exec(stem) : null
  session.specs[0] = { preprocessing, window, part: part ? Number(part[1]) : 0 }
  session.specs[1] = null
  if (said.second) {
    const [second, secondWindow] = said.second.split("/")
    session.specs[1] = { preprocessing: second, window: secondWindow, part: 0 }
  } else if (session.tensors[1]) {
    await session.second(null)
  }
  Object.assign(look, { channels: said.channels ?? "all", layout: said.layout ?? "one", colors: said.colors ?? "", boxes: said.boxes ?? "hold" })
  view.series = said.series ?? []
  if (said.speed) player.setSpeed(said.speed)
  await open(part ? stem.slice(0, part.index) : stem, said)
  if (said.zoom) zoom.set(said.zoom)
  return true
}

session.addEventListener("recording", () => {
  const { recording } = session
  byId("title").textContent = recording.path
  document.title = `${recording.path.split("/").pop()} - evh5`
  byId("open-export").disabled = false
  transport.enable(true)
  tree.learn(recording)
  tree.reveal(recording.path)
  settings.learn(recording)
  timeline.set(recording)
  timeline.setLabels([])
})
session.addEventListener("labels", () => timeline.setLabels(session.labelTimes))
session.addEventListener("tensor", () => {
  panes[1].element.hidden = !session.tensors[1]
  byId("panes").classList.toggle("two", Boolean(session.tensors[1]))
  settings.show(session, view.series)
  lanes.set(session.tensors[0], view.series)
  keepLink()
})
// While it plays, ten times a second: to write and paint more often takes the time of frames.
let shownAt = 0
session.addEventListener("frame", () => {
  const { times, frame } = session
  const now = performance.now()
  if (player.isPlaying && now - shownAt < 100) return
  shownAt = now
  transport.show(player.t, frame, times, times.step)
  lanes.at(frame)
  if (!player.isPlaying) keepLink()
})
// Spoken when it stands still, and now and then while it plays.
let spokenAt = 0
const speak = () => {
  if (!session.times) return
  const now = performance.now()
  if (player.isPlaying && now - spokenAt < 5000) return
  spokenAt = now
  notices.say(`${spoken(player.t)}, frame ${session.frame}`)
}
session.addEventListener("moved", debounce(300, speak))
player.addEventListener("time", speak)
player.addEventListener("state", () => {
  transport.state()
  keepLink()
})
zoom.addEventListener("change", keepLink)
span.addEventListener("change", keepLink)
theme.addEventListener("change", () => {
  for (const pane of panes) pane.refresh()
  session.follow(true)
  timeline.redraw()
  lanes.redraw()
})
pictures.addEventListener("failed", (event) => { if (["changed", "stale"].includes(event.detail.error.code) || [409, 412].includes(event.detail.error.status)) session.check() })
onConnection("gone", () => {
  player.pause()
  notices.show("The server does not answer. The page goes on when it is back.", { key: "gone", kind: "error", seconds: 0 })
})
onConnection("back", () => {
  notices.remove("gone")
  pictures.retry()
  session.check()
})
window.addEventListener("hashchange", () => readLink())
document.addEventListener("visibilitychange", () => { if (!document.hidden) session.check() })
setInterval(() => { if (!document.hidden && isConnected() && !player.isPlaying) session.check() }, 10_000)

// For tests and for who is curious: what the page has drawn. Read only.
Object.defineProperty(window, "evh5State", { value: Object.freeze({
  get file() { return session.tensors[0]?.info.path ?? null },
  get version() { return session.tensors[0]?.info.version ?? null },
  get frame() { return panes[0].drawn },
  get wanted() { return session.frame },
  // Whether something else is still drawn than what is wanted: another preprocessing, other colours.
  get isStale() { return panes[0].isStale },
  get time() { return player.t },
  get isPlaying() { return player.isPlaying },
  get framesDrawn() { return panes[0].counts.drawn },
  get framesLeftOut() { return panes[0].counts.left },
  get boxes() { return panes[0].shownBoxes().length },
  get pictures() { return Object.freeze({ ...pictures.counts, flying: pictures.flying.size, kept: pictures.kept.size, bytes: pictures.used, latency: pictures.latency, format: transfer.format }) },
  get second() { return session.tensors[1] ? Object.freeze({ file: session.tensors[1].info.path, frame: panes[1].drawn }) : null },
  get clock() { return clock(player.t, 6) },
}) })

async function start() {
  try {
    settings.start(await api("choices"), session)
  } catch (error) {
    notices.error(error, "start")
  }
  const root = await tree.open()
  if (await readLink()) return
  const first = root?.recordings?.[0]
  if (root && root.folders.length === 0 && root.recordings.length === 1) open(first.file)
  else {
    panes[0].clear("Choose a recording.")
    // Where there is no room for both, the list first.
    if (byId("library-toggle").offsetParent) library.open()
  }
}
start()
