// The keyboard, and the overlay that tells of it.

import { el, button } from "./dom.js"

const GROUPS = [
  ["Play", [
    ["Space", "play or pause"], ["Left, Right", "a frame back, on"], ["Shift Left, Right", "ten frames"], ["Home, End", "first, last frame"],
    ["[ and ]", "slower, faster"], ["L", "loop on or off"], ["I, O", "loop begins, ends here"]]],
  ["Timeline", [["Z, X", "shorter, longer stretch"], ["F", "whole recording"], [", and .", "earlier, later stretch"]]],
  ["Frame", [
    ["+ and -", "larger, smaller"], ["0", "whole frame"], ["W A S D", "move"], ["C", "values of a pixel; arrows move, Escape ends"],
    ["B", "boxes"], ["M", "channels side by side"]]],
  ["Page", [
    ["2", "compare two tensors"], ["P", "copy the path"], ["Y", "copy Python"], ["K", "copy a link to this view"], ["E", "save frames"],
    ["/", "search recordings"], ["N", "dark or light"], ["?", "this list"]]],
]

export class Keys {
  // actions: name -> function; the names are those in `table`.
  constructor(actions) {
    this.actions = actions
    this.table = {
      " ": "toggle", ArrowLeft: "back", ArrowRight: "forward", "shift ArrowLeft": "back10", "shift ArrowRight": "forward10", Home: "first", End: "last",
      "[": "slower", "]": "faster", l: "loop", i: "loopIn", o: "loopOut", z: "spanIn", x: "spanOut", f: "spanFit", ",": "spanBack", ".": "spanOn",
      "+": "larger", "=": "larger", "-": "smaller", 0: "fit", w: "up", a: "left", s: "down", d: "right", c: "cursor", b: "boxes", m: "side",
      2: "compare", p: "copyPath", y: "copyPython", k: "copyLink", e: "export", "/": "search", n: "theme", "?": "help",
    }
    document.addEventListener("keydown", (event) => this.key(event))
    this.dialog = el("dialog", { class: "dialog wide", "aria-labelledby": "help-title" }, el("h2", { id: "help-title", tabindex: -1, autofocus: true }, "Keyboard"),
      el("div", { class: "keys" }, GROUPS.map(([title, rows]) => el("section", {}, el("h3", {}, title), el("dl", {}, rows.flatMap(([key, text]) => [el("dt", {}, key), el("dd", {}, text)]))))),
      el("p", { class: "field-note" }, "Touch: drag the timeline to seek, two fingers to zoom it or the frame, tap a pixel for its values. Mouse: the wheel zooms, with Shift it moves the timeline."),
      el("div", { class: "row end" }, button("Close", null, () => this.dialog.close(), { text: "Close" })))
    document.body.append(this.dialog)
  }

  help() { if (!this.dialog.open) this.dialog.showModal() }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (document.querySelector("dialog[open]")) return
    const target = event.target
    if (target.matches("input:not([type=checkbox]), select, textarea")) {
      if (event.key === "Escape") target.blur()
      return
    }
    // Space and Enter do what the focused control does.
    if ((event.key === " " || event.key === "Enter") && target.matches("button, summary, a, input, [role=treeitem]")) return
    if (this.actions.cursorKey(event)) {
      event.preventDefault()
      return
    }
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key
    const action = this.table[(event.shiftKey && name.startsWith("Arrow") ? "shift " : "") + name]
    if (!action) return
    event.preventDefault()
    this.actions[action]()
  }
}
