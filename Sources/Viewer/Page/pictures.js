// Pictures of frames: fetched once, at most two at a time, kept while there is room.
//
// Each pane tells what it wants, most urgent first (`want`); what was asked for before and is not wanted any more is
// left out or broken off.

import { isAbort } from "./api.js"

const FLYING = 2

export class Pictures extends EventTarget {
  constructor(transfer, room) {
    super()
    this.transfer = transfer
    this.room = room
    this.used = 0
    this.kept = new Map() // key -> picture; the least recently used one first
    this.flying = new Map() // key -> {abort, wish, since}
    this.failed = new Map() // key -> {error, until}
    this.wanted = new Map() // pane -> [{key, query}]
    this.latency = 60 // ms from asking to having, smoothed
    this.counts = { fetched: 0, aborted: 0, failed: 0, mostFlying: 0 }
  }

  get(key) {
    const picture = this.kept.get(key)
    if (picture) {
      this.kept.delete(key)
      this.kept.set(key, picture)
    }
    return picture
  }

  // ms from one picture to the next that can be kept up, with a little to spare.
  get pace() { return (this.latency / FLYING) * 1.15 }

  has(key) { return this.kept.has(key) }

  error(key) { return this.failed.get(key)?.error }

  // wishes: [{key, query}]. spares(key): whether what is under way for this pane and not wanted any more may end all the
  // same: while somebody drags or plays, a picture that is a little late is better than none.
  want(pane, wishes, spares = () => false) {
    this.wanted.set(pane, wishes)
    const keys = new Set(wishes.map((wish) => wish.key))
    for (const [key, flight] of this.flying) {
      if (flight.pane === pane && !keys.has(key) && !spares(key)) flight.abort.abort()
    }
    this.start()
  }

  forget(pane) {
    this.want(pane, [])
    this.wanted.delete(pane)
  }

  // Wishes of all panes, by turns.
  next() {
    const lists = [...this.wanted.values()]
    const longest = Math.max(0, ...lists.map((list) => list.length))
    const now = performance.now()
    for (let i = 0; i < longest; i++) {
      for (const [pane, list] of this.wanted) {
        const wish = list[i]
        if (!wish || this.kept.has(wish.key) || this.flying.has(wish.key)) continue
        if (this.failed.get(wish.key)?.until > now) continue
        return { pane, wish }
      }
    }
    return null
  }

  start() {
    while (this.flying.size < FLYING) {
      const found = this.next()
      if (!found) return
      this.fly(found.pane, found.wish)
    }
  }

  async fly(pane, wish) {
    const abort = new AbortController()
    const flight = { pane, abort, since: performance.now() }
    this.flying.set(wish.key, flight)
    this.counts.mostFlying = Math.max(this.counts.mostFlying, this.flying.size)
    try {
      const picture = await this.transfer.fetch(wish.query, abort.signal)
      const now = performance.now()
      this.latency += ((now - flight.since) - this.latency) * 0.2
      this.counts.fetched++
      this.failed.delete(wish.key)
      this.keep(wish.key, picture)
      this.flying.delete(wish.key)
      this.dispatchEvent(new CustomEvent("picture", { detail: { key: wish.key, pane } }))
    } catch (error) {
      this.flying.delete(wish.key)
      if (isAbort(error)) {
        this.counts.aborted++
      } else {
        this.counts.failed++
        this.failed.set(wish.key, { error, until: performance.now() + 2000 })
        this.dispatchEvent(new CustomEvent("failed", { detail: { key: wish.key, pane, error } }))
      }
    }
    this.start()
  }

  keep(key, picture) {
    this.kept.set(key, picture)
    this.used += picture.bytes
    for (const [oldest, old] of this.kept) {
      if (this.used <= this.room || oldest === key) break
      this.drop(oldest, old)
    }
  }

  drop(key, picture) {
    this.kept.delete(key)
    this.used -= picture.bytes
    picture.pixels.close?.()
  }

  retry() {
    this.failed.clear()
    this.start()
  }
}
