// Play, step, loop, speed, and which frame it is.

import { el, button, select, setIcon } from "./dom.js"
import { clock } from "./format.js"
import { SPEEDS } from "./player.js"

export class Transport {
  // actions: {toggle, step(n), edge(1 or -1), frame(n)}
  constructor(element, player, actions) {
    Object.assign(this, { element, player, actions })
    this.play = button("Play (Space)", "play", actions.toggle, { "data-primary": true })
    this.loop = button("Loop (L)", "loop", () => player.setLooping(!player.isLooping), { "aria-pressed": "false" })
    this.speed = select(SPEEDS.map((speed) => [String(speed), `${speed}x`]), "1", (speed) => player.setSpeed(Number(speed)), { "aria-label": "Speed", title: "Speed ([ and ])" })
    this.time = el("output", { class: "time", "aria-label": "Time" })
    this.frame = el("input", { type: "number", class: "frame-number", min: 0, step: 1, "aria-label": "Frame", onchange: () => actions.frame(Number(this.frame.value)) })
    this.total = el("span", { class: "dim" })
    element.append(
      el("div", { class: "buttons", role: "group", "aria-label": "Play and step" },
        button("First frame (Home)", "first", () => actions.edge(-1)), button("A frame back (Left)", "back", () => actions.step(-1)), this.play,
        button("A frame on (Right)", "forward", () => actions.step(1)), button("Last frame (End)", "last", () => actions.edge(1)), this.loop, this.speed),
      this.time, el("span", { class: "frame-of" }, el("span", { class: "dim" }, "Frame"), this.frame, this.total))
    player.addEventListener("state", () => this.state())
    this.enable(false)
  }

  enable(isOn) { for (const control of this.element.querySelectorAll("button, select, input")) control.disabled = !isOn }

  state() {
    const { isPlaying, isLooping, speed } = this.player
    if (this.wasPlaying !== isPlaying) {
      setIcon(this.play, isPlaying ? "pause" : "play")
      const label = isPlaying ? "Pause (Space)" : "Play (Space)"
      this.play.setAttribute("aria-label", label)
      this.play.title = label
      this.wasPlaying = isPlaying
    }
    this.loop.setAttribute("aria-pressed", String(isLooping))
    const text = String(speed)
    if (![...this.speed.options].some((one) => one.value === text)) this.speed.append(el("option", { value: text }, `${text}x`))
    this.speed.value = text
  }

  // t: of the clock; the frame's own time is in its pane.
  show(t, frame, times, step) {
    const decimals = step < 1000 ? 6 : 3
    this.time.replaceChildren(clock(t, decimals), el("span", { class: "dim" }, ` / ${clock(times.end, decimals)}`))
    if (document.activeElement !== this.frame) this.frame.value = frame
    this.frame.max = times.count - 1
    this.total.textContent = `of ${times.count.toLocaleString("en")}`
  }
}
