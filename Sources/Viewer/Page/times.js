// When each frame of a tensor begins and ends, in us of the recording.

import { api } from "./api.js"

const PAGE = 10_000
// Of more frames than these only the neighbourhood of listed times is guessed, and `exact` asks the server.
const MOST = 200_000

export class FrameTimes {
  // info: the answer of `tensor`.
  static async load(info, signal) {
    const times = new FrameTimes(info)
    if (times.count > 0) await times.first(signal)
    return times
  }

  constructor(info) {
    this.info = info
    this.count = info.shape[0]
    this.begin = info.begin_us
    this.end = info.end_us
    this.loaded = 0
  }

  async first(signal) {
    const isGrid = this.info.grid && this.info.period_us > 0
    const count = isGrid ? Math.min(2, this.count) : Math.min(PAGE, this.count)
    const page = await api("times", { file: this.info.path, first: 0, count }, { signal })
    if (isGrid) {
      this.begin = page.starts[0]
      this.length = page.ends[0] - page.starts[0]
      this.stride = page.starts.length > 1 ? page.starts[1] - page.starts[0] : this.length
      this.end = this.begin + (this.count - 1) * this.stride + this.length
      this.loaded = this.count
      return
    }
    const room = Math.min(this.count, MOST)
    this.starts = new Float64Array(room)
    this.ends = new Float64Array(room)
    this.put(page)
    this.begin = this.starts[0]
    this.rest(signal)
  }

  put(page) {
    this.starts.set(page.starts, this.loaded)
    this.ends.set(page.ends, this.loaded)
    this.loaded += page.starts.length
    this.end = Math.max(this.info.end_us ?? 0, this.ends[this.loaded - 1])
  }

  async rest(signal) {
    try {
      while (this.loaded < this.starts.length) {
        const count = Math.min(PAGE, this.starts.length - this.loaded)
        const page = await api("times", { file: this.info.path, first: this.loaded, count }, { signal })
        if (page.starts.length === 0) return
        this.put(page)
      }
    } catch {
      // What is not there is guessed.
    }
  }

  get isGrid() { return this.stride > 0 }

  // The mean time from a frame to the next, us; at least 1.
  get step() {
    if (this.isGrid) return this.stride
    return Math.max(1, (this.end - this.begin) / Math.max(1, this.count))
  }

  start(i) {
    if (this.isGrid) return this.begin + i * this.stride
    if (i < this.loaded) return this.starts[i]
    return this.guess(i)
  }

  stop(i) {
    if (this.isGrid) return this.start(i) + this.length
    if (i < this.loaded) return this.ends[i]
    return this.guess(i + 1)
  }

  guess(i) {
    const from = this.loaded ? this.starts[this.loaded - 1] : this.begin
    const left = Math.max(1, this.count - this.loaded)
    return from + ((this.end - from) * (i - this.loaded + 1)) / left
  }

  // The last frame that has begun at `t`; the first one before that.
  at(t) {
    if (this.count === 0) return 0
    if (this.isGrid) return Math.min(this.count - 1, Math.max(0, Math.floor((t - this.begin) / this.stride)))
    const last = this.loaded - 1
    if (this.loaded < this.count && last >= 0 && t > this.starts[last]) {
      const share = (t - this.starts[last]) / Math.max(1, this.end - this.starts[last])
      return Math.min(this.count - 1, last + Math.floor(share * (this.count - last)))
    }
    let [low, high] = [0, last]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.starts[middle] <= t) low = middle
      else high = middle - 1
    }
    return Math.max(0, low)
  }

  isExact(t) { return this.isGrid || this.loaded === this.count || t <= this.starts[this.loaded - 1] }

  async exact(t, signal) {
    if (this.isExact(t)) return this.at(t)
    return (await api("find", { file: this.info.path, t: Math.round(t) }, { signal })).frame
  }
}
