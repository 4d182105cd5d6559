// The pixel of a frame whose values are shown: under the pointer, where somebody tapped, or moved by keys.

import { Values } from "./values.js"

export class Cursor {
  // onMove(spot, isPinned): set by who keeps two panes in step; a spot is from 0 to 1, or null.
  constructor(pane) {
    this.pane = pane
    this.values = new Values()
    this.pixel = null // {x, y} of the tensor, and the channel's number where each is drawn by itself
    this.isPinned = false
    this.isByKeys = false
  }

  clear() { this.place(null) }

  // The tensor's pixel at a point of the stage, or null.
  at(p) {
    const { picture, spot } = this.pane
    if (!picture || !spot) return null
    const [x, y] = [(p.x - spot.left) / spot.scale, (p.y - spot.top) / spot.scale]
    const tile = picture.tiles.find((tile) => x >= tile.x && x < tile.x + tile.w && y >= tile.y && y < tile.y + tile.h)
    if (!tile) return null
    return { x: Math.min(picture.W - 1, Math.floor((x - tile.x) / tile.cell)), y: Math.min(picture.H - 1, Math.floor((y - tile.y) / tile.cell)), channel: tile.channel }
  }

  hover(p) { if (!this.isPinned) this.set(this.at(p)) }

  leave() { if (!this.isPinned && this.pixel) this.set(null) }

  // The same pixel again lets it go.
  tap(p) {
    const pixel = this.at(p)
    const isSame = this.isPinned && pixel && pixel.x === this.pixel.x && pixel.y === this.pixel.y
    this.set(isSame ? null : pixel, true)
  }

  set(pixel, isPinned = false) {
    this.place(pixel, isPinned)
    const { W, H } = this.pane.picture ?? {}
    this.onMove?.(pixel && { x: (pixel.x + 0.5) / W, y: (pixel.y + 0.5) / H }, isPinned)
  }

  // As the other pane's.
  mirror(spot, isPinned) {
    const { picture } = this.pane
    if (!picture) return
    this.place(spot && { x: Math.min(picture.W - 1, Math.floor(spot.x * picture.W)), y: Math.min(picture.H - 1, Math.floor(spot.y * picture.H)) }, isPinned)
  }

  place(pixel, isPinned = false) {
    this.pixel = pixel
    this.isPinned = isPinned && pixel !== null
    if (!this.isPinned) this.isByKeys = false
    if (pixel) this.ask()
    else this.values.clear()
    this.pane.overlay()
  }

  ask() {
    const { tensor, drawn } = this.pane
    if (this.pixel && tensor && drawn >= 0) this.values.show(tensor.info, drawn, this.pixel.x, this.pixel.y, this.pixel.channel)
  }

  // For the keyboard: on in the middle of what is seen, or off.
  toggle() {
    const { pane } = this
    if (!pane.picture) return
    if (this.isByKeys) return this.set(null)
    const start = (this.isPinned && this.pixel) || this.at({ x: pane.size.width / 2, y: pane.size.height / 2 }) || { x: 0, y: 0 }
    this.set(start, true)
    this.isByKeys = true
    pane.stage.focus()
  }

  move(dx, dy) {
    const { W, H } = this.pane.picture
    this.set({ ...this.pixel, x: Math.min(W - 1, Math.max(0, this.pixel.x + dx)), y: Math.min(H - 1, Math.max(0, this.pixel.y + dy)) }, true)
  }
}
