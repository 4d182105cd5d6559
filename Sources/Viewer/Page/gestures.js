// Mouse, touch and pen on an element: drag with one pointer, pinch with two, wheel, tap, double click.
//
// actions: {down(p), drag(p, dx, dy), up(p), cancel(), hover(p), leave(), pinch(p, factor, dx, dy), wheel(p, event), tap(p), double(p)};
// p = {x, y} in the element.

export function listen(element, actions) {
  const pointers = new Map()
  let moved = 0
  const at = (event) => {
    const box = element.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top, type: event.pointerType }
  }

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return
    try {
      element.setPointerCapture(event.pointerId)
    } catch {
      // The pointer is gone already.
    }
    if (pointers.size === 0) moved = 0
    pointers.set(event.pointerId, at(event))
    if (pointers.size === 1) actions.down?.(at(event))
    else moved = 100
  })

  element.addEventListener("pointermove", (event) => {
    const now = at(event)
    const before = pointers.get(event.pointerId)
    if (!before) {
      actions.hover?.(now)
      return
    }
    if (pointers.size === 1) {
      moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y)
      actions.drag?.(now, now.x - before.x, now.y - before.y)
    } else if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p)
      const old = Math.hypot(before.x - other.x, before.y - other.y)
      const size = Math.hypot(now.x - other.x, now.y - other.y)
      const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }
      actions.pinch?.(middle, size / Math.max(1, old), (now.x - before.x) / 2, (now.y - before.y) / 2)
    }
    pointers.set(event.pointerId, now)
  })

  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return
    if (pointers.size > 0) return
    // The browser scrolls the page with this finger.
    if (event.type === "pointercancel") return actions.cancel?.()
    actions.up?.(at(event))
    if (moved < 6) actions.tap?.(at(event))
  }
  element.addEventListener("pointerup", end)
  element.addEventListener("pointercancel", end)
  element.addEventListener("pointerleave", () => { if (pointers.size === 0) actions.leave?.() })
  element.addEventListener("dblclick", (event) => actions.double?.(at(event)))
  if (actions.wheel) {
    element.addEventListener("wheel", (event) => {
      if (actions.wheel(at(event), event)) event.preventDefault()
    }, { passive: false })
  }
}

// How much a turn of the wheel zooms; a trackpad's pinch comes as wheel with ctrl.
export function wheelFactor(event) {
  const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 200 : 1
  return Math.exp(-Math.max(-200, Math.min(200, event.deltaY * unit)) * (event.ctrlKey ? 0.01 : 0.0022))
}
