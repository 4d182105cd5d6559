// What is open: one recording, one tensor of it or two, and the frame. Everything that shows follows it.

import { api, isAbort } from "./api.js"
import { FrameTimes } from "./times.js"
import { Boxes } from "./boxes.js"
import { writeFile } from "./spelling.js"

export class Session extends EventTarget {
  // parts: {player, span, pictures, panes: [A, B], notices}
  constructor(parts) {
    super()
    Object.assign(this, parts)
    this.recording = null
    this.boxes = null
    this.frame = 0
    this.stem = null
    this.specs = [{ preprocessing: "histo", window: "50ms", part: 0 }, null]
    this.tensors = [null, null]
    this.aborts = [null, null]
    this.player.addEventListener("time", () => this.follow())
    this.player.addEventListener("seek", () => this.follow())
    this.player.addEventListener("state", () => this.follow())
  }

  tell(what) { this.dispatchEvent(new Event(what)) }

  get times() { return this.tensors[0]?.times ?? null }

  file(k) {
    const spec = this.specs[k]
    return spec && this.stem !== null ? writeFile(spec.preprocessing, spec.window, this.stem, spec.part) : null
  }

  // A recording by the name of its shown file; view: what a link says, {frame, span, loop, isLooping}.
  async open(stem, view = {}) {
    this.player.pause()
    const before = { stem: this.stem, recording: this.recording }
    this.stem = stem
    this.tell("opening")
    try {
      const first = await this.load(0)
      const recording = before.recording?.path === first.info.recording && before.stem === stem && !view.isAgain ? before.recording : await this.learn(first.info.recording)
      this.recording = recording
      this.tensors[0] = first
      this.boxes = new Boxes(recording)
      this.player.loop = view.loop ?? null
      this.player.isLooping = view.isLooping ?? (before.stem === stem && this.player.isLooping)
      this.player.setRange(Math.min(first.times.begin, recording.begin_us), Math.max(first.times.end, recording.end_us))
      this.span.setAll(this.player.range.from, this.player.range.to, view.span)
      this.panes[0].set(first, recording, this.boxes)
      this.tell("recording")
      this.tell("tensor")
      this.player.tell("state")
      this.toFrame(view.frame ?? 0)
      if (this.specs[1]) await this.second(this.specs[1], { isKept: true })
      this.boxes.loadTimes().then((times) => { if (this.recording === recording) this.labelled(times) }, () => {})
    } catch (error) {
      if (isAbort(error)) return
      if (!this.tensors[0]) this.panes[0].clear(error.message)
      else this.stem = before.stem ?? stem
      this.tell("failed")
      throw error
    }
  }

  labelled(times) {
    this.labelTimes = times
    this.tell("labels")
  }

  async learn(path) {
    // The first time, the server may read all of it.
    const slow = setTimeout(() => this.notices.show("The server reads the recording for the first time ...", { key: "scan", seconds: 0 }), 600)
    try {
      return await api("recording", { path })
    } finally {
      clearTimeout(slow)
      this.notices.remove("scan")
    }
  }

  async load(k, signal) {
    this.aborts[k]?.abort()
    const abort = (this.aborts[k] = new AbortController())
    signal?.addEventListener("abort", () => abort.abort())
    const info = await api("tensor", { file: this.file(k) }, { signal: abort.signal })
    return { info, times: await FrameTimes.load(info, abort.signal) }
  }

  // Another preprocessing or window of the same recording, the time staying.
  async change(k, spec, signal) {
    const before = this.specs[k]
    const own = (this.specs[k] = { part: 0, ...spec })
    if (this.stem === null) return
    let tensor
    try {
      tensor = await this.load(k, signal)
    } catch (error) {
      // Somebody else may have changed it since.
      if (this.specs[k] === own) this.specs[k] = before
      throw error
    }
    this.take(k, tensor)
  }

  take(k, tensor) {
    const t = this.player.t
    this.tensors[k] = tensor
    this.panes[k].set(tensor, this.recording, this.boxes)
    if (k === 0) {
      this.player.setRange(Math.min(tensor.times.begin, this.recording.begin_us), Math.max(tensor.times.end, this.recording.end_us))
      this.frame = tensor.times.at(t)
    }
    this.tell("tensor")
    this.follow(true)
  }

  // The tensor beside; null for none.
  async second(spec, { isKept = false } = {}) {
    if (!spec) {
      this.aborts[1]?.abort()
      this.specs[1] = this.tensors[1] = null
      this.panes[1].set(null)
      this.tell("tensor")
      return
    }
    this.specs[1] = { part: 0, ...spec }
    try {
      this.take(1, await this.load(1))
    } catch (error) {
      if (isAbort(error)) return
      this.specs[1] = null
      this.tell("tensor")
      if (!isKept) throw error
      this.notices.error(error)
    }
  }

  // Somebody drags (isHasty), or has chosen a time.
  seek(t, isHasty = false) {
    if (!this.times) return
    this.isHasty = isHasty
    this.player.seek(t)
    if (isHasty) return
    this.tell("moved")
    if (!this.times.isExact(t)) this.times.exact(t).then((frame) => { if (!this.player.isPlaying && this.player.t === t) this.toFrame(frame) }, () => {})
  }

  toFrame(frame, isHasty = false) {
    if (!this.times || this.times.count === 0) return
    this.isHasty = isHasty
    this.frame = Math.min(this.times.count - 1, Math.max(0, Math.round(frame) || 0))
    this.player.t = Math.min(this.player.range.to - 1, Math.max(this.player.range.from, this.times.start(this.frame)))
    this.isFixed = true
    this.player.tell("seek")
    this.isFixed = false
    if (!this.player.isPlaying) this.span.follow(this.player.t)
    this.tell("moved")
  }

  step(by) {
    this.player.pause()
    // A key that is held down is like dragging.
    const now = performance.now()
    const isHasty = now - (this.stepped ?? 0) < 150
    this.stepped = now
    clearTimeout(this.settling)
    if (isHasty) this.settling = setTimeout(() => this.toFrame(this.frame), 200)
    this.toFrame(this.frame + by, isHasty)
  }

  // The clock has moved: every pane's frame.
  follow(isForced = false) {
    const { times, player } = this
    if (!times || times.count === 0) return
    if (!this.isFixed && (player.isPlaying || this.isHasty !== undefined || isForced === true)) {
      // A frame that was stepped to stays, though others may begin at the same time.
      if (player.isPlaying || times.start(this.frame) !== player.t) this.frame = times.at(player.t)
    }
    const interval = Math.max(17, this.pictures.pace * this.tensors.filter(Boolean).length) * 1000 * player.speed
    this.panes.forEach((pane, k) => {
      const tensor = this.tensors[k]
      if (!tensor) return
      const own = k === 0 ? this.frame : tensor.times.at(times.start(this.frame))
      const stretch = player.isLooping ? player.stretch : player.range
      pane.show(own, {
        isPlaying: player.isPlaying, isHasty: this.isHasty, isLooping: player.isLooping, step: this.stepOf(pane, interval / tensor.times.step),
        lead: Math.min(64, (this.pictures.latency * 1000 * player.speed) / tensor.times.step), from: tensor.times.at(stretch.from), to: tensor.times.at(stretch.to - 1),
      })
    })
    this.tell("frame")
  }

  // Frames from one picture to the next, as the server keeps up; changed at most twice a second, as what was fetched
  // ahead for one step is of little use for another.
  stepOf(pane, frames) {
    const now = performance.now()
    const wanted = Math.max(1, Math.ceil(frames - 0.25))
    if (!pane.step || now - pane.stepSince > 500 || !this.player.isPlaying) {
      pane.step = wanted
      pane.stepSince = now
    }
    return pane.step
  }

  // Whether the files are still what they were; if not, all of it again at the same time.
  async check() {
    const now = this.tensors[0]
    if (!now || this.isChecking) return
    this.isChecking = true
    try {
      const info = await api("tensor", { file: now.info.path })
      if (this.tensors[0] !== now || info.version === now.info.version) return
      const isPlaying = this.player.isPlaying
      const { loop, isLooping } = this.player
      const span = this.span.isWhole ? undefined : { from: this.span.from, to: this.span.to }
      await this.open(this.stem, { frame: this.frame, span, loop, isLooping, isAgain: true })
      this.notices.show("The file changed and was read again.", { key: "changed" })
      if (isPlaying) this.player.play()
    } catch (error) {
      if (!isAbort(error) && error.code !== "gone") this.notices.error(error, "check")
    } finally {
      this.isChecking = false
    }
  }
}
