// What part of a frame is seen: k times as large as fits, with the point (x, y) of the frame in the middle; 0 to 1 each.
// Panes share one, so two tensors of other sizes show the same place.

const MOST = 64

export class Zoom extends EventTarget {
  constructor() {
    super()
    this.k = 1
    this.x = 0.5
    this.y = 0.5
  }

  set({ k, x, y }) {
    this.k = Math.min(MOST, Math.max(1, k))
    // The frame cannot be pushed out of sight; at 1 it is in the middle.
    const slack = 0.5 - 0.5 / this.k
    const bound = (value) => (this.k === 1 ? 0.5 : Math.min(0.5 + slack + 0.25 / this.k, Math.max(0.5 - slack - 0.25 / this.k, value)))
    this.x = bound(x)
    this.y = bound(y)
    this.dispatchEvent(new Event("change"))
  }

  // By a factor, with the frame's point (x, y) where it is.
  by(factor, x = this.x, y = this.y) {
    const k = Math.min(MOST, Math.max(1, this.k * factor))
    const share = this.k / k
    this.set({ k, x: x + (this.x - x) * share, y: y + (this.y - y) * share })
  }

  // In parts of what is seen.
  pan(dx, dy) { this.set({ k: this.k, x: this.x + dx / this.k, y: this.y + dy / this.k }) }

  fit() { this.set({ k: 1, x: 0.5, y: 0.5 }) }
}

// Where a frame of width x height pixels lies in a stage, in the stage's pixels.
export function place(zoom, stage, width, height) {
  const scale = Math.min(stage.width / width, stage.height / height) * zoom.k
  return { scale, left: stage.width / 2 - zoom.x * width * scale, top: stage.height / 2 - zoom.y * height * scale }
}
