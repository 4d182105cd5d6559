// The stretch of time that the timeline and the series under it show, and where a time lies in it.

const LEAST = 200 // us

export class Span extends EventTarget {
  constructor() {
    super()
    this.all = { from: 0, to: 1 }
    this.from = 0
    this.to = 1
    this.width = 1
  }

  get isWhole() { return this.from <= this.all.from && this.to >= this.all.to }

  setAll(from, to, shown) {
    this.all = { from, to: Math.max(from + 1, to) }
    this.set(shown?.from ?? from, shown?.to ?? to)
  }

  set(from, to) {
    const whole = this.all.to - this.all.from
    const length = Math.min(whole, Math.max(Math.min(LEAST, whole), to - from))
    this.from = Math.min(this.all.to - length, Math.max(this.all.from, from))
    this.to = this.from + length
    this.dispatchEvent(new Event("change"))
  }

  x(t) { return ((t - this.from) / (this.to - this.from)) * this.width }
  t(x) { return this.from + (x / this.width) * (this.to - this.from) }

  // factor > 1: a shorter stretch; the time `t` stays where it is.
  zoom(factor, t) {
    const length = (this.to - this.from) / factor
    const share = (t - this.from) / (this.to - this.from)
    this.set(t - share * length, t + (1 - share) * length)
  }

  pan(share) {
    const by = share * (this.to - this.from)
    this.set(this.from + by, this.to + by)
  }

  fit() { this.set(this.all.from, this.all.to) }

  // Turns the page when the time now has left it.
  follow(t) {
    if (t < this.from || t >= this.to) this.set(t - (this.to - this.from) * 0.1, t + (this.to - this.from) * 0.9)
  }
}

// Times to write at an axis: 1, 2 or 5 times a power of ten apart (or seconds and minutes), at least `room` pixels.
export function ticks(span, room) {
  const least = ((span.to - span.from) / span.width) * room
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 3e7, 6e7, 12e7, 3e8, 6e8, 18e8, 36e8, 72e8, 216e8]
  const step = steps.find((step) => step >= least) ?? steps[steps.length - 1]
  const list = []
  for (let t = Math.ceil(span.from / step) * step; t <= span.to && list.length < 100; t += step) list.push(t)
  return { step, list }
}
