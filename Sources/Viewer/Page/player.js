// The clock: which time of the recording is now. Its speed is kept whatever the pictures do; frames are left out instead.

export const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

export class Player extends EventTarget {
  constructor() {
    super()
    this.t = 0
    this.isPlaying = false
    this.speed = 1
    this.isLooping = false
    this.loop = null // {from, to} in us, or null for all
    this.range = { from: 0, to: 0 } // what there is
  }

  tell(what) { this.dispatchEvent(new Event(what)) }

  get stretch() {
    const { from, to } = this.loop ?? this.range
    return { from: Math.max(from, this.range.from), to: Math.min(to, this.range.to) }
  }

  setRange(from, to) { this.range = { from, to } }

  play() {
    if (this.isPlaying || this.range.to <= this.range.from) return
    const end = this.isLooping ? this.stretch.to : this.range.to
    if (this.t >= end - 1) this.t = this.isLooping ? this.stretch.from : this.range.from
    this.isPlaying = true
    this.before = null
    requestAnimationFrame((now) => this.tick(now))
    this.tell("state")
  }

  pause() {
    if (!this.isPlaying) return
    this.isPlaying = false
    this.tell("state")
    this.tell("time")
  }

  toggle() { this.isPlaying ? this.pause() : this.play() }

  tick(now) {
    if (!this.isPlaying) return
    // A page that was hidden goes on where it was.
    const passed = this.before === null ? 0 : Math.min(250, now - this.before)
    this.before = now
    this.t += passed * 1000 * this.speed
    const { from, to } = this.isLooping ? this.stretch : this.range
    if (this.t >= to) {
      if (this.isLooping && to > from) {
        this.t = from + ((this.t - from) % (to - from))
      } else {
        this.t = Math.max(from, to - 1)
        this.pause()
        return
      }
    }
    this.tell("time")
    requestAnimationFrame((next) => this.tick(next))
  }

  seek(t) {
    const last = Math.max(this.range.from, this.range.to - 1)
    this.t = Math.min(last, Math.max(this.range.from, t))
    this.tell("seek")
  }

  setSpeed(speed) {
    this.speed = Math.min(10, Math.max(0.01, speed))
    this.tell("state")
  }

  faster(by) {
    let near = 0
    SPEEDS.forEach((speed, k) => { if (Math.abs(Math.log(speed / this.speed)) < Math.abs(Math.log(SPEEDS[near] / this.speed))) near = k })
    this.setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, near + by))])
  }

  setLooping(isLooping) {
    this.isLooping = isLooping
    this.tell("state")
  }

  // Either end may be left as it is (undefined).
  setLoop(from, to) {
    const old = this.loop ?? this.range
    const next = { from: from ?? old.from, to: to ?? old.to }
    if (next.to <= next.from) {
      if (from !== undefined) next.to = this.range.to
      else next.from = this.range.from
    }
    this.loop = next
    this.isLooping = true
    this.tell("state")
  }

  clearLoop() {
    this.loop = null
    this.tell("state")
  }
}
